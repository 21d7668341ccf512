"""Random networks that a .net file holds: chains of dense, recurrent and convolutional layers."""

import numpy as np

from neurochain.exporters.job import Job
from neurochain.exporters.manifest import Fidelity
from neurochain.exporters.netx import EXPORTER
from neurochain.network import Network, OutputPort, Population, PortKind, Projection, Source
from neurochain.operators import Conv, Csr, Dense, output_size, split_by_delay
from neurochain.programs import loihi_lif_program, loihi_lif_reset_program

NEVER = 1 << 30


def weights(rng, shape):
    """Even and of both signs, or of one sign; at 2 to 8 bits, with zeros."""
    sign = rng.choice(["mixed", "mixed", "plus", "minus"])
    step = 1 << int(rng.integers(0, 6)) << (sign == "mixed")
    most = int(rng.integers(max(1, 20 // step), 254 // step + 1))
    drawn = rng.integers(-most if sign != "plus" else 0, most + 1 if sign != "minus" else 0, shape)
    return (drawn * step * (rng.random(shape) < rng.choice([1.0, 0.6]))).astype(np.int16)


def neurons(rng, k, name, shape, *, cleared):
    n = int(np.prod(shape))
    bias = rng.integers(-60, 61, () if rng.integers(2) else (n,)) * (rng.random() < 0.6)
    params = {
        "du": int(rng.choice([-1, 0, 4095, rng.integers(0, 4096)])),
        "dv": int(rng.choice([0, 4096, rng.integers(0, 4097)])),
        "vth": int(rng.choice([63, rng.integers(1, 300), rng.integers(1, 2000)])),
        "bias": 64 * bias,
    }
    params |= {"interval": NEVER, "offset": 2 + k} if cleared else {}
    program = loihi_lif_reset_program() if cleared else loihi_lif_program()
    params = {key: np.asarray(value, dtype=np.int32) for key, value in params.items()}
    return Population(name=name, shape=shape, program=program, params=params)


def _conv(rng, shape):
    groups = int(rng.choice([g for g in (1, 2) if shape[0] % g == 0]))
    kernel, dilation = (tuple(int(k) for k in rng.integers(1, high, 2)) for high in (4, 3))
    stride, padding = (tuple(int(s) for s in rng.integers(lo, lo + 2, 2)) for lo in (1, 0))
    places = zip(shape[1:], kernel, stride, padding, dilation, strict=True)
    out = tuple(output_size(*place) for place in places)
    if min(out) < 1:
        return None
    c_out = groups * int(rng.integers(1, 4))
    return Conv(
        in_shape=shape, out_shape=(c_out, *out), stride=stride, padding=padding, groups=groups,
        weights=weights(rng, (c_out, shape[0] // groups, *kernel)), dilation=dilation,
    )  # fmt: skip


def _pool(shape):
    """A window that spikes where any input does, as one convolution a channel."""
    out = (shape[0], shape[1] // 2, shape[2] // 2)
    return Conv(
        in_shape=shape, out_shape=out, stride=(2, 2), padding=(0, 0), dilation=(1, 1),
        groups=shape[0], weights=np.full((shape[0], 1, 2, 2), 64, dtype=np.int16),
    )  # fmt: skip


def _connected(rng, name, source, target, operator, *, delays):
    made = Projection(name=name, source=source, target=target, operator=operator, delay=1)
    if not delays:
        return [made]
    longest = int(rng.choice([1, 4, 62]))
    full = (operator.n_out, operator.n_in)
    drawn = rng.integers(0, longest + 1, full if rng.integers(2) else ())
    return list(split_by_delay(made, np.broadcast_to(drawn, full)))


def _operator(rng, shape):
    if len(shape) == 3 and rng.random() < 0.75 and min(shape[1:]) >= 3:
        found = _pool(shape) if rng.random() < 0.3 else _conv(rng, shape)
        if found is not None:
            return found
    out = (int(rng.integers(1, 20)),)
    if rng.random() < 0.2 and len(shape) == 1:
        out = shape  # so that delays and recurrence go together
    drawn = weights(rng, (out[0], int(np.prod(shape))))
    if rng.random() < 0.3:
        return Csr.from_dense(drawn, shape, out)
    return Dense(in_shape=shape, out_shape=out, weights=drawn)


def network_of(rng):
    spatial = rng.random() < 0.5
    side = [int(s) for s in rng.integers(4, 9, 2)]
    shape = (int(rng.integers(1, 3)), *side) if spatial else (int(rng.integers(1, 25)),)
    kind = PortKind.GRADED if rng.random() < 0.2 else PortKind.EVENT
    cleared, populations, projections = bool(rng.integers(2)), [], []
    source = Source(name="in", shape=shape, emits=kind)
    before = source
    for k in range(int(rng.integers(1, 4))):
        operator = _operator(rng, before.shape)
        layer = neurons(rng, k, f"l{k}", operator.out_shape, cleared=cleared)
        delays = isinstance(operator, Dense) and rng.random() < 0.35
        projections += _connected(rng, f"f{k}", before.name, layer.name, operator, delays=delays)
        if not isinstance(operator, Conv) and rng.random() < 0.4:
            back = Dense(
                in_shape=layer.shape, out_shape=layer.shape,
                weights=weights(rng, (layer.n, layer.n)),
            )  # fmt: skip
            name = f"r{k}"
            projections.append(
                Projection(name=name, source=layer.name, target=layer.name, operator=back, delay=1)
            )
        populations.append(layer)
        before = layer
    return Network(
        sources=(source,), populations=tuple(populations), projections=tuple(projections),
        outputs=(OutputPort(name="out", node=before.name),), dt_s=1e-3, arithmetic="loihi",
    )  # fmt: skip


def drawn(seed, steps=24):
    """(network, inputs) that the format takes; others are drawn again."""
    for again in range(200):
        rng = np.random.default_rng([51, seed, again])
        network = network_of(rng)
        notes = EXPORTER.check(Job(network=network, name="drawn"))
        if any(note.fidelity is Fidelity.REFUSED for note in notes):
            continue
        source = network.sources[0]
        x = (rng.random((1, steps, int(np.prod(source.shape)))) < 0.25).astype(np.float32)
        if source.emits is PortKind.GRADED:
            x *= rng.integers(-20, 21, x.shape)
        return network, {"in": x}
    raise LookupError("the format takes none")
