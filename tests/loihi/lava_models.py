"""Lava's own bit-accurate models, driven without its runtime: one object for each process, ports
that keep what is sent, a step after the other.

Processes are made by their constructors, so what those compute is Lava's as well; their variables
are laid out as Lava's builder does it (dtypes of the model class). Connections are asked for what
they will send before the neurons run, and have to send just that afterwards: in Lava they send the
buffer of the last step first.
"""

import warnings

import numpy as np
from lava.proc.conv.models import PyConvModelFixed
from lava.proc.conv.process import Conv
from lava.proc.dense.models import PyDelayDenseModelBitAcc, PyDenseModelBitAcc
from lava.proc.dense.process import DelayDense, Dense
from lava.proc.graded.models import PyGradedReluVecModelFixed, PyGradedVecModelFixed
from lava.proc.graded.process import GradedReluVec, GradedVec
from lava.proc.lif.models import (
    PyLifModelBitAcc,
    PyLifResetModelBitAcc,
    PyTernLifModelFixed,
)
from lava.proc.lif.process import LIF, LIFReset, TernaryLIF
from lava.proc.prodneuron.models import PyProdNeuronModelFixed
from lava.proc.prodneuron.process import ProdNeuron
from lava.proc.rf.models import PyRFModelFixed
from lava.proc.rf.process import RF
from lava.proc.rf_iz.models import PyRF_IZModelFixed
from lava.proc.rf_iz.process import RF_IZ
from lava.proc.sdn.models import PyDeltaModelFixed, PySigmaDeltaModelFixed
from lava.proc.sdn.process import Delta, SigmaDelta
from lava.proc.sparse.models import PyDelaySparseModelBitAcc, PySparseModelBitAcc
from lava.proc.sparse.process import DelaySparse, Sparse
from scipy.sparse import SparseEfficiencyWarning, csr_matrix, spmatrix

NEURONS = {
    "lif": (LIF, PyLifModelBitAcc),
    "lif_reset": (LIFReset, PyLifResetModelBitAcc),
    "ternary": (TernaryLIF, PyTernLifModelFixed),
    "sigma_delta": (SigmaDelta, PySigmaDeltaModelFixed),
    "delta": (Delta, PyDeltaModelFixed),
    "rf": (RF, PyRFModelFixed),
    "rf_iz": (RF_IZ, PyRF_IZModelFixed),
    "graded": (GradedVec, PyGradedVecModelFixed),
    "graded_relu": (GradedReluVec, PyGradedReluVecModelFixed),
    "product": (ProdNeuron, PyProdNeuronModelFixed),
}
STATES = {
    "lif": {"u": "u", "v": "v"},
    "lif_reset": {"u": "u", "v": "v"},
    "ternary": {"u": "u", "v": "v"},
    "sigma_delta": {"sigma": "sigma", "act": "act", "residue": "residue"},
    "delta": {"act": "act", "residue": "residue"},
    "rf": {"re": "real", "im": "imag"},
    "rf_iz": {"re": "real", "im": "imag"},
    "graded": {},
    "graded_relu": {},
    "product": {},
}
"""State of neurochain's program -> the variable of Lava's model."""
PORTS = {"rf": {"a_re": "a_real_in", "a_im": "a_imag_in"}, "product": {"x": "a_in1", "y": "a_in2"}}
PORTS["rf_iz"] = PORTS["rf"]


class _In:
    """What the model receives in this step."""

    def __init__(self, shape, dtype):
        self.shape, self.dtype = shape, dtype
        self.clear()

    def clear(self):
        self.data = np.zeros(self.shape, dtype=self.dtype)

    def recv(self):
        return self.data


class _Out:
    """What the model has sent, in the dtype of its channel."""

    def __init__(self, shape, dtype):
        self.shape, self.dtype, self.data = shape, dtype, None

    def send(self, data):
        self.data = np.broadcast_to(np.asarray(data), self.shape).astype(self.dtype)


def _model(process, kind):
    """An instance of the model class with the process's variables and ports that keep data."""
    model = kind(process.proc_params)
    types = {}
    for cls in reversed(kind.__mro__):
        types |= {k: v for k, v in vars(cls).items() if hasattr(v, "d_type")}
    for var in process.vars:
        declared = types[var.name]
        if issubclass(declared.cls, np.ndarray):
            value = np.zeros(var.shape, dtype=declared.d_type)
            value[...] = var.init
        elif issubclass(declared.cls, spmatrix):
            value = csr_matrix(var.init, dtype=declared.d_type)
        else:
            value = var.init
        setattr(model, var.name, value)
    for port in process.in_ports:
        setattr(model, port.name, _In(port.shape, types[port.name].d_type))
    for port in process.out_ports:
        setattr(model, port.name, _Out(port.shape, types[port.name].d_type))
    return model


def _connection(spec, c):
    graded = 24 if c.graded else 0
    options = {"weight_exp": c.weight_exp, "num_weight_bits": c.weight_bits}
    if c.window is not None:
        stride, padding, dilation, groups = c.window
        channels, height, width = spec.node_shape(c.source)
        process = Conv(
            input_shape=(width, height, channels),
            weight=c.weights[:, :, ::-1, ::-1].transpose(0, 3, 2, 1),
            stride=stride[::-1],
            padding=padding[::-1],
            dilation=dilation[::-1],
            groups=groups,
            num_message_bits=graded,
        )
        return _model(process, PyConvModelFixed)
    weights = csr_matrix(c.weights) if c.sparse else c.weights
    if c.delays is None:
        process = (Sparse if c.sparse else Dense)(
            weights=weights, num_message_bits=graded, **options
        )
        return _model(process, PySparseModelBitAcc if c.sparse else PyDenseModelBitAcc)
    delays = csr_matrix(c.delays) if c.sparse else c.delays
    process = (DelaySparse if c.sparse else DelayDense)(
        weights=weights,
        delays=delays,
        max_delay=int(c.delays.max()),
        num_message_bits=graded,
        **options,
    )
    return _model(process, PyDelaySparseModelBitAcc if c.sparse else PyDelayDenseModelBitAcc)


def _about_to_send(model, c):
    if c.window is not None:
        return model.a_buf
    return model.a_buff if c.delays is None else model.a_buff[:, 0]


def _to_lava(values, shape):
    """(channels, height, width), flat -> (width, height, channels)."""
    return values.reshape(shape).transpose(2, 1, 0)


def run_lava(spec, x):
    """x (step, n) -> spikes {name: (step, n)} and states {(name, state): (step, n)}, int64."""
    with warnings.catch_warnings():  # its delayed sparse connections build matrices the slow way
        warnings.simplefilter("ignore", SparseEfficiencyWarning)
        return _run(spec, x)


def _run(spec, x):
    neurons = {}
    for p in spec.neurons:
        process, kind = NEURONS[p.kind]
        neurons[p.name] = _model(process(shape=(p.n,), **p.params), kind)
    connections = [(c, _connection(spec, c)) for c in spec.connections]
    spikes = {p.name: [] for p in spec.neurons}
    states = {(p.name, state): [] for p in spec.neurons for state in STATES[p.kind]}
    for t in range(len(x)):
        promised = _deliver(spec, connections, neurons)
        emitted = {"in": x[t]}
        for p in spec.neurons:
            model = neurons[p.name]
            model.time_step = t + 1
            model.run_spk()
            emitted[p.name] = model.s_out.data.astype(np.int64)
            spikes[p.name].append(emitted[p.name])
            for state, variable in STATES[p.kind].items():
                value = np.broadcast_to(getattr(model, variable), (p.n,))
                states[p.name, state].append(value.astype(np.int64))
        for (c, model), sent in zip(connections, promised, strict=True):
            values = np.zeros(emitted[c.source].shape, model.s_in.dtype) + emitted[c.source]
            if c.window is not None:
                values = _to_lava(values, spec.node_shape(c.source))
            model.s_in.data = values
            model.time_step = t + 1
            model.run_spk()
            np.testing.assert_array_equal(model.a_out.data, sent)
            if t == 0 and c.window is None:  # what the weights were cut to: nothing
                held = model.weights.toarray() if c.sparse else model.weights
                np.testing.assert_array_equal(held, c.weights)
    return (
        {name: np.array(rows) for name, rows in spikes.items()},
        {key: np.array(rows) for key, rows in states.items()},
    )


def _deliver(spec, connections, neurons):
    """Adds up what the connections will send; the promises, to be kept later."""
    kinds = {p.name: p.kind for p in spec.neurons}
    for model in neurons.values():
        for port in vars(model).values():
            if isinstance(port, _In):
                port.clear()
    promised = []
    for c, model in connections:
        sent = np.array(_about_to_send(model, c)).astype(np.int32)
        sent = np.broadcast_to(sent, model.a_out.shape)
        promised.append(sent)
        names = PORTS.get(kinds[c.target], {"x": "a_in"})
        port = getattr(neurons[c.target], names[c.port])
        flat = sent.transpose(2, 1, 0).reshape(-1) if c.window is not None else sent
        port.data = port.data + flat
    return promised
