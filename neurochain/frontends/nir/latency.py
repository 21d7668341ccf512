"""Layers and spikes that arrive late: --layer-latency and --spike-latency.

In the reference convention everything acts inside the step and only the edge that closes a cycle
carries the last step's value. Lava's Dense sends what it computed in the step before; Spyx fires on
the membrane of the step before. Both are delays on the edges that leave a node. A cycle with such
an edge on it needs no further cut, as in Lava and Spyx: with a latency of 1 it is one step long.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from neurochain.errors import Finding, Severity
from neurochain.frontends.nir.draft import Draft
from neurochain.graph import IF, LIF, CubaLIF, Custom, Edge, Node, Threshold, WeightNode

__all__ = ["delay_layers", "delay_spikes"]

NEURONS = (IF, LIF, CubaLIF)


def delay_layers(draft: Draft, steps: int | None) -> None:
    """Every weight layer (Affine, Linear, Conv) delivers `steps` late, its bias included."""
    names = {name for name, node in draft.nodes.items() if isinstance(node, WeightNode)}
    _delay(draft, "layer_latency", names, steps)


def delay_spikes(draft: Draft, steps: int | None, default: int = 0) -> None:
    """Spikes leave every spiking neuron `steps` late, towards outputs and recurrence too.

    `default` is the convention's; it does not hold for a Threshold, which has no membrane.
    """
    kinds: tuple[type[Node], ...] = NEURONS if steps is None else (*NEURONS, Threshold, Custom)
    names = {name for name, node in draft.nodes.items() if isinstance(node, kinds)}
    if steps is not None and default and steps != default:
        draft.overruled("spike_latency", default, steps)
    _delay(draft, "spike_latency", names, default or None if steps is None else steps)


def _delay(draft: Draft, what: str, names: Collection[str], steps: int | None) -> None:
    """Delay the edges that leave `names`; None leaves them as they are stored."""
    draft.facts[what] = f"{steps or 0} steps" if steps != 1 else "1 step"
    if steps is None:
        return
    stored = [e for e in draft.edges if _concerns(draft, e, names) and e.delay_steps is not None]
    other = [e for e in stored if e.delay_steps != steps]
    if other:
        draft.findings.append(
            Finding(
                where=", ".join(f"{e.source} -> {e.target}" for e in other[:5]),
                what=f"has a delay of {other[0].delay_steps} steps in the file; {what} {steps} "
                "was given and is used.",
                fix=f"Leave {what} out to run it as it was written.",
                severity=Severity.WARNING,
            )
        )
    draft.edges = tuple(
        replace(e, delay_steps=steps or None) if _concerns(draft, e, names) else e
        for e in draft.edges
    )


def _concerns(draft: Draft, edge: Edge, names: Collection[str]) -> bool:
    """Whether what leaves `names` travels on an edge; a membrane that is read out does not."""
    target = draft.nodes[edge.target]
    return edge.source in names and getattr(target, "signal", "spike") == "spike"
