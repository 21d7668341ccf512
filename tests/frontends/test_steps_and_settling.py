"""The parts of the trace by themselves: stacks of steps, settled views, nn.RNN step by step."""

from collections import Counter

import numpy as np
import pytest
import torch
from live_module import N, agree, dyadic, frames
from torch import nn

import neurochain
from neurochain import UnsupportedError
from neurochain.frontends.modules._rnn import is_simple
from neurochain.frontends.modules._settle import settle
from neurochain.frontends.modules._steps import steps_of
from neurochain.frontends.modules._values import (
    ConstValue,
    InputValue,
    JoinValue,
    LeafCall,
    LeafValue,
    NeuronCall,
    OpCall,
    OpValue,
    ReduceValue,
    SequenceValue,
    SpikeValue,
    StateValue,
    ViewValue,
)
from neurochain.frontends.modules._views import view

pytestmark = pytest.mark.torch


# --- _steps ---------------------------------------------------------------------------------------


def stack(shape, steps=3, dim=0):
    """Items of `shape`, stacked along axis `dim`."""
    items = [InputValue(shape=shape, argument=str(k)) for k in range(steps)]
    whole = (*shape[:dim], steps, *shape[dim:])
    return SequenceValue(shape=whole, items=list(items), dim=dim)


def moved(value, make):
    """The view that a torch function of positions makes, kept as a view."""
    index = make(torch.arange(int(np.prod(value.shape))).reshape(value.shape))
    flat = index.reshape(-1).numpy()
    return ViewValue(shape=tuple(index.shape), base=value, index=flat)


def elements(value):
    """Which item and which element of it each element is."""
    if isinstance(value, InputValue):
        places = [(value.argument, k) for k in range(int(np.prod(value.shape)))]
        return np.array(places, dtype=object).reshape(-1, 2)
    if isinstance(value, ViewValue):
        return elements(value.base)[value.index]
    items = [elements(item).reshape(*item.shape, 2) for item in value.items]
    return np.stack(items, axis=value.dim).reshape(-1, 2)


@pytest.mark.parametrize("dim", [0, 1, 2])
def test_a_stack_holds_its_items(dim):
    whole = stack((2, 4), dim=dim)
    found = steps_of(whole)
    assert (found.items, found.axis, found.blocks) == (whole.items, dim, False)


VIEWS = {
    "moved axis": (lambda x: x.movedim(0, 1), 1, False, (2, 4)),
    "time last": (lambda x: x.movedim(0, -1), 2, False, (2, 4)),
    "turned items": (lambda x: x.flip(2), 0, False, (2, 4)),
    "a part of each item": (lambda x: x[:, :, 1:3], 0, False, (2, 2)),
    "flat items": (lambda x: x.reshape(3, 8), 0, True, (1, 8)),
    "an axis more": (lambda x: x.unsqueeze(1), 0, False, (1, 2, 4)),
    "steps before batch, merged": (lambda x: x.flatten(0, 1), 0, True, (2, 4)),
    "batch before steps, merged": (lambda x: x.transpose(0, 1).flatten(0, 1), 1, True, (2, 4)),
}


@pytest.mark.parametrize("name", VIEWS)
def test_views_that_keep_the_steps_apart(name):
    make, axis, blocks, shape = VIEWS[name]
    value = moved(stack((2, 4)), make)
    found = steps_of(value)
    assert (found.axis, found.blocks, len(found.items)) == (axis, blocks, 3)
    for step, item in enumerate(found.items):
        assert item.shape == shape
        assert set(elements(item)[:, 0]) == {str(step)}
    again = found.rebuilt(found.items)
    assert again.shape == value.shape
    assert (elements(again) == elements(value)).all()


MIXED = {
    "another order": lambda x: x.flip(0),
    "some of them": lambda x: x[:2],
    "one step twice": lambda x: x[[0, 0, 2]],
    "flat": lambda x: x.reshape(-1),
    "shifted by one element": lambda x: x.reshape(-1).roll(1).reshape(3, 2, 4),
    "two steps in a row": lambda x: x.transpose(0, 2).reshape(4, 2, 3)[:, :, [0, 2, 1]],
}


@pytest.mark.parametrize("name", [n for n in MIXED if n != "flat"])
def test_views_that_mix_steps_hold_none(name):
    assert steps_of(moved(stack((2, 4)), MIXED[name])) is None


def test_values_of_one_step_hold_none():
    one = InputValue(shape=(2, 4))
    assert steps_of(one) is None
    assert steps_of(moved(one, lambda x: x.flip(1))) is None
    gap = stack((2, 4))
    gap.items[1] = None  # a record that is not full
    assert steps_of(gap) is None


@pytest.mark.parametrize("name", ["moved axis", "batch before steps, merged"])
def test_a_constant_s_part_of_a_step(name):
    make, _, _, shape = VIEWS[name]
    value = moved(stack((2, 4)), make)
    found = steps_of(value)
    numbers = np.arange(24, dtype=np.float32).reshape(value.shape)
    constant = ConstValue(shape=value.shape, data=numbers)
    back = numbers.reshape(-1)
    origin = elements(value)
    for step, item in enumerate(found.items):
        part = found.part(constant, step, value.shape)
        assert part.shape == shape
        wanted = back[origin[:, 0] == str(step)]
        assert sorted(part.data.reshape(-1)) == sorted(wanted)
        order = {tuple(o): b for o, b in zip(origin.tolist(), back, strict=True)}
        assert [order[tuple(o)] for o in elements(item).tolist()] == part.data.reshape(-1).tolist()
    shared = ConstValue(shape=(1, 1), data=np.ones((1, 1), np.float32))
    assert found.part(shared, 0, value.shape) is shared


# --- _settle --------------------------------------------------------------------------------------


def operation(*args, shape=(3, 4), visit=0, site="here"):
    call = OpCall(site=(site,), visit=visit, owner="", kind="")
    return OpValue(shape=shape, op="add", args=args, call=call)


def row(value, k):
    """Row k, kept as a view."""
    return ViewValue(shape=(4,), base=value, index=np.arange(4 * k, 4 * k + 4))


def test_a_view_of_what_was_done_once_is_done_on_views():
    x = InputValue(shape=(3, 4))
    half = ConstValue(shape=(), data=np.float32(0.5))
    (found,) = settle([row(operation(x, half), 1)], Counter({("here",): 1}))
    assert isinstance(found, OpValue)
    assert found.call is None  # of no step of its own
    assert (found.op, found.shape) == ("add", (4,))
    seen, shared = found.args
    assert isinstance(seen, ViewValue)
    assert seen.base is x
    assert seen.index.tolist() == [4, 5, 6, 7]
    assert shared is half


def test_what_is_done_in_every_step_stays():
    seen = row(operation(InputValue(shape=(3, 4))), 1)
    (found,) = settle([seen], Counter({("here",): 3}))
    assert found is seen
    assert isinstance(found.base, OpValue)


def test_chains_are_settled_to_the_end():
    x = InputValue(shape=(3, 4))
    first = operation(x, x, site="a")
    second = operation(first, x, site="b")
    (found,) = settle([row(second, 2)], Counter({("a",): 1, ("b",): 1}))
    inner = found.args[0]
    assert isinstance(inner, OpValue)
    assert [a.index.tolist() for a in inner.args] == [[8, 9, 10, 11]] * 2
    # where the first belongs to steps, it is kept and seen through a view
    (kept,) = settle([row(second, 2)], Counter({("a",): 2, ("b",): 1}))
    assert isinstance(kept.args[0], ViewValue)
    assert kept.args[0].base is first


def test_everything_below_is_settled_in_place():
    once = Counter({("here",): 1})

    def seen():
        return row(operation(InputValue(shape=(3, 4))), 0)

    leaf = LeafValue(shape=(4,), call=LeafCall(name="fc", module=nn.Identity(), argument=seen()))
    call = NeuronCall(name="n", module=nn.Identity(), current=seen(), states={"mem": seen()})
    sequence = SequenceValue(shape=(2, 4), items=[seen(), None], dim=0)
    join, reduced = (
        JoinValue(shape=(8,), parts=(seen(), seen())),
        ReduceValue(shape=(), op="sum", base=seen(), dims=(0,)),
    )
    roots = [leaf, SpikeValue(shape=(4,), call=call), sequence, join, reduced,
             StateValue(shape=(4,), call=call, state="mem")]  # fmt: skip
    assert settle(roots, once) == roots
    settled = [leaf.call.argument, call.current, call.states["mem"], sequence.items[0],
               *join.parts, reduced.base]  # fmt: skip
    assert all(isinstance(value, OpValue) and value.shape == (4,) for value in settled)
    assert sequence.items[1] is None


def test_what_is_used_twice_and_cycles_are_visited_once():
    shared = operation(InputValue(shape=(3, 4)), InputValue(shape=(3, 4)))
    top = operation(shared, shared, site="top")
    call = NeuronCall(name="n", module=nn.Identity(), current=row(top, 0), states={})
    spikes = SpikeValue(shape=(4,), call=call)
    call.states["spk"] = spikes  # its own past
    settle([spikes], Counter({("here",): 1, ("top",): 1}))
    assert isinstance(call.current, OpValue)
    assert call.states["spk"] is spikes


def test_views_of_a_stack_of_operations_go_to_the_item():
    items = [operation(InputValue(shape=(4,)), shape=(4,), visit=k) for k in range(3)]
    whole = SequenceValue(shape=(3, 4), items=list(items), dim=0)
    assert view(whole, np.arange(4, 8), (4,)) is items[1]


# --- _rnn -----------------------------------------------------------------------------------------

SIMPLE = {"input_size": N, "hidden_size": 3, "nonlinearity": "relu"}


@pytest.mark.parametrize(
    "changes",
    [{}, {"bias": False}, {"batch_first": True}, {"dropout": 0.0}],
    ids=str,
)
def test_layers_that_are_unrolled(changes):
    assert is_simple(nn.RNN(**SIMPLE | changes), 1)


@pytest.mark.parametrize(
    "changes", [{"nonlinearity": "tanh"}, {"num_layers": 2}, {"bidirectional": True}], ids=str
)
def test_layers_that_are_not(changes):
    assert not is_simple(nn.RNN(**SIMPLE | changes), 1)


def test_a_first_state_other_cells_and_classes_of_the_user_are_not_unrolled():
    class Own(nn.RNN):
        pass

    assert not is_simple(nn.RNN(**SIMPLE), 2)
    assert not is_simple(Own(**SIMPLE), 1)
    assert not is_simple(nn.GRU(N, 3), 1)
    assert not is_simple(nn.RNNCell(N, 3, nonlinearity="relu"), 1)


class Recurrent(nn.Module):
    """A torch RNN over the sequence, then a threshold."""

    def __init__(self, take=0, first=None, **options):
        super().__init__()
        self.rnn = nn.RNN(**SIMPLE | options)
        self.take, self.first, self.options = take, first, options
        self.flip = bool(options.get("batch_first"))

    def forward(self, x):
        x = x.transpose(0, 1) if self.flip else x
        given = () if self.first is None else (self.first(x),)
        out = self.rnn(x, *given)[self.take]
        out = out[0] if self.take else out  # (layer, batch, n)
        out = out.transpose(0, 1) if self.flip and not self.take else out
        return (out > 0.75).float()


def contracting(module):
    """Recurrent weights of at most 1/4: nothing grows, and few bits are needed."""
    module = dyadic(module)
    with torch.no_grad():
        module.rnn.weight_hh_l0.copy_(torch.tensor([[0, 0.25, 0], [0, 0, 0.25], [0, 0, 0]]))
    return module


@pytest.mark.parametrize("options", [{}, {"bias": False}, {"batch_first": True}], ids=str)
def test_the_sequence_is_exact(options):
    art = agree(lambda: contracting(Recurrent(**options)), loops=True)
    names = {p.name for p in art.network.projections}
    assert {"rnn.ih", "rnn.hh"} <= names


def test_the_last_state_is_that_of_the_last_step():
    net = contracting(Recurrent(take=1))
    art = neurochain.compile(net, frames(0, steps=6))
    x = frames(3, steps=20)
    with torch.no_grad():
        wanted = net(torch.from_numpy(x)).numpy()
    run = neurochain.simulate(art, x, time_axis=0)
    found = np.asarray(next(iter(run.outputs.values())))[:, -1]
    np.testing.assert_array_equal(found, wanted)
    assert 0 < wanted.mean() < 1


@pytest.mark.parametrize(
    "options",
    [
        {"nonlinearity": "tanh"},
        {"num_layers": 2},
        {"bidirectional": True},
        {"first": lambda x: torch.zeros(1, x.shape[1], 3)},
    ],
    ids=["tanh", "two layers", "both directions", "a first state"],
)
def test_what_is_not_unrolled_is_refused_by_name(options):
    with pytest.raises(UnsupportedError, match=r"rnn \(RNN\): RNN layers are not supported"):
        neurochain.compile(dyadic(Recurrent(**options)), frames(0, steps=5))
