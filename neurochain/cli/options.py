"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click

__all__ = [
    "CONVENTIONS",
    "PATH",
    "CompileOptions",
    "InputOptions",
    "compile_options",
    "ending",
    "engine_option",
    "input_options",
    "json_option",
    "source_argument",
    "threads_option",
    "time_axis_option",
]

F = TypeVar("F", bound=Callable[..., Any])

PATH = click.Path(path_type=Path)

CONVENTIONS = (
    *("reference", "norse", "rockpool", "rockpool-single", "sinabs", "sinabs-single"),
    *("snntorch", "spikingjelly", "spyx"),
)
"""As in frontends.nir.options, which a --help must not load."""


def _shape(ctx: click.Context, param: click.Parameter, value: str | None) -> tuple[int, ...] | None:
    """784, 2x34x34 or 2,34,34 as a tuple. Errors: click.BadParameter."""
    if value is None:
        return None
    parts = value.replace("x", ",").split(",")
    if not all(p.isascii() and p.isdigit() and int(p) > 0 for p in parts):
        raise click.BadParameter(f"{value!r} is no shape; write 784 or 2x34x34.", ctx, param)
    return tuple(int(p) for p in parts)


def ending(suffix: str) -> Callable[[click.Context, click.Parameter, Path | None], Path | None]:
    """A callback: the file to write must end so, or no command would read it again."""

    def check(ctx: click.Context, param: click.Parameter, value: Path | None) -> Path | None:
        if value is not None and value.suffix != suffix:
            raise click.BadParameter(f"{value}: the name must end in {suffix}.", ctx, param)
        return value

    return check


@dataclass(frozen=True, slots=True, kw_only=True)
class CompileOptions:
    """What a command line says about a source."""

    model: str | None = None
    assume: tuple[str, ...] = ()
    sample: Path | None = None
    input_shape: tuple[int, ...] | None = None
    dt: float | None = None
    reset: str | None = None
    compare: str | None = None
    recurrent_bias_at_0: str | None = None
    current_order: str | None = None
    layer_latency: int | None = None
    spike_latency: int | None = None
    convention: str | None = None
    reset_delay: str | None = None
    weights: str = "float32"
    fold_batchnorm: bool = False
    target: str | None = None
    weight_bits: int | None = None
    calibration: str | None = None
    mapping: str | None = None
    objective: str | None = None
    chips: int | None = None
    place_inputs: bool = False

    def arguments(self) -> dict[str, Any]:
        """Keyword arguments of `neurochain.compile`. Errors: InputError for a bad sample file."""
        from neurochain.cli.several import read_sample

        return {
            "sample": read_sample(self.sample),
            "model": self.model,
            "assume": self._facts(),
            "input_shape": self.input_shape,
            "dt": self.dt,
            "reset": self.reset,
            "compare": self.compare,
            "recurrent_bias_at_0": _yes(self.recurrent_bias_at_0),
            "current_order": self.current_order,
            "layer_latency": self.layer_latency,
            "spike_latency": self.spike_latency,
            "convention": self.convention,
            "reset_delay": _yes(self.reset_delay),
            "weights": self.weights,
            "fold_batchnorm": self.fold_batchnorm,
            "target": self.target,
            "weight_bits": self.weight_bits,
            "calibration": self.calibration,
            "mapping": self.mapping,
            "objective": self.objective,
            "chips": self.chips,
            "place_inputs": self.place_inputs,
        }

    def _facts(self) -> dict[str, Any] | None:
        """What --assume says. Errors: InputError."""
        if not self.assume:
            return None
        from neurochain.frontends.assume import read_words  # imports torch

        return read_words(self.assume)


def _yes(word: str | None) -> bool | None:
    """yes or no as a truth value; None where nothing was said."""
    return None if word is None else word == "yes"


@dataclass(frozen=True, slots=True, kw_only=True)
class InputOptions:
    """What a command line says about input."""

    input: str
    steps: int | None = None
    time_axis: int = 1
    limit: int | None = None
    part: str | None = None
    encode: str | None = None
    bin_us: int | None = None
    seed: int | None = None
    labels_file: Path | None = None


def source_argument(function: F) -> F:
    """SOURCE: a path or the name of a shipped model."""
    return click.argument("source")(function)


def json_option(function: F) -> F:
    """--json."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON.")(function)


def time_axis_option(function: F) -> F:
    """--time-axis of a module that loops over time."""
    return click.option(
        "--time-axis",
        type=click.Choice(["0", "1"]),
        help="Axis of time in the module's input, where its forward does not say it.",
    )(function)


def engine_option(function: F) -> F:
    """--engine."""
    return click.option(
        "--engine",
        type=click.Choice(["event", "reference", "lava"]),
        default="event",
        show_default=True,
        help="event: the C kernel; reference: plain NumPy; same spikes, same counts. lava: Intel's "
        "Lava runtime (float networks in float64), for what it can express.",
    )(function)


def threads_option(function: F) -> F:
    """--threads."""
    return click.option(
        "--threads",
        type=click.IntRange(1, 256),
        default=1,
        show_default=True,
        metavar="N",
        help="Threads of the event engine: they share out the samples or, of a single large "
        "network, the neurons. Same spikes, same counts for any number.",
    )(function)


_COMPILE = (
    click.option(
        "--model",
        metavar="PKG.MOD:FACTORY",
        help="For a bare state dict: what builds the module. Runs that code.",
    ),
    click.option(
        "--assume",
        multiple=True,
        metavar="FILE|KEY=VALUE",
        help="For a bare state dict: a fact that it lacks (repeat), or a .toml or .json of all of "
        "them; `neurochain check` prints a form. Never called verified.",
    ),
    click.option(
        "--sample",
        type=PATH,
        metavar="X.NPY",
        help="One call's input of the module, as .npy; as .npz by argument.",
    ),
    click.option(
        "--input-shape", callback=_shape, metavar="SHAPE", help="Shape of one call's input: 784."
    ),
    click.option("--dt", type=float, metavar="SECONDS", help="Time step in seconds."),
    click.option(
        "--reset",
        type=click.Choice(["zero", "subtract", "none", "value"]),
        help="For .nir: what a spike does to the membrane.",
    ),
    click.option(
        "--compare",
        type=click.Choice([">", ">="]),
        help="For .nir: how the membrane is compared with the threshold.",
    ),
    click.option(
        "--recurrent-bias-at-0",
        type=click.Choice(["yes", "no"]),
        help="For .nir: whether a recurrent layer delivers its bias at step 0.",
    ),
    click.option(
        "--current-order",
        type=click.Choice(["new", "old"]),
        help="For .nir: the synaptic current that a membrane takes, this step's or the last one's.",
    ),
    click.option(
        "--layer-latency",
        type=click.IntRange(0, 65_535),
        metavar="N",
        help="For .nir: Affine, Linear and Conv deliver N steps late (Lava: 1).",
    ),
    click.option(
        "--spike-latency",
        type=click.IntRange(0, 65_535),
        metavar="N",
        help="For .nir: spikes leave their neurons N steps late (Spyx: 1).",
    ),
    click.option(
        "--convention",
        type=click.Choice(CONVENTIONS),
        help="For .nir: read the file as this framework means it; see docs/nir.md.",
    ),
    click.option(
        "--reset-delay",
        type=click.Choice(["yes", "no"]),
        help="For .nir and --convention snntorch: the reset_delay of its neurons.",
    ),
    click.option(
        "--weights",
        type=click.Choice(["float32", "int8", "int16"]),
        default="float32",
        show_default=True,
        help="Integer weights times one scale a layer; the state stays float32.",
    ),
    click.option(
        "--fold-batchnorm",
        is_flag=True,
        help="Fold batch normalisation into weights also where that rounds them.",
    ),
    click.option(
        "--target",
        metavar="NAME|FILE.TOML",
        help="A chip whose integers and timing the network is put into: loihi1, loihi2, "
        "loihi2-netx, xylo2.",
    ),
    click.option(
        "--weight-bits",
        type=click.IntRange(1, 8),
        help="For --target: bits of a weight; 8 where nothing is said.",
    ),
    click.option(
        "--calibration",
        type=click.Choice(["spikes", "mse", "percentile", "peak"]),
        help="For --target: how scales are chosen; spikes needs data (compile --calibrate).",
    ),
    click.option(
        "--mapping",
        type=click.Choice(["hilbert", "greedy", "metis", "sequential", "random", "none"]),
        help="For --target: how neurons are placed on its cores; hilbert where nothing is said.",
    ),
    click.option(
        "--objective",
        type=click.Choice(["energy", "packets", "peak_link", "imbalance"]),
        help="For --target: what the placement lowers: hop energy (where nothing is said), packets "
        "between cores, the busiest link, or the busiest core over the mean.",
    ),
    click.option(
        "--chips",
        type=click.IntRange(min=1),
        help="For --target: the most chips to use; as many as are needed where nothing is said.",
    ),
    click.option(
        "--place-inputs",
        is_flag=True,
        help="For --target: inputs lie on cores too, so that their packets and hops are known.",
    ),
)

_INPUT = (
    click.option(
        "--input",
        "--data",
        "input",
        required=True,
        metavar="FILE|demo",
        help=".npy, .npz, recordings (.bin, .bs2, .zip, folder), IDX images; demo: the sample "
        "shipped with a model.",
    ),
    click.option(
        "--steps",
        type=click.IntRange(1, 2**31 - 1),
        help="Present a static input for so many steps.",
    ),
    click.option(
        "--time-axis",
        "input_time_axis",
        type=click.Choice(["0", "1"]),
        default="1",
        show_default=True,
        help="1: input is (sample, step, ...); 0: (step, sample, ...).",
    ),
    click.option("--limit", type=click.IntRange(min=1), help="Only the first N samples."),
    click.option("--part", metavar="NAME", help="Part of a data set: train, test, test100."),
    click.option(
        "--encode",
        type=click.Choice(["rate", "direct", "latency", "events"]),
        help="Another input encoding than the stored one.",
    ),
    click.option("--bin-us", type=click.IntRange(min=1), help="Length of a bin of recordings."),
    click.option("--seed", type=click.IntRange(min=0), help="Seed of a rate code."),
)


def compile_options(function: F) -> F:
    """Options that end up in CompileOptions."""
    for option in reversed(_COMPILE):
        function = option(function)
    return function


def input_options(function: F) -> F:
    """Options that end up in InputOptions."""
    for option in reversed(_INPUT):
        function = option(function)
    return function
