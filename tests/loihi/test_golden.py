"""Both engines equal what the two emulators of Loihi 1 recorded once (tests/data/loihi): spikes, u
and v of every neuron and step, up to the first overflow that neurochain reports.

nengo-loihi's emulator has Lava's raw timing. In brian2-loihi a spike adds to the current in its own
step, before the neurons: an input spike acts a step earlier than in Lava, and so does everything
after it. Its spike monitors, like its connections between neurons, have a step between them.
"""

from pathlib import Path

import numpy as np
import pytest
from equal import compared, recorded
from golden_networks import BITS, EXPONENTS, LINKS, SIZES, STEPS, WEIGHTS, read
from specs import Connection, Neurons, Spec, network_of

from neurochain.simulators import run

DATA = Path(__file__).resolve().parent.parent / "data" / "loihi"
EARLIER = {"nengo_loihi": 0, "brian2_loihi": 1}
"""Steps that the emulator is ahead of Lava."""
ALIKE = {"nengo_loihi": 2, "brian2_loihi": 3}
"""How many of the overflows (inputs, currents, membranes) may make it differ: nengo-loihi cuts
membranes as Lava does, brian2-loihi does not."""
DIFFER = "overflow"
"""The network in which something overflows; what follows is not the same."""


def _spec(net):
    neurons = tuple(
        Neurons(
            layer,
            "refractory",
            (SIZES[layer],),
            {
                "du": int(net[f"{layer}.du"]),
                "dv": int(net[f"{layer}.dv"]),
                "vth": int(net[f"{layer}.vth"]),
                "bias_mant": net[f"{layer}.bias"],
                "refractory_period": int(net[f"{layer}.silent"]),
            },
        )
        for layer in ("a", "b")
    )
    connections = []
    for name, (source, target) in LINKS.items():
        weights = net[f"{name}.weights"].astype(np.int64)
        delays = np.full(weights.shape, net[f"{name}.delay"])
        connections.append(Connection(name, source, target, weights, delays=delays))
    return Spec((SIZES["in"],), neurons, tuple(connections))


def _overflows(network, x, engine, kinds):
    """Steps before the first one in which something overflows."""
    counts = run(network, {"in": x[None].astype(np.float32)}, engine=engine).overflow
    steps = np.flatnonzero(sum(c[0, :, :kinds].sum(axis=1) for c in counts.values()))
    return int(steps[0]) if steps.size else len(x)


def _cut(traces, first, end):
    return tuple({key: rows[first:end] for key, rows in part.items()} for part in traces)


@pytest.mark.parametrize("engine", ["reference", "event"])
@pytest.mark.parametrize("emulator", EARLIER)
def test_traces(emulator, engine):
    networks, about = read(DATA / f"{emulator}.npz")
    networks.pop("weights", None)
    assert emulator.replace("_", "-") in about["versions"]
    early, fired, differ = EARLIER[emulator], 0, set()
    for name, net in networks.items():
        x = np.concatenate([net["x"], np.zeros((early, SIZES["in"]), np.uint8)])
        network = network_of(_spec(net))
        ours = _cut(recorded(network, x, engine=engine), early, None)
        wanted = (
            {k: net[f"{k}.spikes"].astype(np.int64) for k in ("a", "b")},
            {(k, s): net[f"{k}.{s}"] for k in ("a", "b") for s in ("u", "v")},
        )
        same = _overflows(network, x, engine, ALIKE[emulator]) - early
        assert compared(_cut(wanted, 0, same), _cut(ours, 0, same), engine) == [], name
        assert same == STEPS or name == DIFFER
        if compared(wanted, ours, engine):
            differ.add(name)
        fired += sum(int(v.sum()) for v in _cut(wanted, 0, same)[0].values())
    assert len(networks) == 13
    assert differ == {DIFFER}  # nothing but what was reported
    assert fired > 1000
    assert STEPS == 150


def _on_the_grid(weight, mixed, bits, exponent):
    """Whether every reference takes the weight as it is."""
    step = 2 ** max(8 - bits + mixed, -exponent)
    return weight % step == 0


def test_brian2_loihi_takes_weights_on_the_common_grid_as_they_are():
    networks, _ = read(DATA / "brian2_loihi.npz")
    table, others = networks["weights"]["actual"], 0
    for s, (sign, weights) in enumerate(WEIGHTS.items()):
        for b, bits in enumerate(BITS):
            for e, exponent in enumerate(EXPONENTS):
                for w, actual in zip(weights, table[s, b, e].tolist(), strict=True):
                    exact = w * 2.0 ** (6 + exponent)
                    if _on_the_grid(w, sign == 1, bits, exponent):
                        assert actual == exact, (sign, bits, exponent, w)
                    others += actual != exact
    assert others > 1000  # off the grid it rounds


def test_off_the_grid_lava_and_brian2_loihi_round_differently(lava):
    from lava.utils.weightutils import SignMode, clip_weights, truncate_weights

    networks, _ = read(DATA / "brian2_loihi.npz")
    actual = networks["weights"]["actual"]
    zero = EXPONENTS.index(0)
    weights = np.array(WEIGHTS[1])
    for b, bits in enumerate(BITS):
        clipped = clip_weights(weights.copy(), SignMode.MIXED, num_bits=8)
        theirs = truncate_weights(clipped, SignMode.MIXED, bits)
        grid = np.array([_on_the_grid(int(w), True, bits, 0) for w in weights])
        assert (theirs[grid] == weights[grid]).all()
        assert (theirs[grid] * 64 == actual[0, b, zero][grid]).all()
        assert (
            theirs[~grid & (weights < 0)] * 64 < actual[0, b, zero][~grid & (weights < 0)]
        ).all()
    six = BITS.index(6)
    place = list(WEIGHTS[1]).index(-63)
    assert actual[0, six, zero][place] == -56 * 64
    assert truncate_weights(np.array([-63]), SignMode.MIXED, 6)[0] == -64
