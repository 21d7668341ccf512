"""Forward hooks that change values are part of the network: spike by spike as in the module."""

import numpy as np
import pytest
import torch
from live_module import N, agree, dyadic, frames, leaky
from torch import nn
from torch.nn.modules.module import (
    register_module_forward_hook,
    register_module_forward_pre_hook,
)

import neurochain
from neurochain import UnsupportedError

pytestmark = [pytest.mark.torch, pytest.mark.filterwarnings("ignore")]


class Net(nn.Module):
    """Two containers of a layer and a neuron."""

    def __init__(self):
        super().__init__()
        self.a = nn.Sequential(nn.Linear(N, N), leaky())
        self.b = nn.Sequential(nn.Linear(N, N), leaky())

    def forward(self, x):
        return self.b(self.a(x))


def hooked(path, kind, hook, **options):
    """The network with one hook; "" is the network itself."""

    def make():
        net = dyadic(Net())
        getattr(net.get_submodule(path), f"register_forward_{kind}")(hook, **options)
        return net

    return make


PARTS = {"layer": "a.0", "neuron": "a.1", "container": "a", "last neuron": "b.1", "all": ""}


def differs(make):
    """Whether what the hook does is seen at all."""
    x = torch.from_numpy(frames(0))
    with torch.no_grad():
        results = [[net(now).clone() for now in x] for net in (make(), dyadic(Net()))]
    return any(not torch.equal(a, b) for a, b in zip(*results, strict=True))


@pytest.mark.parametrize("part", PARTS)
def test_results_that_a_hook_changes(part):
    make = hooked(PARTS[part], "hook", lambda m, given, out: out * 1.5)
    assert differs(make)
    agree(make, seeds=1)


@pytest.mark.parametrize("part", ["layer", "neuron", "all"])
def test_arguments_that_a_hook_changes(part):
    make = hooked(PARTS[part], "pre_hook", lambda m, given: given[0] * 1.5)  # no tuple
    assert differs(make)
    agree(make, seeds=1)


@pytest.mark.parametrize("part", ["layer", "neuron"])
def test_hooks_with_keyword_arguments(part):
    make = hooked(PARTS[part], "hook", lambda m, given, more, out: out + 0.25, with_kwargs=True)
    assert differs(make)
    agree(make, seeds=1)
    make = hooked(
        PARTS[part],
        "pre_hook",
        lambda m, given, more: ((given[0] + 0.25,), more),
        with_kwargs=True,
    )
    assert differs(make)
    agree(make, seeds=1)


def test_hooks_run_in_torchs_order():
    """Addition and multiplication do not commute; `prepend` goes in front."""

    def make():
        net = dyadic(Net())
        layer = net.a[0]
        layer.register_forward_hook(lambda m, given, out: out + 1)
        layer.register_forward_hook(lambda m, given, out: out * 0.5)
        layer.register_forward_hook(lambda m, given, out: out.neg(), prepend=True)
        layer.register_forward_pre_hook(lambda m, given: (given[0] - 0.5,))
        layer.register_forward_pre_hook(lambda m, given: (given[0] * 2,), prepend=True)
        return net

    assert differs(make)
    agree(make, seeds=1)


CHANGES = {
    "a layer, in place": ("a.0", lambda m, given, out: out.mul_(1.5)),
    "spikes, in place": ("a.1", lambda m, given, out: out.mul_(0.75)),
    "a state": ("a.1", lambda m, given, out: setattr(m, "mem", m.mem * 0.5)),
    "where it is large": ("a.0", lambda m, given, out: torch.where(out > 1, out, out * 0.5)),
    "from what was given": ("a.0", lambda m, given, out: out + given[0]),
}


@pytest.mark.parametrize("name", CHANGES)
def test_what_a_hook_may_change(name):
    path, hook = CHANGES[name]
    make = hooked(path, "hook", hook)
    assert differs(make)
    agree(make, seeds=1)


def test_a_hook_that_only_looks_changes_nothing():
    make = hooked("a.1", "hook", lambda m, given, out: None)
    plain, watched = (
        neurochain.compile(build(), frames(99)[0]) for build in (lambda: dyadic(Net()), make)
    )
    assert [p.name for p in plain.network.populations] == [
        p.name for p in watched.network.populations
    ]
    assert [str(f) for f in plain.findings] == [str(f) for f in watched.findings]


def test_a_hook_of_a_loop():
    class Over(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc, self.lif = nn.Linear(N, N), leaky(init_hidden=False)

        def forward(self, x):
            mem, out = torch.zeros(x.size(1), N), []
            for frame in x:
                spikes, mem = self.lif(self.fc(frame), mem)
                out.append(spikes)
            return torch.stack(out)

    def make():
        net = dyadic(Over())
        net.fc.register_forward_hook(lambda m, given, out: out * 1.5)
        net.lif.register_forward_hook(lambda m, given, out: (out[0], out[1] - 0.125))
        return net

    agree(make, loops=True)


@pytest.mark.parametrize("kind", ["hook", "pre_hook"])
def test_hooks_of_every_module(kind):
    """torch keeps them apart from those of a module."""
    register, hook = {
        "hook": (register_module_forward_hook, lambda m, given, out: _only(m, out * 1.5)),
        "pre_hook": (register_module_forward_pre_hook, lambda m, given: _only(m, given[0] * 1.5)),
    }[kind]
    handle = register(hook)
    try:
        agree(lambda: dyadic(Net()), seeds=1)
        art = neurochain.compile(dyadic(Net()), frames(99)[0])
    finally:
        handle.remove()
    plain = neurochain.compile(dyadic(Net()), frames(99)[0])
    x = frames(0)
    assert any(
        not np.array_equal(a, b)
        for a, b in zip(
            neurochain.simulate(art, x, time_axis=0).outputs.values(),
            neurochain.simulate(plain, x, time_axis=0).outputs.values(),
            strict=True,
        )
    )


def _only(module, changed):
    """For layers with weights; None changes nothing."""
    return changed if isinstance(module, nn.Linear) else None


def test_a_hook_that_looks_at_a_value_is_refused():
    make = hooked("a.0", "hook", lambda m, given, out: out * 2 if out.sum() > 0 else out)
    with pytest.raises(UnsupportedError, match="looks at a value of the network"):
        neurochain.compile(make(), frames(99)[0])


def test_hooks_stay_where_they_were():
    net = hooked("a.1", "hook", lambda m, given, out: out * 1.5)()
    before = {name: list(part._forward_hooks.values()) for name, part in net.named_modules()}
    neurochain.compile(net, frames(99)[0])
    after = {name: list(part._forward_hooks.values()) for name, part in net.named_modules()}
    assert after == before
    assert all(not part._forward_pre_hooks for part in net.modules())
