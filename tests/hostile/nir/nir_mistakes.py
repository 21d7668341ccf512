"""Files that are wrong: groups, parameters, types of values, structure."""

import h5py
import numpy as np
from nir_files import (
    DELAY,
    EDGES,
    ONE,
    TEXT,
    Case,
    affine,
    conv,
    cuba,
    cut,
    dataset,
    edges,
    flattened,
    inner,
    layer,
    lif,
    nan,
    nested,
    nodes,
    port,
    raw_edges,
    regrouped,
    root_of,
    weight,
    write,
)

MISTAKES = {
    # groups
    "no graph": Case(lambda path: h5py.File(path, "w").close(), "has no group 'node'"),
    "the root is a neuron": Case(
        lambda path: root_of(path, "LIF"),
        "its type is 'LIF'; the root must be a NIRGraph",
    ),
    "no type": Case(lambda path: cut(path, "node/type"), "its type is missing"),
    "no nodes": Case(lambda path: cut(path, "node/nodes"), "has no nodes"),
    "no edges": Case(lambda path: cut(path, "node/edges"), "has no edges"),
    "edges in a group": Case(lambda path: regrouped(path, "edges"), "edges have no table"),
    "nodes in a dataset": Case(lambda path: flattened(path, "nodes"), "has no nodes"),
    # parameters
    "NaN weight": nodes("weight[2, 1] is nan; 1 of 6", fc=affine(weight=nan(3, 2))),
    "infinite bias": nodes("bias[0] is -inf", fc=affine(bias=np.full(3, -np.inf))),
    **{
        f"NaN {name}": nodes(f"lif (LIF): {name}[2] is nan", lif=lif(**{name: nan(3)}))
        for name in ("tau", "r", "v_leak", "v_threshold", "v_reset")
    },
    **{
        f"NaN {name} of CubaLIF": nodes(
            f"lif (CubaLIF): {name}[2] is nan", lif=cuba(**{name: nan(3)})
        )
        for name in ("tau_syn", "tau_mem", "w_in")
    },
    "infinite tau": nodes("tau[0] is inf", lif=lif(tau=np.full(3, np.inf))),
    "tau 0": nodes("tau is 0; it must be above 0", lif=lif(tau=0 * ONE)),
    "tau below 0": nodes("tau is -0.001; it must be above 0", lif=lif(tau=-1e-3 * ONE)),
    "tau_syn 0": nodes("tau_syn is 0; it must be above 0", lif=cuba(tau_syn=0 * ONE)),
    "dt above tau": nodes("dt 0.0001 exceeds tau 5e-05", lif=lif(tau=5e-5 * ONE)),
    "no dt": Case(lambda path: write(path, {"lif": lif(r=ONE)}), "missing dt", args=[]),
    "dt 0": Case(write, "dt", args=["--dt", "0"]),
    "bias too long": nodes("bias has shape (4,), but its weight has 3", fc=affine(bias=np.ones(4))),
    "bias a scalar": nodes("bias has shape ()", fc=affine(bias=0.0)),
    "weight of one axis": nodes("weight has shape (3,)", fc=affine(weight=ONE)),
    "weight of nothing": nodes("it must hold values", fc=affine(weight=np.ones((3, 0)))),
    "weights in a stack": nodes(
        "weight has shape (2, 3, 2)", 4, fc=affine(weight=np.ones((2, 3, 2)))
    ),
    "weight of the wrong size": nodes(
        "carries (2,), but fc takes (5,)", fc=affine(weight=np.ones((3, 5)))
    ),
    "threshold of another shape": nodes(
        "v_threshold has shape (2,)", lif=lif(v_threshold=np.ones(2))
    ),
    "a missing parameter": nodes("parameter r is missing", lif=lif(r=None)),
    "an extra parameter": nodes("has unknown parameters: gain", fc=affine(gain=1.0)),
    "a threshold beyond float32": nodes(
        "theta is not a finite float32", lif=lif(v_threshold=1e300 * ONE)
    ),
    "a weight beyond float32": nodes(
        "above float32's range", fc=affine(weight=np.full((3, 2), 1e300))
    ),
    # types of values
    "complex weight": nodes("weight is complex", fc=affine(weight=np.ones((3, 2), complex))),
    "boolean weight": nodes("weight is boolean", fc=affine(weight=np.ones((3, 2), bool))),
    "text for a weight": nodes("weight is text", fc=affine(weight="heavy")),
    "texts for a weight": weight("weight is text", dataset(data=[["a", "b"]] * 3, dtype=TEXT)),
    "fixed text for a weight": weight("weight is text", dataset(data=np.full((3, 2), b"1.0"))),
    "a group for a weight": nodes("weight is a group", fc=affine(weight={"a": 1.0})),
    "records for a weight": weight(
        "has the type", dataset(shape=(2,), dtype=np.dtype([("a", "f4")]))
    ),
    "references for a weight": weight("has the type", dataset(shape=(2,), dtype=h5py.ref_dtype)),
    "ragged rows for a weight": weight(
        "has the type", dataset(shape=(3,), dtype=h5py.vlen_dtype("f4"))
    ),
    "compressed complex weight": weight(
        "weight is complex",
        dataset(data=np.ones((3, 2), complex), compression="gzip"),
    ),
    "an empty value": nodes(
        "holds no value", fc=affine(weight=lambda g, n: g.__setitem__(n, h5py.Empty("f4")))
    ),
    "a number for a type": nodes("lif: has no type", lif=lif(type=3.0)),
    "a type that is no UTF-8": nodes(
        "is not UTF-8", lif=lif(type=dataset(data=np.bytes_(b"\xff\xfe")))
    ),
    # names and structure
    "unknown type": nodes("has the unknown type 'SoftLIF'", 4, lif=lif(type="SoftLIF")),
    "a name with /": nodes("a name with '/' splits a node", **{"a/b": lif()}),
    "a name with control codes": nodes("not printable", **{"a\x1b[31mb": lif()}),
    "a dangling edge": edges("names a node 'gone' that does not exist", [*EDGES, ("lif", "gone")]),
    "a duplicate edge": edges("edge fc -> lif: appears twice", [*EDGES, EDGES[1]]),
    "an edge into the input": edges("enters an Input node", [*EDGES, ("lif", "input")]),
    "an edge out of the output": edges("leaves an Output node", [*EDGES, ("output", "fc")]),
    "edges of three columns": raw_edges(
        "edges have shape (1, 3)", dataset(data=[("a", "b", "c")], dtype=TEXT)
    ),
    "edges of numbers": raw_edges("edges", np.zeros((3, 2), np.int64)),
    "one edge without a table": raw_edges(
        "edges have shape (2,)", dataset(data=["input", "fc"], dtype=TEXT)
    ),
    "no edge at all": edges("has no incoming edge", []),
    "an unreachable node": edges("stray (LIF): has no incoming edge", EDGES, stray=lif()),
    "an island": edges(
        "i1 (LIF): cannot be reached from any input",
        [*EDGES, ("i1", "i2"), ("i2", "i1")],
        i1=lif(),
        i2=lif(),
    ),
    "no input": edges(
        "the graph has no Input node", [("fc", "lif"), ("lif", "output")], input=None
    ),
    "no output": edges(
        "the graph has no Output node", [("input", "fc"), ("fc", "lif")], output=None
    ),
    "a cycle without a neuron": edges(
        "is a cycle without a neuron",
        [("input", "a"), ("a", "b"), ("b", "a"), ("b", "output")],
        4,
        fc=None,
        lif=None,
        input=port("Input", 3),
        a={"type": "Scale", "scale": ONE},
        b={"type": "Scale", "scale": ONE},
    ),
    "a cycle of delays": edges(
        "is a cycle of delays and reshapes",
        [*EDGES, ("d1", "d2"), ("d2", "d1")],
        4,
        d1=DELAY,
        d2=DELAY,
    ),
    "a negative delay": layer(
        "delay is -0.001; it must be at least 0", {"type": "Delay", "delay": np.full(2, -1e-3)}
    ),
    "a fractional delay": layer(
        "one whole number from 0", {"type": "Delay", "delay": np.full(2, 1.5e-4)}, code=4
    ),
    "an endless delay": layer(
        "one whole number from 0 to 65535", {"type": "Delay", "delay": np.full(2, 1e9)}, code=4
    ),
    "unequal delays": layer(
        "one whole number from 0", {"type": "Delay", "delay": np.array([1e-4, 2e-4])}, code=4
    ),
    "an input of no size": nodes("shape is [0]", input=port("Input", 0)),
    "an input of negative size": nodes("shape is [-2]", input=port("Input", -2)),
    "groups that do not divide": conv("groups is 3; it must divide", groups=3),
    "stride 0": conv("stride is 0; it must be at least 1", stride=0),
    "half a stride": conv("whole numbers are expected", stride=np.array([1.0, 1.5])),
    "a stride beyond 32 bits": conv("stride is [1099511627776]", stride=np.array([1 << 40])),
    "unknown padding": conv("padding is 'reflect'", padding="reflect"),
    "a kernel larger than its input": conv(
        "does not fit into", weight=np.ones((4, 2, 9, 9), np.float32), input_shape=np.array([8, 8])
    ),
    "flatten beyond the axes": layer(
        "start_dim 2, end_dim -1 do not exist",
        {"type": "Flatten", "start_dim": 2, "input_type": np.array([2])},
    ),
    # nested graphs
    "a nested edge to nowhere": nested(
        "edge sub.lif -> sub.gone", inner([("i", "lif"), ("lif", "gone")])
    ),
    "a nested graph without input": nested(
        "the graph has no Input node", inner([("lif", "o")], i=None)
    ),
    "a nested graph with two inputs": nested(
        "has 2 inputs", inner([("i", "lif"), ("j", "lif"), ("lif", "o")], j=port("Input", 3)), 4
    ),
    "a nested graph of another size": nested(
        "carries (3,), but sub.i takes (7,)", inner(i=port("Input", 7))
    ),
    # metadata of ours
    "metadata that is no JSON": Case(
        lambda path: write(path, metadata={"neurochain": "[" * 100_000}), "is ignored", 0
    ),
    "metadata of another graph": Case(
        lambda path: write(path, metadata={"neurochain": '{"format": 1}'}), "is ignored", 0
    ),
    # good ones, for comparison
    "good": Case(write, "ok: it compiles", 0),
    "good, big endian": nodes(
        "ok: it compiles", 0, fc=affine(weight=np.arange(6, dtype=">f4").reshape(3, 2))
    ),
}
