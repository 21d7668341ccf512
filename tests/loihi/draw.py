"""Random networks of Loihi's neurons: weights of mixed and single sign, decays, biases, thresholds,
delays, recurrence, convolutions, graded events."""

import numpy as np
from specs import LONGEST_DELAY, Connection, Neurons, Spec


def weights(rng, shape, bits=None):
    """Weights that Lava takes as they are: multiples of what `bits` weight bits can say."""
    bits = int(rng.integers(2, 9)) if bits is None else bits
    sign = rng.choice(["mixed", "mixed", "plus", "minus"])
    k = 8 - bits + (sign == "mixed")
    most = {"mixed": 256, "plus": 255, "minus": 255}[sign] >> k
    drawn = rng.integers(-most if sign != "plus" else 0, most if sign != "minus" else 1, shape)
    drawn = drawn * (rng.random(shape) < rng.choice([1.0, 0.5, 0.1]))
    if sign == "mixed" and not (drawn.min() < 0 < drawn.max()):  # else Lava sees another sign mode
        flat = drawn.reshape(-1)
        flat[:2] = [-1, 1][: flat.size]
        if flat.size < 2:
            drawn = np.abs(drawn)
    return (drawn << k).astype(np.int64), bits


def decay(rng, *extremes):
    return int(rng.choice([*extremes, rng.integers(0, 4096), rng.integers(0, 400)]))


def lif_params(rng, n):
    exp = int(rng.choice([0, 6, 7, int(rng.integers(0, 8)), -2]))
    shared = rng.random() < 0.5
    mant = rng.integers(-4096, 4096, () if shared else (n,)) * (rng.random() < 0.5)
    if exp >= 6:
        mant = mant // 16
    return {
        "du": decay(rng, -1, 0, 4095),
        "dv": decay(rng, 0, 4096),
        "vth": int(rng.choice([rng.integers(1, 600), rng.integers(1, 5000), 0])),
        "bias_mant": np.full(n, mant) if shared else mant,
        "bias_exp": exp,
    }


def neurons(rng, name, shape, kinds):
    kind = str(rng.choice(kinds))
    n = int(np.prod(shape))
    params = lif_params(rng, n)
    if kind == "lif_reset":
        params |= {
            "reset_interval": int(rng.choice([7, 20, 10_000])),
            "reset_offset": int(rng.integers(0, 12)),
        }
    if kind == "ternary":
        high = params.pop("vth")
        params |= {"vth_hi": high + 1, "vth_lo": -int(rng.integers(1, 600))}
    return Neurons(name, kind, shape, params)


def spiking(rng):
    """LIF, LIFReset and TernaryLIF, one to four layers, and whatever loops they form."""
    kinds = ["lif", "lif", "lif", "lif_reset", "ternary"]
    layers, connections = [], []
    shape = (int(rng.integers(1, 30)),)
    source, graded = ("in", shape), False
    for k in range(int(rng.integers(1, 5))):
        layer = neurons(rng, f"l{k}", (int(rng.integers(1, 40)),), kinds)
        connections.append(_full(rng, f"c{k}", source, layer, graded=graded))
        if rng.random() < 0.4:
            own = (layer.name, layer.shape)
            connections.append(_full(rng, f"r{k}", own, layer, graded=layer.kind == "ternary"))
        if layers and rng.random() < 0.3:  # back to an earlier layer
            early = layers[int(rng.integers(len(layers)))]
            own = (layer.name, layer.shape)
            connections.append(_full(rng, f"b{k}", own, early, graded=layer.kind == "ternary"))
        layers.append(layer)
        source, graded = (layer.name, layer.shape), layer.kind == "ternary"
    return Spec(shape, tuple(layers), tuple(connections))


def _full(rng, name, source, target, *, graded=False):
    shape = (target.n, int(np.prod(source[1])))
    drawn, bits = weights(rng, shape)
    delays = None
    if rng.random() < 0.4:
        longest = int(rng.choice([1, 5, LONGEST_DELAY]))
        delays = rng.integers(0, longest + 1, shape)
    return Connection(
        name,
        source[0],
        target.name,
        drawn,
        weight_exp=int(rng.choice([0, 0, 1, 2, -1, -3])),
        weight_bits=bits,
        delays=delays,
        graded=graded,
        sparse=bool(rng.random() < 0.4),
    )


def convolutional(rng):
    """One or two convolutions, then a dense layer."""
    groups = int(rng.choice([1, 1, 2]))
    shape = (groups * int(rng.integers(1, 3)), int(rng.integers(4, 9)), int(rng.integers(4, 9)))
    connections, layers, first = [], [], shape
    for k in range(int(rng.integers(1, 3))):
        window, out, kernel = _window(rng, shape, groups)
        if window is None:
            break
        c_out = groups * int(rng.integers(1, 4))
        drawn, bits = weights(rng, (c_out, shape[0] // groups, *kernel), 8)
        layer = neurons(rng, f"l{k}", (c_out, *out), ["lif"])
        source = "in" if k == 0 else layers[-1].name
        connections.append(
            Connection(f"c{k}", source, layer.name, drawn, weight_bits=bits, window=window)
        )
        layers.append(layer)
        shape, groups = layer.shape, 1
    last = neurons(rng, "out", (int(rng.integers(1, 12)),), ["lif"])
    before = ("in", first) if not layers else (layers[-1].name, layers[-1].shape)
    connections.append(_full(rng, "f", before, last))
    return Spec(first, (*layers, last), tuple(connections))


def _window(rng, shape, groups):
    kernel = tuple(int(k) for k in rng.integers(1, 4, 2))
    stride = tuple(int(s) for s in rng.integers(1, 3, 2))
    padding = tuple(int(p) for p in rng.integers(0, 2, 2))
    dilation = tuple(int(d) for d in rng.integers(1, 3, 2))
    out = tuple(
        (size + 2 * pad - far * (taps - 1) - 1) // step + 1
        for size, taps, step, pad, far in zip(
            shape[1:], kernel, stride, padding, dilation, strict=True
        )
    )
    if min(out) < 1:
        return None, None, None
    return (stride, padding, dilation, groups), out, kernel


def sigma_delta(rng):
    """An encoder and layers of sigma-delta neurons; values stay far below 2^24."""
    n = int(rng.integers(2, 12))
    exps = {"spike_exp": 6, "state_exp": int(rng.choice([6, 6, 3, 0]))}
    encoder = Neurons("l0", "delta", (n,), {"vth": int(rng.integers(0, 4)), **exps})
    eye = Connection(
        "c0", "in", "l0", np.eye(n, dtype=np.int64) * int(rng.integers(1, 9)), graded=True
    )
    layers, connections = [encoder], [eye]
    for k in range(1, int(rng.integers(2, 4))):
        size = int(rng.integers(1, 12))
        params = {"vth": int(rng.integers(0, 30)), "bias": rng.integers(-20, 20, size), **exps}
        layer = Neurons(f"l{k}", "sigma_delta", (size,), params)
        drawn = rng.integers(-8, 9, (size, layers[-1].n)) * 2
        drawn[0, 0], drawn[0, -1] = -2, 2 if layers[-1].n > 1 else -2
        connections.append(
            Connection(f"c{k}", layers[-1].name, layer.name, drawn, weight_exp=-3, graded=True)
        )
        layers.append(layer)
    return Spec((n,), tuple(layers), tuple(connections), graded_input=True)


def resonators(rng):
    """RF and RF_IZ neurons, both ports driven, and a layer of LIF behind them."""
    n, size = int(rng.integers(2, 10)), int(rng.integers(1, 16))
    params = {
        "period": float(rng.uniform(2.5, 40)),
        "alpha": float(rng.uniform(0, 0.3)),
        "state_exp": 6,
        "decay_bits": 12,
        "vth": int(rng.integers(1, 300)),
    }
    layer = Neurons("l0", str(rng.choice(["rf", "rf_iz"])), (size,), params)
    last = neurons(rng, "l1", (5,), ["lif"])
    connections = [
        Connection(f"c{port}", "in", "l0", weights(rng, (size, n), 8)[0], port=port)
        for port in ("a_re", "a_im")
    ]
    connections.append(_full(rng, "f", ("l0", (size,)), last))
    return Spec((n,), (layer, last), tuple(connections))


def graded(rng):
    """Graded vectors, products of two streams, ternary neurons fed by values."""
    n, size = int(rng.integers(2, 10)), int(rng.integers(1, 16))
    kind = str(rng.choice(["graded", "graded_relu"]))
    first = Neurons("l0", kind, (size,), {"vth": int(rng.integers(0, 200))})
    product = Neurons(
        "l1", "product", (4,), {"vth": int(rng.integers(0, 50)), "exp": int(rng.integers(6, 12))}
    )
    drawn = [weights(rng, shape, 8)[0] for shape in ((size, n), (4, size), (4, size))]
    connections = [
        Connection("c0", "in", "l0", drawn[0], graded=True, weight_exp=-6),
        Connection("cx", "l0", "l1", drawn[1], graded=True, weight_exp=-6, port="x"),
        Connection("cy", "l0", "l1", drawn[2], graded=True, weight_exp=-6, port="y"),
    ]
    return Spec((n,), (first, product), tuple(connections), graded_input=True)


def edges(rng):
    """One layer at the limits: inputs beyond 16 bits, currents that wrap, membranes cut."""
    shape, n = (int(rng.integers(1, 12)),), int(rng.integers(1, 40))
    params = lif_params(rng, n)
    params["vth"] = int(rng.choice([0, 131_071, 2**17, rng.integers(1, 2**17)]))
    params["du"] = int(rng.choice([-1, 0, 4095, rng.integers(0, 300)]))
    params["dv"] = int(rng.choice([0, 4096, rng.integers(0, 300)]))
    kind = str(rng.choice(["lif", "lif_reset"]))
    if kind == "lif_reset":
        params |= {"reset_interval": 13, "reset_offset": int(rng.integers(0, 30))}
    layer = Neurons("l0", kind, (n,), params)
    drawn, bits = weights(rng, (n, shape[0]), 8)
    exp = int(rng.choice([5, 8, 9, 10, 12]))
    return Spec(shape, (layer,), (Connection("c0", "in", "l0", drawn, exp, bits),))


FAMILIES = {
    "edges": edges,
    "spiking": spiking,
    "convolutional": convolutional,
    "sigma_delta": sigma_delta,
    "resonators": resonators,
    "graded": graded,
}


def inputs(rng, spec, steps):
    """(step, n): spikes, or small whole numbers; sparse or busy, with silent stretches."""
    n = int(np.prod(spec.shape))
    there = rng.random((steps, n)) < rng.choice([0.05, 0.2, 0.6])
    there[steps // 2 : steps // 2 + 5] = False
    return (
        there * rng.integers(-60, 61, (steps, n)) if spec.graded_input else there.astype(np.int64)
    )
