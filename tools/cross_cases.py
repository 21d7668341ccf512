"""The networks that `make cross` runs on other processors: every loop of the kernel, small.

They are drawn with the builders of the engine's own tests. Networks in which a NaN appears are left
out and drawn anew: IEEE 754 leaves the bits of a NaN to the processor.
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from neurochain.network import Network, PortKind
from neurochain.operators import Conv
from neurochain.simulators import EngineResult, Record
from neurochain.simulators.event.programs import hot_forms
from neurochain.simulators.reference import run_reference

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "simulators"))

import engine_cases as draw

__all__ = ["Case", "cases"]


def _wide_conv(rng: np.random.Generator, dtype: str, in_shape: tuple[int, ...]) -> Conv:
    """Channels by fours."""
    return Conv(
        in_shape=in_shape,
        out_shape=(8, 6, 5),
        weights=draw.weights_for(rng, dtype, (8, in_shape[0], 3, 3), 0.2),
        stride=(1, 1),
        padding=(1, 1),
        dilation=(1, 1),
    )


FORMS = sorted(
    name
    for name, program in draw.PROGRAMS.items()
    if not program.name.startswith(("relay", "map.")) and not program.winner
)
FAST = (
    *((draw.dense, dtype, (40,)) for dtype in draw.DTYPES),
    (draw.csr, "int8", (20,)),
    (_wide_conv, "float32", (2, 6, 5)),
    (_wide_conv, "int8", (2, 6, 5)),
)
"""What is run together with its neurons: (operator, dtype, shape of the source)."""

DRAWS = 20  # attempts before a network without NaN has to be found


class Case:
    """A network, its input and state, and what the reference engine makes of it."""

    def __init__(
        self, name: str, network: Network, rng: np.random.Generator, *, whole: bool
    ) -> None:
        self.name, self.network = name, network
        self.inputs = draw.inputs_for(rng, network, batch=2, steps=12)
        self.state: Any = draw.state_for(rng, network, batch=2) if rng.integers(2) else None
        self.record = draw.everything(network) if whole else Record()  # spikes alone: fast ways
        self.chunk = int(rng.integers(3, 13))
        self.expected: EngineResult = run_reference(
            network, self.inputs, initial_state=self.state, record=self.record
        )

    def differences(self, result: EngineResult) -> list[str]:
        """What differs from the reference in any bit, dtype or shape."""
        return [str(name) for name in draw.differences(self.expected, result)]

    @property
    def has_nan(self) -> bool:
        """A NaN somewhere in what is recorded."""
        arrays = draw.flat(self.expected).values()
        return any(a.dtype.kind == "f" and bool(np.isnan(a).any()) for a in arrays)


def _drawn(name: str, key: tuple[int, ...], make: Any, *, whole: bool = True) -> Case:
    for again in range(DRAWS):
        rng = np.random.default_rng([*key, again])
        with np.errstate(all="ignore"):
            case = Case(name, make(rng), rng, whole=whole)
        if not case.has_nan:
            return case
    raise LookupError(f"{name}: {DRAWS} networks were drawn, and a NaN appears in all of them")


def cases(number_of_networks: int, every_form: int) -> Iterator[Case]:
    """Operators x dtypes x kinds of input, every `every_form`th program, hot forms, and at random.

    Hot forms keep spikes alone: populations are then run with their layer, many steps at once.
    """
    for o, (operator, builder) in enumerate(draw.BUILDERS.items()):
        for d, dtype in enumerate(draw.DTYPES):
            for k, kind in enumerate(PortKind):
                yield _drawn(
                    f"{operator}_{dtype}_{kind.value}",
                    (1, o, d, k),
                    lambda rng, b=builder, t=dtype, e=kind: draw.one_projection(rng, b, t, e),
                )
    for f, form in enumerate(FORMS[::every_form]):
        yield _drawn(
            f"form_{f}",
            (2, f),
            lambda rng, name=form: draw.one_projection(
                rng, draw.dense, "float32", PortKind.EVENT, (40,), draw.PROGRAMS[name]
            ),
        )
    hot = [program for program in hot_forms() if program.name in draw.PROGRAMS]
    for way, (builder, dtype, shape) in enumerate(FAST):
        for f, program in enumerate(hot[way :: every_form // 2]):
            yield _drawn(
                f"fast_{way}_{f}",
                (4, way, f),
                lambda rng, b=builder, t=dtype, s=shape, p=program: draw.one_projection(
                    rng, b, t, PortKind.EVENT, s, p
                ),
                whole=False,
            )
    for n in range(number_of_networks):
        yield _drawn(
            f"network_{n}",
            (3, n),
            lambda rng, dtype=draw.DTYPES[n % 3]: draw.random_network(rng, dtype),
            whole=n % 2 == 0,
        )
