"""Loihi's sigma-delta neuron, int32: Lava's SigmaDelta (lava-nc 0.10.0), and Delta.

    sigma = sigma + a;  act' = max(sigma + bias, 0), or without `relu` sigma + bias
    d = act' - act + residue;  sent = d where |d| >= vth, else 0
    residue = d - sent;  act = act';  emits floor(sent / 2^state_exp)

What the last shift cuts off is lost, as in 0.10.0. vth and bias are at full scale, that is times
2^(spike_exp + state_exp), as Lava multiplies them when a process is made. At equality with vth it
sends. Delta has no sigma: act' = 2^scale_exp a, scale_exp = spike_exp + state_exp.
"""

from __future__ import annotations

from neurochain.network import Op, PortKind, Program
from neurochain.programs._build import Builder

__all__ = ["loihi_delta_program", "loihi_sigma_delta_program"]


def loihi_sigma_delta_program(*, relu: bool = True) -> Program:
    """Build the program; states sigma, act, residue; parameters vth, bias, state_exp."""
    b = Builder()
    b(Op.ADD, "sigma_new", "sigma", "x")
    act = b(Op.ADD, "biased", "sigma_new", "bias")
    if relu:
        act = b(Op.MAX, "rectified", "biased", "zero")
    return _send(
        b,
        act,
        name="loihi.sigma_delta" + ".relu" * relu,
        states=("sigma", "act", "residue"),
        params=("vth", "bias", "state_exp"),
        next_state=(("sigma", "sigma_new"),),
    )


def loihi_delta_program() -> Program:
    """Build the program; states act, residue; parameters vth, scale_exp, state_exp."""
    b = Builder()
    return _send(
        b,
        b(Op.SHIFT_LEFT, "scaled", "x", "scale_exp"),
        name="loihi.delta",
        states=("act", "residue"),
        params=("vth", "scale_exp", "state_exp"),
        next_state=(),
    )


def _send(
    b: Builder,
    act: str,
    *,
    name: str,
    states: tuple[str, ...],
    params: tuple[str, ...],
    next_state: tuple[tuple[str, str], ...],
) -> Program:
    """The delta encoder after the activation."""
    b(Op.SUB, "moved", act, "act")
    b(Op.ADD, "delta", "moved", "residue")
    b(Op.ABS, "size", "delta")
    b(Op.GE, "sends", "size", "vth")
    b(Op.SELECT, "sent", "sends", "delta", "zero")
    b(Op.SUB, "residue_new", "delta", "sent")
    b(Op.SHIFT_RIGHT, "z", "sent", "state_exp")
    return Program(
        name=name,
        number="int32",
        ports=("x",),
        states=states,
        params=params,
        constants=(("zero", 0),),
        body=tuple(b.body),
        next_state=(*next_state, ("act", act), ("residue", "residue_new")),
        emit="z",
        emits=PortKind.GRADED,
        membrane=act,
        threshold=("size", "vth", ">="),
    )
