"""Graphs of any structure: nested, cyclic, several inputs and outputs, any names and versions."""

import h5py
import nir
import numpy as np
import pytest

from neurochain.errors import InputError, UnsupportedError
from neurochain.frontends.nir import read_nir
from neurochain.lowering import lower
from neurochain.simulators import Record, run

DT = 1e-4


class TestSeveralEnds:
    """Several inputs and outputs of the file itself."""

    def test_two_inputs_and_three_outputs(self, entries, save):
        eye = {"type": "Linear", "weight": np.eye(3, dtype=np.float32)}
        nodes = {
            "sound": entries.port("Input", 3),
            "image": entries.port("Input", 3),
            "fs": eye,
            "fi": {"type": "Linear", "weight": 2 * np.eye(3, dtype=np.float32)},
            "both": entries.lif(),
            "left": entries.port("Output", 3),
            "right": entries.port("Output", 3),
            "raw": entries.port("Output", 3),
        }
        edges = [
            *(("sound", "fs"), ("image", "fi"), ("fs", "both"), ("fi", "both")),
            *(("both", "left"), ("both", "right"), ("fi", "raw")),
        ]
        network = lower(read_nir(save(nodes, edges)).graph)
        assert {s.name for s in network.sources} == {"sound", "image"}
        assert {o.name: o.node for o in network.outputs} == {
            "left": "both",
            "right": "both",
            "raw": "fi",
        }
        sound, image = np.zeros((2, 1, 2, 3), np.float32)
        sound[0, 0, 0] = sound[0, 1, 1] = 0.75
        image[0, 0, 0], image[0, 1, 2] = 0.25, 1.0
        wanted = Record(emissions=("both", "fi"))
        x = {"sound": sound, "image": image}
        found = run(network, x, engine="reference", record=wanted).emissions
        assert found["both"][0].tolist() == [[1, 0, 0], [0, 0, 1]]
        assert found["fi"][0].tolist() == [[0.5, 0, 0], [0, 0, 2]]

    def test_an_input_read_by_nobody_and_an_output_of_nothing(self, entries, save):
        nodes = {
            "in": entries.port("Input", 3),
            "spare": entries.port("Input", 3),
            "lif": entries.lif(),
            "out": entries.port("Output", 3),
            "idle": entries.port("Output", 3),
        }
        with pytest.raises(InputError) as refused:
            read_nir(save(nodes, [("in", "lif"), ("lif", "out")]))
        lines = str(refused.value).splitlines()
        assert lines[0].startswith("idle (Output): has no incoming edge")
        assert lines[1].startswith("spare (Input): has no outgoing edge")
        assert len(lines) == 2


class TestCycles:
    def graph(self, entries, save, edges, **more):
        nodes = {
            "in": entries.port("Input", 3),
            "a": entries.lif(),
            "b": entries.lif(),
            "w": {"type": "Linear", "weight": np.roll(np.eye(3, dtype=np.float32), 1, axis=0)},
            "out": entries.port("Output", 3),
            **more,
        }
        network = lower(read_nir(save(nodes, edges)).graph)
        x = np.zeros((1, 8, 3), np.float32)
        x[0, 0, 0] = 2.0
        return network, run(network, {"in": x}, engine="reference").emissions

    def test_a_neuron_on_itself(self, entries, save):
        """2 fires, its spike comes back as 1 and is not above the threshold."""
        network, found = self.graph(
            entries, save, [("in", "a"), ("a", "a"), ("a", "b"), ("b", "w"), ("w", "out")]
        )
        assert [p.delay for p in network.projections if p.source == p.target == "a"] == [1]
        assert found["a"][0, :3, 0].tolist() == [1, 0, 0]

    def test_two_neurons_in_a_ring(self, entries, save):
        """A spike goes round: a at once, b through w in the same step, a again a step later."""
        twice = {"type": "Scale", "scale": np.full(3, 2.0)}
        edges = [
            *(("in", "a"), ("a", "w"), ("w", "s"), ("s", "b"), ("b", "t"), ("t", "a")),
            ("b", "out"),
        ]
        network, found = self.graph(entries, save, edges, s=twice, t=twice)
        closing = [p for p in network.projections if p.target == "a" and p.source == "b"]
        assert [p.delay for p in closing] == [1]
        assert found["b"][0].argmax(axis=1).tolist() == [1, 2, 0, 1, 2, 0, 1, 2]
        assert found["b"][0].sum() == 8

    def test_two_loops_through_one_neuron(self, entries, save):
        edges = [
            *(("in", "a"), ("a", "b"), ("b", "a"), ("a", "w"), ("w", "a")),
            ("a", "out"),
        ]
        network, _ = self.graph(entries, save, edges)
        assert sorted(p.delay for p in network.projections if p.target == "a") == [0, 1, 1]

    def test_no_neuron_on_it(self, entries, save):
        scale = {"type": "Scale", "scale": np.ones(3)}
        edges = [
            ("in", "a"),
            ("a", "s"),
            ("s", "t"),
            ("t", "s"),
            ("s", "b"),
            ("b", "w"),
            ("w", "out"),
        ]
        with pytest.raises(UnsupportedError, match="is a cycle without a neuron"):
            self.graph(entries, save, edges, s=scale, t=scale)


NAMES = [
    *("0", "1", "-1", "input", "output", "Input", "type", "nodes", "edges", "metadata", "version"),
    *("lif.1", "a b", "a->b", "a#2", "über", "層", "None", "True", "class", "..a", "x" * 500),
]


class TestNames:
    @pytest.mark.parametrize("name", NAMES)
    def test_any_name_will_do(self, entries, save, name):
        nodes = {
            name: entries.lif(2),
            "schluss": entries.port("Output", 3),
            "anfang": entries.port("Input", 2),
            "naht": entries.affine(),
            "neuron": entries.lif(),
        }
        edges = [("anfang", name), (name, "naht"), ("naht", "neuron"), ("neuron", "schluss")]
        graph = read_nir(save(nodes, edges)).graph
        assert list(graph.nodes) == ["anfang", name, "naht", "neuron", "schluss"]
        assert (lower(graph).sources[0].name, lower(graph).outputs[0].name) == ("anfang", "schluss")

    def test_every_order_in_the_file_gives_the_same(self, entries, save):
        """HDF5 can keep the order of creation; it is not looked at."""
        nodes = {
            "z": entries.port("Input", 2),
            "y": entries.affine(),
            "x": entries.lif(),
            "w": entries.port("Output", 3),
        }
        edges = [("z", "y"), ("y", "x"), ("x", "w")]
        wanted = None
        rng = np.random.default_rng(1)
        for _ in range(6):
            names = [list(nodes)[k] for k in rng.permutation(4)]
            table = [edges[k] for k in rng.permutation(3)]
            graph = read_nir(save({name: nodes[name] for name in names}, table)).graph
            wanted = wanted or (list(graph.nodes), graph.edges)
            assert (list(graph.nodes), graph.edges) == wanted


VERSIONS = ["0.1.1", "0.2.0", "1.0.4", "1.0.8", "99.0", "", None]


class TestVersions:
    @pytest.mark.parametrize("version", VERSIONS)
    @pytest.mark.parametrize("kind", ["lif", "cuba", "if"])
    def test_files_before_v_reset(self, entries, save, version, kind):
        """0.1.1 and 0.2.0 have no v_reset and no w_in; the version itself is never relied on."""
        one = np.ones(3)
        node = {
            "lif": entries.lif(v_reset=None),
            "cuba": entries.cuba(v_reset=None, w_in=None),
            "if": {"type": "IF", "r": 1 / DT * one, "v_threshold": one},
        }[kind]
        nodes = {"in": entries.port("Input", 3), "n": node, "out": entries.port("Output", 3)}
        path = save(nodes, [("in", "n"), ("n", "out")])
        with h5py.File(path, "r+") as file:
            del file["version"]
            if version is not None:
                file.create_dataset("version", data=version, dtype=h5py.string_dtype())
        result = read_nir(path, dt_s=DT)
        assert result.graph.nodes["n"].v_reset.tolist() == [0, 0, 0]
        assert result.facts["reset"] == "zero (same_step)"
        assert result.facts["version"] == ("not stated" if version is None else version)


def test_one_error_lists_what_is_wrong_on_every_level(entries, save):
    inner = {
        "type": "NIRGraph",
        "nodes": {
            "i": entries.port("Input", 3),
            "lif": entries.lif(tau=np.zeros(3), r=np.full(3, np.nan)),
            "o": entries.port("Output", 3),
        },
        "edges": [("i", "lif"), ("lif", "o"), ("lif", "gone")],
    }
    nodes = {
        "in": entries.port("Input", 2),
        "fc": entries.affine(bias=np.zeros(9), extra=1.0),
        "sub": inner,
        "odd": {"type": "Unheard"},
        "out": entries.port("Output", 3),
    }
    edges = [("in", "fc"), ("fc", "sub"), ("sub", "out"), ("sub", "out"), ("in", "nowhere")]
    with pytest.raises(InputError) as refused:
        read_nir(save(nodes, edges))
    text = str(refused.value)
    for part in (
        "fc (Affine): bias has shape (9,)",
        "fc (Affine): has unknown parameters: extra",
        "sub.lif (LIF): tau is 0",
        "sub.lif (LIF): r[0] is nan",
        "edge sub.lif -> sub.gone: names a node 'gone' that does not exist in sub",
        "edge in -> nowhere: names a node 'nowhere'",
        "edge sub -> out: appears twice",
        "odd: has the unknown type 'Unheard'",
    ):
        assert part in text
    assert len(refused.value.findings) == 8


class TestNested:
    def outer(self, entries, save, inner, name="sub"):
        nodes = {
            "in": entries.port("Input", 3),
            name: inner,
            "out": entries.port("Output", 3),
        }
        return save(nodes, [("in", name), (name, "out")])

    def inner(self, entries, n=3):
        return {
            "type": "NIRGraph",
            "nodes": {
                "input": entries.port("Input", n),
                "lif": entries.lif(),
                "rec": entries.affine(3, 3),
                "output": entries.port("Output", 3),
            },
            "edges": [
                ("input", "lif"),
                ("lif", "rec"),
                ("rec", "lif"),
                ("lif", "output"),
            ],
        }

    def test_one_input_and_one_output_are_unpacked(self, entries, save):
        graph = read_nir(self.outer(entries, save, self.inner(entries))).graph
        assert list(graph.nodes) == ["in", "sub.lif", "sub.rec", "out"]
        assert [(e.source, e.target) for e in graph.edges] == [
            ("in", "sub.lif"),
            ("sub.rec", "sub.lif"),
            ("sub.lif", "sub.rec"),
            ("sub.lif", "out"),
        ]

    def test_two_levels(self, entries, save):
        middle = {
            "type": "NIRGraph",
            "nodes": {
                "i": entries.port("Input", 3),
                "deep": self.inner(entries),
                "o": entries.port("Output", 3),
            },
            "edges": [("i", "deep"), ("deep", "o")],
        }
        graph = read_nir(self.outer(entries, save, middle)).graph
        assert list(graph.nodes) == ["in", "sub.deep.lif", "sub.deep.rec", "out"]

    def test_a_file_by_nir(self, tmp_path):
        one = np.ones(3)
        inner = nir.NIRGraph.from_list(
            nir.LIF(tau=1e-3 * one, r=10 * one, v_leak=0 * one, v_threshold=one)
        )
        outer = nir.NIRGraph.from_list(nir.Linear(weight=np.ones((3, 2))), inner)
        nir.write(tmp_path / "n.nir", outer)
        names = list(read_nir(tmp_path / "n.nir").graph.nodes)
        assert names == ["input", "linear", "nirgraph.lif", "output"]

    def test_several_inputs_under_one_name_are_unsupported(self, entries, save):
        inner = self.inner(entries)
        inner["nodes"]["input2"] = entries.port("Input", 3)
        inner["edges"].append(("input2", "lif"))
        with pytest.raises(UnsupportedError, match=r"sub \(NIRGraph\): has 2 inputs"):
            read_nir(self.outer(entries, save, inner))

    def two_way(self, entries):
        """Adds a and b up into one neuron, and gives its spikes and those of b alone."""
        identity = {"type": "Linear", "weight": np.eye(3, dtype=np.float32)}
        return {
            "type": "NIRGraph",
            "nodes": {
                "a": entries.port("Input", 3),
                "b": entries.port("Input", 3),
                "fc": identity,
                "lif": entries.lif(),
                "alone": entries.lif(),
                "sum": entries.port("Output", 3),
                "rest": entries.port("Output", 3),
            },
            "edges": [
                *(("a", "lif"), ("b", "fc"), ("fc", "lif"), ("fc", "alone")),
                *(("lif", "sum"), ("alone", "rest")),
            ],
        }

    def joined(self, entries, save, edges):
        nodes = {
            "x": entries.port("Input", 3),
            "y": entries.port("Input", 3),
            "sub": self.two_way(entries),
            "out1": entries.port("Output", 3),
            "out2": entries.port("Output", 3),
        }
        return save(nodes, edges)

    PORTS = (("x", "sub.a"), ("y", "sub.b"), ("sub.sum", "out1"), ("sub.rest", "out2"))

    def test_several_inputs_and_outputs_where_the_edges_name_them(self, entries, save):
        graph = read_nir(self.joined(entries, save, list(self.PORTS))).graph
        edges = {(e.source, e.target) for e in graph.edges}
        assert edges == {
            *(("x", "sub.lif"), ("y", "sub.fc"), ("sub.fc", "sub.lif"), ("sub.fc", "sub.alone")),
            *(("sub.lif", "out1"), ("sub.alone", "out2")),
        }
        network = lower(graph)
        assert [s.name for s in network.sources] == ["x", "y"]
        assert {o.name for o in network.outputs} == {"out1", "out2"}
        x = np.zeros((1, 3, 3), np.float32)
        x[0, 0, 0] = 2
        y = np.zeros((1, 3, 3), np.float32)
        y[0, 1, 1] = 2
        result = run(network, {"x": x, "y": y}, engine="reference")
        assert result.emissions["sub.lif"][0].tolist() == [[1, 0, 0], [0, 1, 0], [0, 0, 0]]
        assert result.emissions["sub.alone"][0].tolist() == [[0, 0, 0], [0, 1, 0], [0, 0, 0]]

    @pytest.mark.parametrize(
        ("left_out", "said"),
        [(1, r"sub\.b \(Input\): has no incoming edge"), (3, r"sub\.rest \(Output\): is not read")],
    )
    def test_every_port_is_joined(self, entries, save, left_out, said):
        edges = [e for k, e in enumerate(self.PORTS) if k != left_out]
        with pytest.raises(InputError, match=said):
            read_nir(self.joined(entries, save, edges))

    def test_a_port_that_is_none(self, entries, save):
        edges = [*self.PORTS, ("x", "sub.lif"), ("sub.a", "out1")]
        with pytest.raises(InputError) as refused:
            read_nir(self.joined(entries, save, edges))
        text = str(refused.value)
        assert "names a node 'sub.lif' that does not exist" in text
        assert "names a node 'sub.a' that does not exist" in text

    def test_the_graph_alone_is_ambiguous(self, entries, save):
        edges = [("x", "sub"), *self.PORTS[1:]]
        with pytest.raises(UnsupportedError, match="has 2 inputs and 2 outputs"):
            read_nir(self.joined(entries, save, edges))

    def test_stated_shapes_must_agree(self, entries, save):
        with pytest.raises(InputError, match=r"in -> sub.input: carries \(3,\), .* takes \(12,\)"):
            read_nir(self.outer(entries, save, self.inner(entries, n=12)))

    def test_names_must_stay_different(self, entries, save):
        nodes = {
            "in": entries.port("Input", 3),
            "sub": self.inner(entries),
            "sub.lif": entries.lif(),
            "out": entries.port("Output", 3),
        }
        path = save(nodes, [("in", "sub"), ("sub", "sub.lif"), ("sub.lif", "out")])
        with pytest.raises(InputError, match=r"sub\.lif: names two nodes"):
            read_nir(path)

    def test_doubled_edges_are_unsupported(self, entries, save):
        inner = {
            "type": "NIRGraph",
            "nodes": {"i": entries.port("Input", 3), "o": entries.port("Output", 3)},
            "edges": [("i", "o")],
        }
        nodes = {
            "in": entries.port("Input", 3),
            "sub": inner,
            "lif": entries.lif(),
            "out": entries.port("Output", 3),
        }
        edges = [("in", "sub"), ("sub", "lif"), ("in", "lif"), ("lif", "out")]
        with pytest.raises(UnsupportedError, match="edge in -> lif: appears twice"):
            read_nir(save(nodes, edges))
