"""Training recipes: frozen plain data, so that a trained model can carry how it was made."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

from neurochain.errors import InputError
from neurochain.inputs import InputEncoding, OutputDecoding

__all__ = ["Augmentation", "Recipe", "recipe", "recipes"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Augmentation:
    """Random changes of training samples; each amount is the largest one, drawn uniformly.

    shift_px    whole pixels, along both axes
    rotate_rad  angle in radians, events only
    scale       relative size along each axis, events only
    shear       relative, events only
    jitter_us   one time offset per recording, events only
    drop        largest share of events left out, events only
    """

    shift_px: int = 0
    rotate_rad: float = 0.0
    scale: float = 0.0
    shear: float = 0.0
    jitter_us: int = 0
    drop: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """All that fixes a training run, apart from the seed and the data.

    factory        "package.module:function" returning an untrained nn.Sequential of stateless
                   layers and snnTorch neurons with init_hidden=True
    loss           "count_ce"   cross entropy on the output spike counts
                   "count_mse"  squared distance of the counts to `rate_on`, `rate_off` x steps
    learning_rate  peak of Adam's rate: linear warm-up over `warmup` of the run, then half a cosine
    md5            digests of the data the published figures were measured on (see docs/training.md)
    """

    name: str
    summary: str
    factory: str
    dataset: Literal["mnist", "nmnist"]
    encoding: InputEncoding
    decoding: OutputDecoding
    epochs: int
    batch: int
    learning_rate: float
    warmup: float = 0.0
    weight_decay: float = 0.0
    loss: Literal["count_ce", "count_mse"] = "count_ce"
    rate_on: float = 0.9
    rate_off: float = 0.05
    augmentation: Augmentation = Augmentation()
    md5: tuple[tuple[str, str], ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return asdict(self) | {
            "encoding": self.encoding.to_dict(),
            "decoding": self.decoding.to_dict(),
            "md5": dict(self.md5),
        }


_MNIST_MD5 = (
    ("train-images-idx3-ubyte", "6bbc9ace898e44ae57da46a324031adb"),
    ("train-labels-idx1-ubyte", "a25bea736e30d166cdddb491f175f624"),
    ("t10k-images-idx3-ubyte", "2646ac647ad5339dbf082846283269ea"),
    ("t10k-labels-idx1-ubyte", "27ae3e4e09519cfbb04c329615203637"),
)

# Of the recordings in list order (`Recordings.md5`), the same for a zip file and a folder.
_NMNIST_MD5 = (
    ("nmnist-train", "2c8919b6535b9d2d66ab13c729d921e9"),
    ("nmnist-test", "5382ed4f58231e2238ac1f5119cb3f5f"),
)

_MNIST_ENCODING = InputEncoding(kind="rate", steps=20, shape=(784,), seed=1, max_value=255.0)
_MNIST_DECODING = OutputDecoding(kind="count", classes=10, output="lif2")


def _mnist(name: str, summary: str, factory: str) -> Recipe:
    return Recipe(
        name=name,
        summary=summary,
        factory=factory,
        dataset="mnist",
        encoding=_MNIST_ENCODING,
        decoding=_MNIST_DECODING,
        epochs=10,
        batch=128,
        learning_rate=1e-3,
        augmentation=Augmentation(shift_px=1),
        md5=_MNIST_MD5,
    )


_RECIPES = (
    _mnist(
        "mnist-mlp",
        "784-256-10, reset to zero, rate-coded digits, 20 steps",
        "neurochain.models.mlp:mnist_mlp",
    ),
    _mnist(
        "mnist-mlp-subtract",
        "784-256-10, snnTorch's default reset by subtraction, rate-coded digits, 20 steps",
        "neurochain.models.mlp:mnist_mlp_subtract",
    ),
    Recipe(
        name="nmnist-conv",
        summary="two convolutions with average pooling, reset to zero, 15 bins of 21 ms",
        factory="neurochain.models.conv:nmnist_conv",
        dataset="nmnist",
        encoding=InputEncoding(
            kind="events", steps=15, shape=(2, 34, 34), dt_s=0.021, bin_us=21_000, clip=True
        ),
        decoding=OutputDecoding(kind="count", classes=10, output="lif3"),
        epochs=60,
        batch=32,
        learning_rate=2e-3,
        warmup=0.2,
        loss="count_mse",
        augmentation=Augmentation(
            shift_px=2, rotate_rad=0.1, scale=0.07, shear=0.075, jitter_us=10_000, drop=0.2
        ),
        md5=_NMNIST_MD5,
    ),
)


def recipes() -> dict[str, Recipe]:
    """All recipes by name, in the order in which they are listed."""
    return {r.name: r for r in _RECIPES}


def recipe(name: str) -> Recipe:
    """The recipe called `name`. Errors: InputError for an unknown name."""
    known = recipes()
    if name not in known:
        raise InputError(f"recipe {name!r} is not known; known are {', '.join(known)}.")
    return known[name]
