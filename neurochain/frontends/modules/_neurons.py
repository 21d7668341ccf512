"""Reading a neuron: what the live module does, whatever its stored flags say."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from neurochain.errors import Finding, Severity
from neurochain.frontends.modules._kinds import NEURON_STATES, label_of
from neurochain.frontends.modules._layers import NOT_FINITE, LayerReading, read_layer
from neurochain.graph import (
    LIF,
    Compare,
    CubaLIF,
    Node,
    Reset,
    ResetKind,
    ResetTiming,
    Scale,
    as_f64,
)

__all__ = ["NeuronReading", "feature_findings", "read_neuron"]

_KINDS = {
    "_base_sub": ResetKind.SUBTRACT,
    "_base_zero": ResetKind.ZERO,
    "_base_int": ResetKind.NONE,
}
_VALUES = {0: ResetKind.SUBTRACT, 1: ResetKind.ZERO, 2: ResetKind.NONE}
_PERFECT = 2.0**60  # tau / dt of a membrane that does not leak: 1 - dt / tau rounds to 1


@dataclass(slots=True, kw_only=True)
class NeuronReading:
    """Node of the neuron, node of its recurrent weights (or None), and findings."""

    node: Node | None = None
    recurrent: Node | None = None
    findings: list[Finding] = field(default_factory=list)
    broken: list[Finding] = field(default_factory=list)


def feature_findings(name: str, module: nn.Module) -> list[Finding]:
    """What stands in the way of a neuron module, whatever reaches it."""
    reader = _Reader(name, module, (), False)
    reader.check_features()
    return reader.findings


def read_neuron(
    name: str, module: nn.Module, shape: tuple[int, ...], batched: bool, dt_s: float
) -> NeuronReading:
    """Turn a neuron of one sample's `shape` into graph nodes."""
    reader = _Reader(name, module, shape, batched)
    reader.check_features()
    compare = reader.compare()
    reset = reader.reset()
    theta = reader.parameter("threshold")
    beta = reader.decay("beta", dt_s)
    tau, r = reader.time_constant("beta", beta, dt_s)
    zero = as_f64(0.0)
    common: dict[str, Any] = {
        "r": as_f64(r),
        "v_leak": zero,
        "v_reset": zero,
        "v_threshold": as_f64(theta),
        "reset": reset,
        "compare": compare,
    }
    if bool(getattr(module, "inhibition", False)):
        reader.check_row()
        common["inhibition"] = True
    result = NeuronReading(findings=reader.findings, broken=reader.broken)
    if "syn" in NEURON_STATES[type(module)]:
        alpha = reader.decay("alpha", dt_s)
        tau_syn, w_in = reader.time_constant("alpha", alpha, dt_s)
        result.node = CubaLIF(
            tau_syn=as_f64(tau_syn), tau_mem=as_f64(tau), w_in=as_f64(w_in), **common
        )
    else:
        result.node = LIF(tau=as_f64(tau), **common)
    if "spk" in NEURON_STATES[type(module)]:
        reading = reader.recurrent()
        result.recurrent = reading.node
        result.findings += reading.findings
        result.broken += reading.broken
    return result


class _Reader:
    """One neuron module and the findings about it."""

    def __init__(self, name: str, module: nn.Module, shape: tuple[int, ...], batched: bool) -> None:
        self.module: Any = module
        self.label = label_of(name, module)
        self.name = name
        self.shape = shape
        self.batched = batched
        self.findings: list[Finding] = []
        self.broken: list[Finding] = []

    def add(self, what: str, fix: str, severity: Severity = Severity.ERROR) -> None:
        """Note a finding."""
        self.findings.append(Finding(where=self.label, what=what, fix=fix, severity=severity))

    def check_features(self) -> None:
        """Features without an exact counterpart."""
        module = self.module
        late = bool(module.reset_delay) or type(module).__name__ == "RSynaptic"
        if module.inhibition and not late:
            self.add(
                "inhibition=True with reset_delay=False resets by the spike that is left of a row.",
                "Use reset_delay=True, or inhibition=False.",
            )
        if module.state_quant:
            self.add("state_quant rounds the membrane.", "Use state_quant=False.")
        factor = module.graded_spikes_factor.detach()
        if not bool((factor == 1).all()) and not module.inhibition:  # which leaves it out
            got = sorted(set(factor.reshape(-1).tolist()))[:3]
            self.add(
                f"graded_spikes_factor is {', '.join(f'{g:g}' for g in got)}, not 1.",
                "Fold the factor into the weights of the next layer.",
            )
        for name in vars(module):
            if callable(getattr(type(module), name, None)):
                self.add(f"its {name} was replaced on the object.", f"Use the class's own {name}.")

    def check_row(self) -> None:
        """snnTorch's inhibition looks for the winner along axis 1 alone."""
        if len(self.shape) != 1 or not self.batched:
            self.add(
                f"inhibition=True on values of shape {self.shape} lets one neuron fire for every "
                "place behind its first axis.",
                "Put nn.Flatten before it, and give the sample a batch axis.",
            )

    def compare(self) -> Compare:
        """The comparison that the surrogate's forward makes, found by asking it."""
        probe = torch.tensor([-1.0, -1e-3, -1e-30, -0.0, 0.0, 1e-30, 1e-3, 1.0, 3.0]).repeat(8)
        with torch.no_grad():
            got = self.module.spike_grad(probe)
        if torch.equal(got, (probe > 0).float()):
            return Compare.GREATER
        if torch.equal(got, (probe >= 0).float()):
            return Compare.GREATER_EQUAL
        self.add(
            "its spike_grad does not give 1 above and 0 below the threshold.",
            "Use a surrogate with a Heaviside forward, such as surrogate.atan().",
        )
        return Compare.GREATER

    def reset(self) -> Reset:
        """The rule that runs: the bound state function, and the value the correction reads."""
        module = self.module
        function = module.state_function
        kind = _KINDS.get(getattr(function, "__name__", ""))
        own = getattr(function, "__self__", None) is module
        if (
            kind is None
            or not own
            or function.__func__ is not getattr(type(module), function.__name__, None)
        ):
            self.add(
                "its state_function is not one of the class's own.",
                "Make the neuron anew with the reset_mechanism you want.",
            )
            return Reset(kind=ResetKind.NONE)
        corrected = _VALUES.get(int(module.reset_mechanism_val))
        flag = module._reset_mechanism
        late = bool(module.reset_delay) or type(module).__name__ == "RSynaptic"
        if not late and corrected is not kind:
            self.add(
                f"with reset_delay=False it updates by '{kind}' and corrects by '{corrected}' "
                "(a state dict of another reset was loaded into it).",
                "Make it with the reset_mechanism of the state dict.",
            )
        elif corrected is not kind or flag != kind.value:
            self.add(
                f"its flags say '{flag}' and '{corrected}', but what runs is '{kind}'; "
                f"'{kind}' is compiled.",
                "Make it with the reset_mechanism of the state dict to change that.",
                Severity.WARNING,
            )
        if kind is ResetKind.NONE:
            return Reset(kind=kind, timing=ResetTiming.NEXT_STEP)
        discard = kind is ResetKind.ZERO and type(module).__name__ != "Leaky"
        if late:
            timing = ResetTiming.NEXT_STEP_DISCARD if discard else ResetTiming.NEXT_STEP
        else:
            timing = ResetTiming.SAME_STEP_ONCE_DISCARD if discard else ResetTiming.SAME_STEP_ONCE
        return Reset(kind=kind, timing=timing)

    def parameter(self, attribute: str) -> NDArray[np.float32]:
        """A parameter as float32: 0-d where it is shared, else one value a neuron."""
        tensor = getattr(self.module, attribute).detach()
        if tensor.dim() and tensor.dtype in (torch.float64, torch.complex64, torch.complex128):
            self.add(
                f"{attribute} is {tensor.dtype} of shape {tuple(tensor.shape)}, which makes torch "
                "compute the layer in that type.",
                f"Give {attribute} as float32.",
            )
        values = tensor.to(torch.float32).cpu().numpy()
        if not np.isfinite(values).all():
            self.broken.append(
                Finding(where=self.label, what=f"{attribute} is not finite.", fix=NOT_FINITE)
            )
            return np.zeros((), dtype=np.float32)
        return self._shaped(attribute, values)

    def _shaped(self, attribute: str, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """One value, or the layer's shape."""
        if values.size == 1:
            return values.reshape(())
        whole = (1, *self.shape) if self.batched else self.shape
        try:
            fits = np.broadcast_shapes(values.shape, whole) == whole
        except ValueError:
            fits = False
        if not fits:
            self.add(
                f"{attribute} has shape {values.shape}, the layer has {self.shape}.",
                f"Give {attribute} one value, or one value a neuron.",
            )
            return np.zeros((), dtype=np.float32)
        return np.array(np.broadcast_to(values, whole).reshape(self.shape))

    def decay(self, attribute: str, dt_s: float) -> NDArray[np.float32]:
        """A decay, clamped as forward does, and exactly expressible as a time constant."""
        values = np.clip(self.parameter(attribute), np.float32(0), np.float32(1))
        tau = _tau(values.astype(np.float64), dt_s)
        back = (1.0 - dt_s / tau).astype(np.float32)
        if not np.array_equal(back, values):
            worst = float(values[back != values].reshape(-1)[0])
            self.add(
                f"{attribute} = {worst!r} cannot be written as a time constant 1 - dt / tau in "
                "float64.",
                f"Use 0 instead, or a {attribute} above 1e-7.",
            )
        return values

    def time_constant(
        self, attribute: str, decay: NDArray[np.float32], dt_s: float
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """(tau, tau / dt) of a decay."""
        tau = _tau(decay.astype(np.float64), dt_s)
        return tau, np.where(decay == 1, _PERFECT, tau / dt_s)

    def recurrent(self) -> LayerReading:
        """The recurrent weights as a node."""
        module = self.module.recurrent
        name = f"{self.name}.recurrent" if self.name else "recurrent"
        if type(module).__name__ != "RecurrentOneToOne":
            reading = read_layer(name, module, self.shape)
            if reading.before:
                self.add(
                    "its recurrent weights pad with values of their input.",
                    "Use padding_mode='zeros'.",
                )
            return reading
        tensor = module.V.detach()
        reading = LayerReading()
        if tensor.dim() and tensor.dtype is not torch.float32:
            self.add(f"V is {tensor.dtype}, not float32.", "Give V as float32.")
        values = tensor.to(torch.float32).cpu().numpy()
        if not np.isfinite(values).all():
            reading.broken.append(
                Finding(where=self.label, what="V is not finite.", fix=NOT_FINITE)
            )
        reading.node = Scale(scale=self._shaped("V", values))
        return reading


def _tau(decay: NDArray[np.float64], dt_s: float) -> NDArray[np.float64]:
    """tau = dt / (1 - decay) in float64; a decay of 1 gets a time constant beyond rounding."""
    with np.errstate(divide="ignore"):
        return np.where(decay == 1.0, dt_s * _PERFECT, dt_s / (1.0 - decay))
