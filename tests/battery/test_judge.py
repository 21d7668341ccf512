"""The judge itself: it sees what differs, and accepts no refusal that the list does not have."""

import pytest

torch = pytest.importorskip("torch")

import snntorch as snn  # noqa: E402
from case import Case, dyadic  # noqa: E402
from judge import judge  # noqa: E402
from torch import nn  # noqa: E402

pytestmark = pytest.mark.torch


def lif(**options):
    return snn.Leaky(**{"beta": 0.75, "init_hidden": True, **options})


def network(neuron=lif):
    return dyadic(nn.Sequential(nn.Linear(8, 10), neuron(), nn.Linear(10, 4), lif()))


def case(module, **more):
    given = {"shapes": ((8,),), "constructs": ("Leaky",), "name": "judged", **more}
    return Case(module=module, **given)


def first_differs(changed, **more):
    """A factory whose first module, the one that is compiled, is not the one that is run."""
    made = []

    def make():
        made.append(None)
        return case(changed() if len(made) == 1 else network(), **more)

    return make


def weight_changed():
    net = network()
    with torch.no_grad():
        net[2].weight[1, 3] += 0.25
    return net


def bias_changed():
    net = network()
    with torch.no_grad():
        net[0].bias[0] += 1 / 64
    return net


CHANGES = {
    "weight": weight_changed,
    "bias": bias_changed,
    "beta": lambda: network(lambda: lif(beta=0.8125)),
    "threshold": lambda: network(lambda: lif(threshold=1.0625)),
    "reset": lambda: network(lambda: lif(reset_mechanism="zero")),
    "reset_delay": lambda: network(lambda: lif(reset_delay=False)),
}


def test_equal_modules_are_exact():
    outcome = judge(lambda: case(network()))
    assert (outcome.status, outcome.text) == ("exact", "")
    assert outcome.compared > 3 * 100 * 14


@pytest.mark.parametrize("name", CHANGES)
def test_a_changed_network_is_wrong(name):
    outcome = judge(first_differs(CHANGES[name]))
    assert outcome.status == "wrong"
    assert "differs first at step" in outcome.text


def test_a_network_that_never_fires_is_weak():
    outcome = judge(lambda: case(network(lambda: lif(threshold=100.0))))
    assert outcome.status == "weak"
    assert judge(lambda: case(network(lambda: lif(threshold=100.0))), idle=True).status == "exact"


def quantised():
    return network(lambda: lif(state_quant=lambda x: torch.round(x * 16) / 16))


def test_a_refusal_needs_a_construct_of_the_list():
    assert judge(lambda: case(quantised())).status == "unlisted"
    listed = judge(lambda: case(quantised(), constructs=("Leaky", "state_quant")))
    assert (listed.status, listed.construct) == ("refused", "state_quant")
    named_otherwise = judge(lambda: case(quantised(), constructs=("SLSTM",)))
    assert named_otherwise.status == "unlisted"


def test_what_must_be_refused_may_not_compile():
    assert judge(lambda: case(network(), refused=True)).status == "wrong"


def test_a_missing_warning_is_wrong():
    outcome = judge(lambda: case(network(), warns=("no such warning",)))
    assert outcome.status == "wrong"


def test_an_error_that_is_no_refusal_is_a_crash():
    outcome = judge(lambda: case(network(), options={"no_such_option": 1}))
    assert outcome.status == "crash"
    assert "TypeError" in outcome.text


def test_returned_values_are_compared():
    """The module counts its spikes twice: only what it returns differs."""

    class Counts(nn.Module):
        def __init__(self, factor):
            super().__init__()
            self.net, self.factor = network(), factor

        def forward(self, x):
            total = 0
            for frame in x:
                total = total + self.net(frame)
            return total + total if self.factor == 2 else total

    made = []

    def make():
        made.append(None)
        return case(Counts(1 if len(made) == 1 else 2), drive="loop", returns=("sum",))

    outcome = judge(make)
    assert outcome.status == "wrong"
    assert "over time" in outcome.text
