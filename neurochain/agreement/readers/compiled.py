"""A compiled network (.nchain), or a .nir that is compiled on the way, in the event engine."""

from __future__ import annotations

from pathlib import Path

from neurochain.agreement.runnable import Inputs, Reader, Reading, Runnable, Trace, as_flat
from neurochain.network import Network
from neurochain.session import Session

__all__ = ["READER", "network_runnable"]


def network_runnable(network: Network, name: str, kind: str, engine: str = "event") -> Runnable:
    """A network in one of our engines, or in Lava."""
    from neurochain.simulators.lava.engine import membrane_states

    membranes = tuple(p.name for p in network.populations if p.program.membrane)
    if engine == "lava":  # whose models keep states, not registers
        membranes = tuple(n for n in membranes if membrane_states(network, n))
    session = Session(network, engine=engine, record="all", membranes=membranes)

    def run(inputs: Inputs) -> Trace:
        shaped = {
            s.name: inputs[s.name].reshape(*inputs[s.name].shape[:2], *s.shape)
            for s in network.sources
        }
        made = session.run(shaped)
        return Trace(
            spikes={k: as_flat(v) for k, v in made.spikes.items()},
            states={k: {"v": as_flat(v)} for k, v in made.membranes.items()},
        )

    return Runnable(
        name=name, kind=kind, inputs={s.name: s.shape for s in network.sources}, run=run
    )


def _open(path: str, reading: Reading) -> Runnable:
    from neurochain.pipeline import load

    network = load(Path(path)).network
    return network_runnable(network, path, Path(path).suffix.removeprefix("."))


READER = Reader(
    kind="nchain",
    summary=".nchain or .nir, in the event engine",
    takes=lambda path: Path(path).suffix in (".nchain", ".nir"),
    open=_open,
)
