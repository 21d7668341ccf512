"""Weights that were trained on a target's grid stay as they are, with data and without."""

import numpy as np
import pytest

from neurochain.graph import Reset
from neurochain.network import Network, OutputPort, Population, PortKind, Projection, Source
from neurochain.operators import Dense
from neurochain.programs import lif_program
from neurochain.quantize.loihi.calibrate import calibrate
from neurochain.quantize.loihi.collapse import collapse
from neurochain.quantize.loihi.scale import is_exact, scale_by_weights
from neurochain.targets import load_target

BITS, STEP = 4, 32
"""4 bits of both signs: multiples of 32 within +-224."""


def network(levels, q, vth, beta=3584 / 4096):
    weights = (levels * STEP / q).astype(np.float32)
    shape_out, shape_in = weights.shape[:1], weights.shape[1:]
    params = {"beta": np.float32(beta), "theta": np.float32(vth / q)}
    return Network(
        sources=(Source(name="in", shape=shape_in),),
        populations=(
            Population(
                name="lif",
                shape=shape_out,
                program=lif_program(Reset()),
                params={k: np.asarray(v) for k, v in params.items()},
                emits=PortKind.EVENT,
            ),
        ),
        projections=(
            Projection(
                name="fc",
                source="in",
                target="lif",
                operator=Dense(in_shape=shape_in, out_shape=shape_out, weights=weights),
            ),
        ),
        outputs=(OutputPort(name="out", node="lif"),),
        dt_s=1e-3,
    )


@pytest.mark.parametrize("peak", [7, 4, 3, 2, 1])
@pytest.mark.parametrize("name", ["loihi1", "loihi2"])
def test_the_grid_is_found_however_little_of_it_is_used(name, peak):
    """Threshold 501 of 1024: odd, so no coarser scale holds it."""
    target = load_target(name)
    rng = np.random.default_rng(peak)
    levels = rng.integers(-peak, peak + 1, (5, 8))
    levels[0, 0], levels[0, 1] = peak, -1
    plan = collapse(network(levels, 1024.0, 501), target)
    x = {"in": (rng.random((3, 30, 8)) < 0.5).astype(np.float32)}
    for rounded in (
        scale_by_weights(plan, plan.units[0], BITS, target, "mse"),
        calibrate(plan, BITS, target, x)[0],
    ):
        assert is_exact(plan, rounded, target)
        assert (rounded.setting.q, rounded.setting.vth) == (1024.0, 501)
        link = rounded.links["fc"]
        assert (link.operator.weight == levels * STEP).all()
        assert link.weight_exp == 0


def test_one_number_off_the_grid_is_no_longer_exact():
    target = load_target("loihi2")
    levels = np.random.default_rng(1).integers(-7, 8, (5, 8))
    for beta, exact in ((3584 / 4096, True), (0.9, False)):
        plan = collapse(network(levels, 1024.0, 501, beta), target)
        rounded = scale_by_weights(plan, plan.units[0], BITS, target, "mse")
        assert is_exact(plan, rounded, target) is exact
    plan = collapse(network(levels + 0.25, 1024.0, 501), target)
    assert not is_exact(plan, scale_by_weights(plan, plan.units[0], BITS, target, "mse"), target)
