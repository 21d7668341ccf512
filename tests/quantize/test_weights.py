"""Integer weights: the scale, what rounding cost, and what trained counts remember."""

import numpy as np
import pytest

from neurochain.errors import InputError
from neurochain.network import Network, OutputPort, Population, PortKind, Projection, Source
from neurochain.operators import Csr, Dense, Identity
from neurochain.programs import relay_program
from neurochain.quantize import quantize_weights
from neurochain.simulators.reference import run_reference


def network(weights: np.ndarray, *, sparse: bool = False) -> Network:
    n_out, n_in = weights.shape
    shapes = {"in_shape": (n_in,), "out_shape": (n_out,)}
    dense = Dense(**shapes, weights=weights.astype(np.float32))
    operator = Csr.from_dense(dense.weights, (n_in,), (n_out,)) if sparse else dense
    relay = relay_program(PortKind.ANALOG)
    populations = [
        Population(name=name, shape=(n_out,), program=relay, emits=PortKind.ANALOG)
        for name in ("a", "b")
    ]
    plain = Identity(in_shape=(n_out,), out_shape=(n_out,))
    bias = np.full(n_out, 0.3, np.float32)
    return Network(
        sources=(Source(name="in", shape=(n_in,)),),
        populations=tuple(populations),
        projections=(
            Projection(name="p", source="in", target="a", operator=operator, bias=bias),
            Projection(name="i", source="a", target="b", operator=plain),
        ),
        outputs=(OutputPort(name="o", node="b"),),
        dt_s=1e-3,
    )


W = np.array([[1.0, -0.5, 0.001], [0.0, 0.25, -2.0]])


@pytest.mark.parametrize(("dtype", "top"), [("int8", 127), ("int16", 32767)])
def test_scale_integers_and_error(dtype: str, top: int) -> None:
    made, errors = quantize_weights(network(W), dtype)
    projection = made.projections[0]
    scale = np.float32(2.0 / top)
    assert made.arithmetic == dtype
    assert projection.scale == scale
    integers = projection.operator.weight
    assert integers is not None
    assert integers.dtype.name == dtype
    exact = W.astype(np.float32).astype(float) / float(scale)
    assert integers.tolist() == np.rint(exact).astype(int).tolist()
    difference = W.astype(np.float32).astype(float) - integers * float(scale)
    assert len(errors) == 1
    assert errors[0].layer == "p"
    assert errors[0].largest == np.abs(difference).max() <= float(scale) / 2 * 1.0001
    assert errors[0].rms == pytest.approx(np.sqrt((difference**2).mean()))
    assert errors[0].zeroed == (1 if dtype == "int8" else 0)


@pytest.mark.parametrize("sparse", [False, True])
def test_trained_fan_outs_are_kept(sparse: bool) -> None:
    made, _ = quantize_weights(network(W, sparse=sparse), "int8")
    projection = made.projections[0]
    assert projection.model_fanout is not None
    assert projection.model_fanout.tolist() == [1, 2, 2]
    assert projection.model_nonzero == 5
    assert projection.operator.fanout(nonzero=True).tolist() == [1, 2, 1]
    assert made.projections[1].model_fanout is None


def test_halves_round_to_even() -> None:
    made, _ = quantize_weights(network(np.array([[127.0, 0.5, 1.5, -2.5]])), "int8")
    weight = made.projections[0].operator.weight
    assert weight is not None
    assert weight.tolist() == [[127, 0, 2, -2]]


def test_biases_and_parameters_stay() -> None:
    before = network(W)
    made, _ = quantize_weights(before, "int8")
    assert made.projections[0].bias is before.projections[0].bias
    assert made.populations == before.populations
    assert before.arithmetic == "float32"


def test_weights_that_are_all_zero_or_tiny() -> None:
    made, errors = quantize_weights(network(np.zeros((2, 3))), "int8")
    assert made.projections[0].scale == 1.0
    assert (errors[0].largest, errors[0].zeroed) == (0.0, 0)
    tiny, errors = quantize_weights(network(np.full((2, 3), 1e-45)), "int16")
    assert tiny.projections[0].scale is not None
    assert tiny.projections[0].scale > 0
    assert np.isfinite(errors[0].rms)


def test_sums_of_whole_numbers_are_exact_before_the_scale() -> None:
    weights = np.full((1, 2000), 1.0)
    weights[0, 0] = 0.0001
    made, _ = quantize_weights(network(weights), "int16")
    made_events = Network(
        sources=(Source(name="in", shape=(2000,), emits=PortKind.EVENT),),
        populations=made.populations,
        projections=made.projections,
        outputs=made.outputs,
        dt_s=made.dt_s,
        arithmetic=made.arithmetic,
    )
    from neurochain.simulators.types import Record

    x = np.ones((1, 1, 2000), np.float32)
    result = run_reference(made_events, {"in": x}, record=Record(emissions=("a",)))
    scale = made.projections[0].scale
    weight = made.projections[0].operator.weight
    assert scale is not None
    assert weight is not None
    exact = np.float32(int(weight.astype(int).sum())) * scale + np.float32(0.3)
    assert result.emissions["a"][0, 0, 0] == exact


@pytest.mark.parametrize("dtype", ["float32", "int4", "INT8", ""])
def test_other_dtypes_are_refused(dtype: str) -> None:
    with pytest.raises(InputError, match="Choose float32, int8 or int16"):
        quantize_weights(network(W), dtype)


def test_quantising_twice_is_refused() -> None:
    made, _ = quantize_weights(network(W), "int8")
    with pytest.raises(InputError, match="already in int8"):
        quantize_weights(made, "int16")
