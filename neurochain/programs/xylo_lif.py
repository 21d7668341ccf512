"""Xylo's leaky integrate-and-fire neuron, int32: SynSense's XyloSim, core version 2.

    i = sat(i + x);  i = i - d(i, dash_syn)
    v = sat(v + sat(sat(i - d(v, dash_mem)) + bias))
    z = times that vth fits into v, at most `spikes`;  v = v - z vth

x is what arrives in a step; sat cuts to -32768 .. 32767. d(s, k) = s >> k, rounded down, but 1
where that is 0 and s > 0: what is not fed reaches 0. A weight has lost its first decay when it
reaches the membrane. On equality at the threshold the neuron spikes. Parameters, int32, () or (n,):
dash_syn, dash_mem (0 to 15), vth (1 to 32767), bias. Hidden neurons spike up to 31 times a step,
output neurons once. Counted, because the chip cuts sums where they pass 16 bits on the way, in the
order of its synapses: inputs and membranes that are cut.
"""

from __future__ import annotations

from neurochain.errors import InternalError
from neurochain.network import Op, PortKind, Program
from neurochain.programs._build import Builder

__all__ = ["HIDDEN_SPIKES", "xylo_lif_program"]

HIDDEN_SPIKES = 31
"""Spikes of a hidden neuron in a step."""
_MOST, _LEAST = 2**15 - 1, -(2**15)


def xylo_lif_program(spikes: int = HIDDEN_SPIKES) -> Program:
    """Build the program; states i, v; parameters dash_syn, dash_mem, vth, bias.

    spikes  the most in a step, 2^k - 1. Errors: InternalError for another number.
    """
    if spikes < 1 or spikes & (spikes + 1):
        raise InternalError(f"xylo: {spikes} spikes a step; 2^k - 1 is needed.")
    b = Builder()
    b(Op.ADD, "i_sum", "i", "x")
    current = _decayed(b, "i", _cut(b, "i_in", "i_sum"), "dash_syn")
    lost = _lost(b, "v", "v", "dash_mem")
    b(Op.SUB, "driven", current, lost)
    b(Op.ADD, "biased", _cut(b, "driven_in", "driven"), "bias")
    b(Op.ADD, "v_sum", "v", _cut(b, "change", "biased"))
    left, fired = _cut(b, "v_full", "v_sum"), "zero"
    steps = spikes.bit_length()
    for shift in reversed(range(steps)):  # long division by vth, bit by bit
        b(Op.SHIFT_LEFT, f"vth_{shift}", "vth", f"shift_{shift}")
        b(Op.GE, f"fits_{shift}", left, f"vth_{shift}")
        b(Op.SHIFT_LEFT, f"more_{shift}", f"fits_{shift}", f"shift_{shift}")
        b(Op.MUL, f"taken_{shift}", f"fits_{shift}", f"vth_{shift}")
        fired = b(Op.ADD, f"z_{shift}" if shift else "z", fired, f"more_{shift}")
        left = b(Op.SUB, f"left_{shift}" if shift else "v_after", left, f"taken_{shift}")
    constants = {"zero": 0, "one": 1, "most": _MOST, "least": _LEAST}
    return Program(
        name="xylo.lif" if spikes > 1 else "xylo.lif.once",
        number="int32",
        ports=("x",),
        states=("i", "v"),
        params=("dash_syn", "dash_mem", "vth", "bias"),
        constants=(*constants.items(), *((f"shift_{k}", k) for k in range(steps))),
        body=tuple(b.body),
        next_state=(("i", current), ("v", left)),
        emit=fired,
        emits=PortKind.GRADED if spikes > 1 else PortKind.EVENT,
        membrane=left,
        threshold=("v_full", "vth", ">="),
        watch=(("i_sum", _MOST), ("v_sum", _MOST)),
    )


def _cut(b: Builder, out: str, value: str) -> str:
    """value within 16 bits."""
    b(Op.MAX, f"{out}_above", value, "least")
    return b(Op.MIN, out, f"{out}_above", "most")


def _lost(b: Builder, name: str, value: str, dash: str) -> str:
    """What a state loses in a step."""
    b(Op.SHIFT_RIGHT, f"{name}_shifted", value, dash)
    b(Op.MAX, f"{name}_least", f"{name}_shifted", "one")
    b(Op.GT, f"{name}_up", value, "zero")
    return b(Op.SELECT, f"{name}_lost", f"{name}_up", f"{name}_least", f"{name}_shifted")


def _decayed(b: Builder, name: str, value: str, dash: str) -> str:
    return b(Op.SUB, f"{name}_new", value, _lost(b, name, value, dash))
