"""The networks that the emulators of Loihi 1 were asked about: drawn with NumPy alone.

Input -> a -> b, with recurrence in a; weights that every emulator and Lava hold alike: even, of
mixed sign, within +-254, exponent 0. Decays, thresholds (mantissas), biases (full scale) and
refractory periods (silent steps) one a layer.
"""

import numpy as np

STEPS = 150
SIZES = {"in": 12, "a": 16, "b": 9}
BITS = tuple(range(2, 9))
EXPONENTS = (-3, -2, -1, 0, 2)
WEIGHTS = {1: range(-128, 128), 2: range(256), 3: range(-255, 1)}
"""Sign mode of brian2-loihi (mixed, excitatory, inhibitory) -> weights of its table; 256 each."""
LINKS = {"f": ("in", "a"), "r": ("a", "a"), "g": ("a", "b")}


def draw(seed, *, bias, delays, gain=1):
    """Parameters and input of one network, arrays by name; weights times `gain`."""
    rng = np.random.default_rng(seed)
    network = {"x": (rng.random((STEPS, SIZES["in"])) < rng.choice([0.05, 0.2])).astype(np.uint8)}
    for name, (source, target) in LINKS.items():
        weights = rng.integers(-127, 128, (SIZES[target], SIZES[source])) * 2
        weights.reshape(-1)[:2] = -2, 2
        network[f"{name}.weights"] = (weights * gain).astype(np.int32)
        network[f"{name}.delay"] = np.int32(rng.integers(0, 6) if delays else 0)
    for layer in ("a", "b"):
        n = SIZES[layer]
        network |= {
            f"{layer}.du": np.int32(rng.choice([0, 4095, rng.integers(0, 4096)])),
            f"{layer}.dv": np.int32(rng.choice([0, 4096, rng.integers(0, 1000)])),
            f"{layer}.vth": np.int32(rng.integers(1, 1500)),
            f"{layer}.bias": (rng.integers(-300, 300, n) * 64 * bias).astype(np.int32),
            f"{layer}.silent": np.int32(rng.choice([0, 0, 1, 2, 7])),
        }
    return network


def write(path, networks, **about):
    """networks: name -> arrays. `about` is text: versions, script."""
    arrays = {
        f"{name}/{key}": value for name, net in networks.items() for key, value in net.items()
    }
    np.savez_compressed(path, **arrays, **{f"about/{k}": np.str_(v) for k, v in about.items()})


def read(path):
    """(name -> arrays, about)."""
    networks, about = {}, {}
    with np.load(path) as file:
        for key in file.files:
            name, part = key.split("/")
            if name == "about":
                about[part] = str(file[key])
            else:
                networks.setdefault(name, {})[part] = file[key]
    return networks, about
