"""What `read_nir` makes of legal files."""

import subprocess
import sys
from dataclasses import replace

import h5py
import numpy as np
import pytest

from neurochain.errors import InputError, Severity, UnsupportedError
from neurochain.exporters.nir import write_nir
from neurochain.frontends.nir import read_nir
from neurochain.graph import Compare, Reset, ResetKind, ResetTiming
from neurochain.lowering import lower

SAME = ResetTiming.SAME_STEP


@pytest.fixture
def chain(entries, save):
    """input(2) -> fc -> lif(3) -> output, with changes of the LIF's fields."""

    def write(metadata=None, **changes):
        nodes = {
            "input": entries.port("Input", 2),
            "fc": entries.affine(),
            "lif": entries.lif(**changes),
            "output": entries.port("Output", 3),
        }
        edges = [("input", "fc"), ("fc", "lif"), ("lif", "output")]
        return save(nodes, edges, metadata)

    return write


class TestOrder:
    def edges(self):
        return [
            ("in", "lif10"),
            ("in", "lif2"),
            ("lif2", "join"),
            ("lif10", "join"),
            ("join", "out"),
        ]

    def read(self, entries, save, edges):
        nodes = {
            "out": entries.port("Output", 3),
            "join": entries.lif(),
            "in": entries.port("Input", 3),
            "lif10": entries.lif(),
            "lif2": entries.lif(),
        }
        return read_nir(save(nodes, edges)).graph

    def test_topology_then_natural_names(self, entries, save):
        graph = self.read(entries, save, self.edges())
        assert list(graph.nodes) == ["in", "lif2", "lif10", "join", "out"]

    def test_edge_order_of_the_file_does_not_matter(self, entries, save):
        wanted = self.read(entries, save, self.edges()).edges
        rng = np.random.default_rng(0)
        for _ in range(10):
            edges = [self.edges()[k] for k in rng.permutation(5)]
            assert self.read(entries, save, edges).edges == wanted

    def test_a_cycle_starts_next_to_the_input(self, entries, save):
        nodes = {
            "in": entries.port("Input", 3),
            "b": entries.lif(),
            "a": entries.affine(3, 3),
            "out": entries.port("Output", 3),
        }
        edges = [("a", "b"), ("b", "a"), ("in", "b"), ("b", "out")]
        assert list(read_nir(save(nodes, edges)).graph.nodes) == ["in", "b", "a", "out"]

    def test_two_cycles_in_a_row(self, entries, save):
        nodes = {
            "in": entries.port("Input", 3),
            "z1": entries.lif(),
            "z2": entries.affine(3, 3),
            "a1": entries.lif(),
            "a2": entries.affine(3, 3),
            "out": entries.port("Output", 3),
        }
        edges = [
            ("z1", "z2"),
            ("z2", "z1"),
            ("a1", "a2"),
            ("a2", "a1"),
            ("in", "z1"),
            ("z1", "a1"),
            ("a1", "out"),
        ]
        assert list(read_nir(save(nodes, edges)).graph.nodes) == [
            "in",
            "z1",
            "z2",
            "a1",
            "a2",
            "out",
        ]


class TestTimeStep:
    def test_unit_gain_is_recognised_and_reported(self, chain):
        result = read_nir(chain())
        assert result.graph.dt_s == 1e-4
        (finding,) = [f for f in result.findings if "inferred" in str(f)]
        assert finding.severity is Severity.INFO
        assert "0.0001" in finding.what
        assert result.facts["dt"].startswith("0.0001 s (inferred")

    def test_given_wins(self, chain):
        result = read_nir(chain(), dt_s=2e-4)
        assert result.graph.dt_s == 2e-4
        assert result.findings == ()

    def test_float32_exports_agree(self, chain):
        tau = (1e-4 / (1 - np.array([0.9, 0.5, 0.3]))).astype(np.float32)
        path = chain(tau=tau, r=(tau / np.float32(1e-4)).astype(np.float32))
        assert read_nir(path).graph.dt_s == 1e-4

    @pytest.mark.parametrize(
        "changes",
        [
            {"r": np.ones(3)},  # physical: tau / r = tau
            {"r": np.array([10.0, 10.0, 10.001])},  # they disagree
            {"r": np.array([10.0, 10.0, -10.0])},
            {"r": np.zeros(3)},
            {"tau": np.full(3, 1e-3), "r": np.ones(3) * 0.5},  # dt above tau
        ],
    )
    def test_otherwise_it_is_missing(self, chain, changes):
        with pytest.raises(InputError, match="missing dt") as refused:
            read_nir(chain(**changes))
        assert refused.value.exit_code == 3
        assert "--dt" in str(refused.value)
        assert "lif.tau = 0.001" in str(refused.value)

    def test_every_node_must_agree(self, entries, save):
        nodes = {
            "in": entries.port("Input", 3),
            "a": entries.cuba(),
            "b": entries.cuba(),
            "out": entries.port("Output", 3),
        }
        edges = [("in", "a"), ("a", "b"), ("b", "out")]
        assert read_nir(save(nodes, edges)).graph.dt_s == 1e-4
        nodes["b"] = entries.cuba(w_in=np.ones(3))
        with pytest.raises(InputError, match="missing dt"):
            read_nir(save(nodes, edges))

    def test_dt_equal_to_tau_is_legal_and_more_is_not(self, chain):
        assert read_nir(chain(), dt_s=1e-3).graph.dt_s == 1e-3
        rounded = np.full(3, 1e-4, np.float32)  # below 1e-4
        network = lower(read_nir(chain(tau=rounded), dt_s=1e-4).graph)
        assert network.populations[0].params["beta"] == 0
        with pytest.raises(InputError, match=r"lif \(LIF\): dt 0.0011 exceeds tau 0.001"):
            read_nir(chain(), dt_s=1.1e-3)

    def test_without_neurons_dt_means_nothing(self, entries, save):
        nodes = {
            "in": entries.port("Input", 2),
            "fc": entries.affine(),
            "out": entries.port("Output", 3),
        }
        assert read_nir(save(nodes, [("in", "fc"), ("fc", "out")])).graph.dt_s == 1.0

    @pytest.mark.parametrize("dt", [0, -1e-4, float("nan"), float("inf")])
    def test_a_bad_option_is_bad_input(self, chain, dt):
        with pytest.raises(InputError, match="dt"):
            read_nir(chain(), dt_s=dt)


class TestReset:
    def test_zero_and_value(self, chain):
        assert read_nir(chain()).graph.nodes["lif"].reset == Reset(kind=ResetKind.ZERO)
        path = chain(v_reset=np.array([0.0, 0.0, 0.1]))
        assert read_nir(path).graph.nodes["lif"].reset == Reset(kind=ResetKind.VALUE)

    def test_old_files_have_no_v_reset(self, chain):
        node = read_nir(chain(v_reset=None)).graph.nodes["lif"]
        assert node.v_reset.tolist() == [0, 0, 0]
        assert node.reset.kind is ResetKind.ZERO

    @pytest.mark.parametrize("kind", list(ResetKind))
    def test_option(self, chain, kind):
        result = read_nir(chain(), reset=kind.value)
        assert result.graph.nodes["lif"].reset == Reset(kind=kind, timing=SAME)
        assert result.facts["reset"].startswith(kind.value)

    def test_an_unused_v_reset_is_said(self, chain):
        result = read_nir(chain(v_reset=np.full(3, 0.1)), reset="zero")
        assert any("v_reset of 0.1 is not used" in str(f) for f in result.findings)

    def test_compare(self, chain):
        node = read_nir(chain(), compare=">=").graph.nodes["lif"]
        assert node.compare is Compare.GREATER_EQUAL
        assert read_nir(chain()).graph.nodes["lif"].compare is Compare.GREATER

    @pytest.mark.parametrize("options", [{"reset": "soft"}, {"compare": "<"}])
    def test_bad_options(self, chain, options):
        with pytest.raises(InputError, match="Choose"):
            read_nir(chain(), **options)


class TestNodes:
    def one(self, entries, save, node, shape_in, shape_out, **options):
        nodes = {
            "in": entries.port("Input", *shape_in),
            "n": node,
            "out": entries.port("Output", *shape_out),
        }
        return read_nir(save(nodes, [("in", "n"), ("n", "out")]), **options).graph.nodes["n"]

    def test_weights_keep_float32(self, entries, save):
        assert self.one(entries, save, entries.affine(), (2,), (3,)).weight.dtype == np.float32
        double = entries.affine(weight=np.full((3, 2), 0.1))
        assert self.one(entries, save, double, (2,), (3,)).weight.dtype == np.float64

    @pytest.mark.parametrize("dtype", [np.int8, np.int64, np.float16])
    def test_other_weights_become_float32_where_they_fit(self, entries, save, dtype):
        node = entries.affine(weight=np.array([[1, 2], [3, 4], [5, -6]], dtype=dtype))
        weight = self.one(entries, save, node, (2,), (3,)).weight
        assert weight.dtype == np.float32
        assert weight.tolist() == [[1, 2], [3, 4], [5, -6]]

    def test_parameters_are_float64(self, entries, save):
        node = self.one(
            entries, save, entries.lif(tau=np.full(3, 1e-3, np.float32)), (3,), (3,), dt_s=1e-4
        )
        assert node.tau.dtype == np.float64

    def test_scalar_hyper_parameters(self, entries, save):
        node = self.one(
            entries, save, entries.conv(stride=2, padding=1, dilation=1), (2, 8, 8), (4, 4, 4)
        )
        assert (node.stride, node.padding, node.dilation) == ((2, 2), (1, 1), (1, 1))
        pool = {"type": "SumPool2d", "kernel_size": 2, "stride": np.array([2]), "padding": 0}
        pool = self.one(entries, save, pool, (2, 8, 8), (2, 4, 4))
        assert (pool.kernel_size, pool.stride, pool.padding) == ((2, 2), (2, 2), (0, 0))

    def test_padding_in_words(self, entries, save):
        same = self.one(entries, save, entries.conv(padding="same"), (2, 8, 8), (4, 8, 8))
        assert same.padding == (1, 1)
        valid = self.one(entries, save, entries.conv(padding="valid"), (2, 8, 8), (4, 6, 6))
        assert valid.padding == (0, 0)

    def test_padding_that_cannot_be_halved(self, entries, save):
        even = {"padding": "same", "weight": np.ones((4, 2, 2, 4), np.float32)}
        node = self.one(entries, save, entries.conv(**even), (2, 8, 8), (4, 8, 8))
        assert (node.padding, node.positions) == ((0, 1), (8, 8))

    @pytest.mark.parametrize(
        "changes",
        [{"stride": 2}, {"weight": np.ones((4, 2, 2, 2), np.float32), "input_shape": None}],
    )
    def test_unequal_padding_is_unsupported(self, entries, save, changes):
        with pytest.raises(UnsupportedError, match=r"n \(Conv2d\): padding 'same'"):
            self.one(entries, save, entries.conv(padding="same", **changes), (2, 8, 8), (4, 8, 8))

    def test_stacked_weights_are_unsupported(self, entries, save):
        node = entries.affine(weight=np.ones((2, 3, 2), np.float32))
        with pytest.raises(UnsupportedError, match=r"n \(Affine\): weight has shape \(2, 3, 2\)"):
            self.one(entries, save, node, (2, 2), (2, 3))

    def test_missing_optional_fields(self, entries, save):
        assert self.one(
            entries, save, entries.cuba(w_in=None), (3,), (3,), dt_s=1e-4
        ).w_in.tolist() == [1, 1, 1]
        flatten = self.one(entries, save, {"type": "Flatten"}, (2, 3, 4), (2, 12))
        assert (flatten.start_dim, flatten.end_dim) == (1, -1)

    def test_big_endian(self, entries, save):
        node = self.one(
            entries, save, entries.affine(weight=np.ones((3, 2), dtype=">f4")), (2,), (3,)
        )
        assert node.weight.dtype.isnative
        assert node.weight.tolist() == np.ones((3, 2)).tolist()

    def test_metadata_of_others_is_not_read(self, entries, save):
        node = entries.affine(metadata={"any": np.array([1 + 2j]), "deep": {"text": "x"}})
        self.one(entries, save, node, (2,), (3,))


class TestOurMetadata:
    @pytest.fixture
    def written(self, chain, tmp_path):
        """A file of ours whose neuron subtracts."""
        graph = read_nir(chain(), reset="subtract").graph
        graph = replace(graph, dt_s=5e-5, recurrent_bias_at_0=False)
        write_nir(graph, tmp_path / "ours.nir", allow_lossy=True)
        return tmp_path / "ours.nir"

    def test_it_wins_over_defaults_and_inference(self, written):
        result = read_nir(written)
        assert result.findings == ()
        assert result.graph.dt_s == 5e-5
        assert result.graph.recurrent_bias_at_0 is False
        assert result.graph.nodes["lif"].reset.kind is ResetKind.SUBTRACT
        assert "stored" in result.facts["dt"]

    def test_options_win_over_it_with_a_warning(self, written):
        result = read_nir(written, dt_s=1e-4, reset="zero", compare=">=")
        assert result.graph.dt_s == 1e-4
        assert result.graph.nodes["lif"].reset.kind is ResetKind.ZERO
        warnings = [str(f) for f in result.findings if f.severity is Severity.WARNING]
        assert len(warnings) == 3
        assert any("dt 0.0001 was given, the file says 5e-05" in w for w in warnings)

    @pytest.mark.parametrize(
        ("field", "place"),
        [("weight", "node/nodes/fc"), ("tau", "node/nodes/lif"), ("bias", "node/nodes/fc")],
    )
    def test_a_changed_graph_voids_it(self, written, field, place):
        with h5py.File(written, "r+") as file:
            data = file[place][field]
            data[...] = data[...] * 1.5 + 0.25 * (field == "bias")
        with_dt = read_nir(written, dt_s=1e-5)
        assert with_dt.graph.nodes["lif"].reset.kind is ResetKind.ZERO
        (warning,) = [f for f in with_dt.findings if f.severity is Severity.WARNING]
        assert "is ignored" in warning.what

    def test_a_changed_edge_voids_it(self, written):
        with h5py.File(written, "r+") as file:
            nodes = file["node/nodes"]
            nodes.move("fc", "fd")
            edges = [[x.replace("fc", "fd") for x in row] for row in file["node/edges"].asstr()[()]]
            del file["node/edges"]
            file["node"].create_dataset("edges", data=edges, dtype=h5py.string_dtype())
        result = read_nir(written)
        assert any("is ignored" in f.what for f in result.findings)

    @pytest.mark.parametrize("text", ["", "{}", "[1]", '{"format": 2}', "[" * 5000])
    def test_nonsense_is_ignored_with_a_warning(self, chain, text):
        result = read_nir(chain(metadata={"neurochain": text}))
        (warning,) = [f for f in result.findings if f.severity is Severity.WARNING]
        assert "metadata 'neurochain' is ignored" in warning.what

    def test_metadata_of_other_kinds_is_ignored(self, chain):
        path = chain(metadata={"neurochain": np.ones(3), "other": "x"})
        assert read_nir(path).graph.dt_s == 1e-4


def test_importing_neither_h5py_nor_nir():
    code = (
        "import sys, neurochain.frontends.nir, neurochain.exporters.nir; "
        "sys.exit(any(m in sys.modules for m in ('h5py', 'nir', 'torch')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
