"""What is implemented: every operator and every graph node, at every stage, found out by running.

    python tools/matrix.py            prints docs/matrix.md
    python tools/matrix.py --write    writes it

A cell is "yes" where the stage ran (both engines bit-equal, the file's network bit-identical),
"refused" where it raised UnsupportedError that names the node; anything else is an error. Of
targets it is what deploying the node makes of it: "exact", "simulated" (a warning says that chip or
tools do not have it) or "refused".
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np

from neurochain import graph as g
from neurochain.accounting import count
from neurochain.artifact import Artifact, load_artifact, save_artifact, to_bytes
from neurochain.errors import UnsupportedError
from neurochain.exporters.nir import write_nir
from neurochain.frontends.nir import read_nir
from neurochain.graph import Edge, Graph, Reset
from neurochain.lowering import lower
from neurochain.network import Network, Operator, PortKind, Program
from neurochain.operators import OPERATORS
from neurochain.programs import lif_program, relay_program
from neurochain.quantize import quantize_weights
from neurochain.quantize.loihi.deploy import deploy
from neurochain.quantize.xylo.deploy import deploy_xylo
from neurochain.simulators import has_kernel, run
from neurochain.targets import CONSTRUCTS, Status, Target, load_target, target_names

ROOT = Path(__file__).resolve().parent.parent
DOCUMENT = ROOT / "docs" / "matrix.md"
DT = 2.0**-10
RNG = np.random.default_rng


def lif() -> g.LIF:
    """A leaky neuron with hard reset."""
    one = g.as_f64(1.0)
    tau = g.as_f64(8 * DT)
    return g.LIF(
        tau=tau, r=g.as_f64(8.0), v_leak=g.as_f64(0.0), v_threshold=one, v_reset=g.as_f64(0.0),
        reset=Reset(),
    )  # fmt: skip


def nodes() -> dict[str, tuple[g.Node, tuple[int, ...], tuple[int, ...]]]:
    """For every node type: an example, the shape it takes and the shape it gives."""
    rng = RNG(0)
    w = (rng.integers(-8, 9, (6, 8)) / 8).astype(np.float32)
    sparse = np.zeros((6, 40), np.float32)
    sparse[0, 3] = 1.0
    k = (rng.integers(-8, 9, (4, 2, 3, 3)) / 8).astype(np.float32)
    one = g.as_f64(1.0)
    tau, zero, eight = g.as_f64(8 * DT), g.as_f64(0.0), g.as_f64(8.0)
    square = {"kernel_size": (2, 2), "stride": (2, 2), "padding": (0, 0)}
    line = {"kernel_size": (2,), "stride": (2,), "padding": (0,)}
    late = Reset(kind=g.ResetKind.SUBTRACT, timing=g.ResetTiming.NEXT_STEP)
    spiking = {"v_threshold": one, "v_reset": zero, "reset": Reset()}
    cuba = {"tau_syn": tau, "tau_mem": tau, "r": eight, "v_leak": zero, "w_in": eight}
    c2 = {"stride": (1, 1), "padding": (1, 1), "dilation": (1, 1)}
    c1 = {"stride": (1,), "padding": (1,), "dilation": (1,)}
    return {
        "Affine": (g.Affine(weight=w, bias=w[:, 0].copy()), (8,), (6,)),
        "Linear": (g.Linear(weight=w), (8,), (6,)),
        "Linear, sparse": (g.Linear(weight=sparse), (40,), (6,)),
        "Conv, 1d": (g.Conv(weight=k[..., 0], **c1), (2, 9), (4, 9)),
        "Conv, 2d": (g.Conv(weight=k, bias=k[:, 0, 0, 0].copy(), **c2), (2, 6, 6), (4, 6, 6)),
        "Conv, grouped": (g.Conv(weight=k[:, :1], groups=2, **c2), (2, 6, 6), (4, 6, 6)),
        "Conv, size kept": (
            g.Conv(weight=k[..., :2], positions=(6, 6), **{**c2, "padding": (1, 0)}),
            (2, 6, 6), (4, 6, 6),
        ),
        "Conv, uneven padding": (
            g.Conv(weight=k, positions=(6, 5), **c2), (2, 6, 6), (4, 6, 5),
        ),
        "SumPool, 1d": (g.SumPool(**line), (2, 6), (2, 3)),
        "SumPool, 2d": (g.SumPool(**square), (2, 6, 6), (2, 3, 3)),
        "AvgPool, 1d": (g.AvgPool(**line), (2, 6), (2, 3)),
        "AvgPool, 2d": (g.AvgPool(**square), (2, 6, 6), (2, 3, 3)),
        "AvgPool, sizes that differ": (
            g.AvgPool(positions=(3,), divisors=np.array([2, 2, 1], np.float32), **line),
            (2, 5), (2, 3),
        ),
        "SumPool, beyond the border": (
            g.SumPool(positions=(3, 3), **square), (2, 5, 5), (2, 3, 3),
        ),
        "MaxPool, 1d": (g.MaxPool(dilation=(1,), **line), (2, 6), (2, 3)),
        "MaxPool, 2d": (g.MaxPool(dilation=(1, 1), **square), (2, 6, 6), (2, 3, 3)),
        "MaxPool, beyond the border": (
            g.MaxPool(dilation=(1, 1), positions=(3, 3), **square), (2, 5, 5), (2, 3, 3),
        ),
        "Flatten": (g.Flatten(), (2, 3, 3), (18,)),
        "Scale": (g.Scale(scale=g.as_f64(np.arange(5) / 4)), (5,), (5,)),
        "ScaleShift": (
            g.ScaleShift(scale=w[0, :5].copy(), shift=w[1, :5].copy()), (5,), (5,),
        ),
        "Route": (
            g.Route(in_shape=(5,), out_shape=(2, 3), index=np.array([4, 3, 2, 1, 0, -1])),
            (5,), (2, 3),
        ),
        "Delay": (g.Delay(delay=g.as_f64(2 * DT)), (5,), (5,)),
        "Threshold": (g.Threshold(threshold=g.as_f64(0.5)), (5,), (5,)),
        "I": (g.I(r=g.as_f64(1 / DT)), (5,), (5,)),
        "LI": (g.LI(tau=tau, r=eight, v_leak=zero), (5,), (5,)),
        "CubaLI": (g.CubaLI(**cuba), (5,), (5,)),
        "IF": (g.IF(r=g.as_f64(1 / DT), **spiking), (5,), (5,)),
        "LIF": (lif(), (5,), (5,)),
        "LIF, inhibition": (replace(lif(), inhibition=True, reset=late), (5,), (5,)),
        "CubaLIF": (g.CubaLIF(**cuba, **spiking), (5,), (5,)),
        "CubaLIF, reset by subtraction": (
            g.CubaLIF(**cuba, **{**spiking, "reset": Reset(kind=g.ResetKind.SUBTRACT)}), (5,), (5,),
        ),
        "CubaLIF, inhibition": (
            g.CubaLIF(**cuba, **{**spiking, "reset": late}, inhibition=True), (5,), (5,),
        ),
        "Custom, neuron": (custom(lif_program(late), beta=0.75, theta=1.0), (5,), (5,)),
        "Custom, map": (custom(relay_program(PortKind.ANALOG)), (5,), (5,)),
    }  # fmt: skip


def custom(program: Program, **params: float) -> g.Custom:
    """Five neurons of a program."""
    return g.Custom(
        shape=(5,),
        program=program,
        params={k: np.asarray(v, np.float32) for k, v in params.items()},
    )


def graph_of(node: g.Node, takes: tuple[int, ...], gives: tuple[int, ...]) -> Graph:
    """input -> node (-> neuron where the node is none) -> output."""
    members: dict[str, g.Node] = {"input": g.Input(shape=takes), "node": node}
    last = "node"
    if not isinstance(node, g.NeuronNode):
        members["neuron"] = lif()
        last = "neuron"
    members["output"] = g.Output(shape=gives)
    chain = [*(n for n in members if n != "output"), "output"]
    ports = {name: "x" for name, member in members.items() if isinstance(member, g.Custom)}
    edges = tuple(Edge(a, b, port=ports.get(b)) for a, b in pairwise(chain))
    assert chain[-2] == last
    return Graph(nodes=members, edges=edges, dt_s=DT)


def same_bytes(first: Network, second: Network) -> bool:
    """Bit-identical networks."""
    return to_bytes(Artifact(network=first)) == to_bytes(Artifact(network=second))


def engines(network: Network) -> None:
    """Both engines, bit-equal in emissions and counts."""
    source = network.sources[0]
    x = (RNG(1).random((2, 12, int(np.prod(source.shape)))) < 0.4).astype(np.float32)
    results = [run(network, {source.name: x}, engine=name) for name in ("reference", "event")]
    first, second = results
    for name, values in first.emissions.items():
        if values.tobytes() != second.emissions[name].tobytes():
            raise AssertionError(f"engines differ in {name}")
    for deployed in (False, True):
        a, b = (count(network, r.counts, deployed=deployed).to_dict() for r in results)
        if a != b:
            raise AssertionError("engines count differently")


def stored(network: Network, graph: Graph) -> None:
    """Through a .nchain file, with the graph it was lowered from."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "m.nchain"
        save_artifact(Artifact(network=network, graph=graph), path)
        loaded = load_artifact(path)
        if loaded.graph is None or not same_bytes(lower(loaded.graph), network):
            raise AssertionError("the file holds another graph")
        if not same_bytes(loaded.network, network):
            raise AssertionError("the file holds another network")


def through_nir(graph: Graph) -> None:
    """Through a .nir file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "m.nir"
        write_nir(graph, path)
        if not same_bytes(lower(read_nir(path).graph), lower(graph)):
            raise AssertionError("the file holds another network")


def cell(action: Callable[[], object]) -> str:
    """Run one pair."""
    try:
        action()
    except UnsupportedError as error:
        if "node" not in str(error):
            raise
        return "refused"
    return "yes"


def node_rows(chips: list[Target]) -> list[list[str]]:
    """Graph nodes: lowering, both engines, integer weights, .nchain, .nir, targets."""
    rows = []
    for name, (node, takes, gives) in nodes().items():
        graph = graph_of(node, takes, gives)
        network = lower(graph)
        operators = {type(p.operator).__name__ for p in network.projections}
        rows.append(
            [
                name,
                ", ".join(sorted(operators - {"Identity"}) or ["Identity"]),
                cell(lambda n=network: engines(n)),
                cell(lambda n=network: engines(quantize_weights(n, "int8")[0])),
                cell(lambda n=network, gr=graph: stored(n, gr)),
                cell(lambda gr=graph: through_nir(gr)),
                *(on_target(node, takes, gives, chip) for chip in chips),
            ]
        )
    return rows


def neuron_for(arithmetic: str) -> g.NeuronNode:
    """The neuron that a chip has."""
    if arithmetic == "loihi":
        return lif()
    eight, zero, one = g.as_f64(8.0), g.as_f64(0.0), g.as_f64(1.0)
    tau = g.as_f64(8 * DT)
    reset = Reset(kind=g.ResetKind.SUBTRACT)
    return g.CubaLIF(
        tau_syn=tau, tau_mem=tau, r=eight, v_leak=zero, w_in=eight, v_threshold=one, v_reset=zero,
        reset=reset,
    )  # fmt: skip


def on_chip(node: g.Node, takes: tuple[int, ...], gives: tuple[int, ...], chip: Target) -> Graph:
    """input -> node (-> the chip's neuron, where it is none) -> weights -> neuron -> output."""
    n = int(np.prod(gives))
    members: dict[str, g.Node] = {"input": g.Input(shape=takes), "node": node}
    if not isinstance(node, g.NeuronNode):
        members["neuron"] = neuron_for(chip.arithmetic)
    if len(gives) > 1:
        members["flat"] = g.Flatten()
    weights = (np.eye(2, n, dtype=np.float32) * 0.5) + np.float32(0.25)
    members |= {"weights": g.Linear(weight=weights), "last": neuron_for(chip.arithmetic)}
    members["output"] = g.Output(shape=(2,))
    ports = {name: "x" for name, member in members.items() if isinstance(member, g.Custom)}
    edges = tuple(Edge(a, b, port=ports.get(b)) for a, b in pairwise(members))
    return Graph(nodes=members, edges=edges, dt_s=DT)


def on_target(node: g.Node, takes: tuple[int, ...], gives: tuple[int, ...], chip: Target) -> str:
    """What a target makes of a node, whatever its size."""
    network = lower(on_chip(node, takes, gives, chip))
    try:
        made = (deploy_xylo if chip.arithmetic == "xylo" else deploy)(network, roomy(chip))
    except UnsupportedError as error:
        if not any(name in str(error) for name in ("node", "neuron")):
            raise
        return "refused"
    engines(made.network)
    return "simulated" if any("in simulation only" in f.what for f in made.findings) else "exact"


def roomy(chip: Target) -> Target:
    """The target without an end of neurons and connections."""
    sizes = ("input_channels", "hidden_neurons", "output_neurons", "fanout_max")
    more = {k: replace(v, value=1 << 30) for k, v in chip.numbers.items() if k in sizes}
    return replace(chip, numbers={**chip.numbers, **more})


def construct_rows(chips: list[Target]) -> list[list[str]]:
    """Every construct and what each target says of it."""

    def word(status: Status) -> str:
        return "simulated" if status is Status.SIMULATED else str(status)

    return [
        [said, *(word(chip.constructs[key].status) for chip in chips)]
        for key, said in CONSTRUCTS.items()
    ]


def table(head: list[str], rows: list[list[str]]) -> list[str]:
    """Markdown."""
    lines = ["| " + " | ".join(row) + " |" for row in (head, *rows)]
    return [lines[0], "|" + "---|" * len(head), *lines[1:]]


def covered() -> set[type[Operator]]:
    """Operators that some row shows."""
    return {
        type(p.operator)
        for node, takes, gives in nodes().values()
        for p in lower(graph_of(node, takes, gives)).projections
    }


def document() -> str:
    """The text of docs/matrix.md."""
    missing = set(OPERATORS.values()) - covered()
    if missing:
        raise AssertionError(f"no row for {missing}")
    chips = [load_target(name) for name in target_names()]
    names = [chip.name for chip in chips]
    head = ["graph node", "operator", "both engines", "int8 weights", ".nchain", ".nir", *names]
    lines = [
        "# What is implemented",
        "",
        "Made by `python tools/matrix.py --write`, which runs every pair; a test holds it current.",
        '"yes": both engines give the same bits and the same counts; the file gives back the',
        'bit-identical network. "refused": an error names the node.',
        "",
        'Of a target: "exact": the chip has it, and only numbers are rounded; "simulated": our',
        'engines run it, chip or tools do not; "refused": an error names the node and what to do',
        "instead. A node that is no neuron stands in front of the chip's own; size does not count.",
        "",
        *table(head, node_rows(chips)),
        "",
        "What targets say of constructs, whichever node brings them (`neurochain targets NAME` has",
        "the reasons):",
        "",
        *table(["construct", *names], construct_rows(chips)),
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    if not has_kernel():
        sys.exit("the C kernel is not built")
    if "--write" in sys.argv[1:]:
        DOCUMENT.write_text(document(), encoding="utf-8")
    else:
        sys.stdout.write(document())
