"""How people write forward: loops, states, several inputs and outputs, nesting, encoders."""

from typing import Any

import snntorch as snn
import torch
from case import Case, Family, dyadic
from snntorch import utils
from torch import nn

from networks.shapes import lif

NETWORKS = Family("styles")
N, H, OUT = 8, 10, 4


class Base(nn.Module):
    """Two linear layers and two Leaky neurons with states by hand."""

    def __init__(self) -> None:
        super().__init__()
        self.fc1, self.lif1 = nn.Linear(N, H), snn.Leaky(beta=0.75)
        self.fc2, self.lif2 = nn.Linear(H, OUT), snn.Leaky(beta=0.875)

    def start(self) -> tuple[torch.Tensor, torch.Tensor]:
        return self.lif1.init_leaky(), self.lif2.init_leaky()

    def step(self, x, mem1, mem2):
        spk1, mem1 = self.lif1(self.fc1(x), mem1)
        spk2, mem2 = self.lif2(self.fc2(spk1), mem2)
        return spk2, mem1, mem2


def case(net: nn.Module, *constructs: str, seed: int = 1, weight: float = 1.5, **more: Any) -> Case:
    """weight: mean drive of the weights (see `dyadic`)."""
    given = {"shapes": ((N,),), **more}
    return Case(module=dyadic(net, seed, drive=weight), constructs=constructs, **given)


def looped(*constructs: str, **more: Any):
    """Decorator: the function is forward of a Base network, whose call is a sequence."""

    def add(forward):
        class Net(Base):
            pass

        Net.forward = forward
        NETWORKS.add(
            forward.__name__, lambda: case(Net(), *constructs, **{"drive": "loop", **more})
        )
        return forward

    return add


# --- loops over time -----------------------------------------------------------------------------


@looped("time as the last axis", time_axis=2)
def time_last(self, x):
    mem1, mem2 = self.start()
    out = []
    for t in range(x.shape[-1]):
        spk, mem1, mem2 = self.step(x[..., t], mem1, mem2)
        out.append(spk)
    return torch.stack(out)


@looped("batch first", time_axis=1, returns=(1,))
def batch_first(self, x):
    mem1, mem2 = self.start()
    out = []
    for t in range(x.size(1)):
        spk, mem1, mem2 = self.step(x[:, t], mem1, mem2)
        out.append(spk)
    return torch.stack(out, dim=1)


@looped("batch first", "permute", time_axis=1)
def permuted_to_time_first(self, x):
    mem1, mem2 = self.start()
    out = []
    for frame in x.permute(1, 0, 2):
        spk, mem1, mem2 = self.step(frame, mem1, mem2)
        out.append(spk)
    return torch.stack(out)


@looped("no batch axis", batched=False)
def without_batch(self, x):
    mem1, mem2 = self.start()
    out = []
    for frame in x:
        spk, mem1, mem2 = self.step(frame, mem1, mem2)
        out.append(spk)
    return torch.stack(out)


@looped("layer over the whole sequence")
def layer_before_the_loop(self, x):
    """fc1 is applied to all steps at once, as in many papers' code."""
    mem1, mem2 = self.start()
    currents = self.fc1(x)
    out = []
    for t in range(x.size(0)):
        spk, mem1 = self.lif1(currents[t], mem1)
        spk, mem2 = self.lif2(self.fc2(spk), mem2)
        out.append(spk)
    return torch.stack(out)


@looped("layer over the whole sequence", "layer by layer")
def layer_by_layer(self, x):
    """Every layer runs over the whole sequence before the next one starts."""
    mem1, mem2 = self.start()
    first, second = [], []
    for current in self.fc1(x):
        spk, mem1 = self.lif1(current, mem1)
        first.append(spk)
    for current in self.fc2(torch.stack(first)):
        spk, mem2 = self.lif2(current, mem2)
        second.append(spk)
    return torch.stack(second)


@looped("layer over the whole sequence", "time in the batch axis")
def time_folded_into_batch(self, x):
    steps, batch = x.shape[:2]
    currents = self.fc1(x.flatten(0, 1)).view(steps, batch, -1)
    mem1, mem2 = self.start()
    out = []
    for t in range(steps):
        spk, mem1 = self.lif1(currents[t], mem1)
        spk, mem2 = self.lif2(self.fc2(spk), mem2)
        out.append(spk)
    return torch.stack(out)


@looped("states made by torch.zeros")
def zeros_as_states(self, x):
    mem1 = torch.zeros(x.size(1), H)
    mem2 = torch.zeros((x.size(1), OUT), device=x.device, dtype=x.dtype)
    out = []
    for t in range(x.size(0)):
        spk, mem1, mem2 = self.step(x[t], mem1, mem2)
        out.append(spk)
    return torch.stack(out)


@looped("states start from a constant")
def membranes_start_at_half(self, x):
    mem1 = torch.full((x.size(1), H), 0.5)
    mem2 = torch.full((x.size(1), OUT), 0.25)
    out = []
    for t in range(x.size(0)):
        spk, mem1, mem2 = self.step(x[t], mem1, mem2)
        out.append(spk)
    return torch.stack(out)


@looped("record filled step by step")
def record_filled(self, x):
    mem1, mem2 = self.start()
    out = torch.zeros(x.size(0), x.size(1), OUT)
    for t in range(x.size(0)):
        out[t], mem1, mem2 = self.step(x[t], mem1, mem2)
    return out


@looped("count of spikes returned", returns=("sum",))
def spikes_counted(self, x):
    mem1, mem2 = self.start()
    total = 0
    for frame in x:
        spk, mem1, mem2 = self.step(frame, mem1, mem2)
        total = total + spk
    return total


@looped("mean rate returned", returns=("mean",), steps=64)
def rate_returned(self, x):
    mem1, mem2 = self.start()
    out = []
    for frame in x:
        spk, mem1, mem2 = self.step(frame, mem1, mem2)
        out.append(spk)
    return torch.stack(out).mean(0)


@looped("highest membrane returned", "membrane returned", returns=("max",))
def highest_membrane(self, x):
    mem1, mem2 = self.start()
    out = []
    for frame in x:
        _, mem1, mem2 = self.step(frame, mem1, mem2)
        out.append(mem2)
    return torch.stack(out).max(0)[0]


@looped("last membrane returned", returns=("last",))
def last_membrane(self, x):
    mem1, mem2 = self.start()
    for frame in x:
        _, mem1, mem2 = self.step(frame, mem1, mem2)
    return mem2


@looped("list returned", returns=("list",))
def list_of_steps(self, x):
    mem1, mem2 = self.start()
    out = []
    for frame in x:
        spk, mem1, mem2 = self.step(frame, mem1, mem2)
        out.append(spk)
    return out


@looped("dictionary returned", "several outputs")
def dictionary(self, x):
    mem1, mem2 = self.start()
    first, second = [], []
    for frame in x:
        spk1, mem1 = self.lif1(self.fc1(frame), mem1)
        spk2, mem2 = self.lif2(self.fc2(spk1), mem2)
        first.append(spk1)
        second.append(spk2)
    return {"hidden": torch.stack(first), "out": torch.stack(second)}


@looped("several outputs", "membrane returned")
def every_record_returned(self, x):
    mem1, mem2 = self.start()
    s1, s2, m2 = [], [], []
    for frame in x:
        spk1, mem1 = self.lif1(self.fc1(frame), mem1)
        spk2, mem2 = self.lif2(self.fc2(spk1), mem2)
        s1.append(spk1)
        s2.append(spk2)
        m2.append(mem2)
    return torch.stack(s1), torch.stack(s2), torch.stack(m2)


@looped("recurrence written by hand", weight=1.0)
def spikes_fed_back(self, x):
    """The output of the step before is added to the input of this one."""
    mem1, mem2 = self.start()
    spk1 = torch.zeros(x.size(1), H)
    out = []
    for frame in x:
        spk1, mem1 = self.lif1(self.fc1(frame) - 0.5 * spk1, mem1)
        spk2, mem2 = self.lif2(self.fc2(spk1), mem2)
        out.append(spk2)
    return torch.stack(out)


@looped("delay written by hand")
def delayed_by_a_step(self, x):
    """fc2 reads the spikes of the step before."""
    mem1, mem2 = self.start()
    before = torch.zeros(x.size(1), H)
    out = []
    for frame in x:
        spk1, mem1 = self.lif1(self.fc1(frame), mem1)
        spk2, mem2 = self.lif2(self.fc2(before), mem2)
        before = spk1
        out.append(spk2)
    return torch.stack(out)


@looped("layer that reads a membrane", arbitrary=True)
def membrane_feeds_a_layer(self, x):
    mem1, mem2 = self.start()
    out = []
    for frame in x:
        _, mem1 = self.lif1(self.fc1(frame), mem1)
        spk2, mem2 = self.lif2(self.fc2(mem1), mem2)
        out.append(spk2)
    return torch.stack(out)


@looped("state changed between steps")
def membrane_halved_by_hand(self, x):
    mem1, mem2 = self.start()
    out = []
    for frame in x:
        spk, mem1, mem2 = self.step(frame, mem1 * 0.5, mem2)
        out.append(spk)
    return torch.stack(out)


@looped("first or last step treated apart", refused=True)
def first_step_skipped(self, x):
    """The first frame is dropped: range(1, steps)."""
    mem1, mem2 = self.start()
    out = [torch.zeros(x.size(1), OUT)]
    for t in range(1, x.size(0)):
        spk, mem1, mem2 = self.step(x[t], mem1, mem2)
        out.append(spk)
    return torch.stack(out)


@looped("a layer that depends on the step", refused=True)
def another_layer_at_odd_steps(self, x):
    mem1, mem2 = self.start()
    out = []
    for t in range(x.size(0)):
        current = self.fc1(x[t]) if t % 2 == 0 else self.fc1(x[t]) * 2
        spk, mem1 = self.lif1(current, mem1)
        spk, mem2 = self.lif2(self.fc2(spk), mem2)
        out.append(spk)
    return torch.stack(out)


# --- one step a call -----------------------------------------------------------------------------


@NETWORKS
def states_by_hand() -> Case:
    class Net(Base):
        def forward(self, x, mem1, mem2):
            return self.step(x, mem1, mem2)

    return case(
        Net(), "states passed by hand", drive="states", returns=("each", None, None),
        states=lambda b: (torch.zeros(b, H), torch.zeros(b, OUT)),
        carry=lambda out: (out, (out[1], out[2])),
    )  # fmt: skip


@NETWORKS
def states_in_a_tuple() -> Case:
    class Net(Base):
        def forward(self, x, state):
            mem1, mem2 = state
            spk, mem1, mem2 = self.step(x, mem1, mem2)
            return spk, (mem1, mem2)

    return case(
        Net(), "states passed in a tuple", drive="states", returns=("each", None, None),
        states=lambda b: ((torch.zeros(b, H), torch.zeros(b, OUT)),),
        carry=lambda out: (out, (out[1],)),
    )  # fmt: skip


@NETWORKS
def states_or_none() -> Case:
    class Net(Base):
        def forward(self, x, state=None):
            mem1, mem2 = self.start() if state is None else state
            spk, mem1, mem2 = self.step(x, mem1, mem2)
            return spk, (mem1, mem2)

    return case(
        Net(), "states passed in a tuple", "state None at the first step", drive="states",
        returns=("each", None, None), states=lambda b: (), carry=lambda out: (out, (out[1],)),
    )  # fmt: skip


@NETWORKS
def states_kept_on_the_module() -> Case:
    class Net(Base):
        def __init__(self):
            super().__init__()
            self.mem1, self.mem2 = self.start()

        def forward(self, x):
            spk, self.mem1, self.mem2 = self.step(x, self.mem1, self.mem2)
            return spk

    return case(Net(), "states kept on the module")


@NETWORKS
def reset_before_the_loop() -> Case:
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc1, self.lif1 = nn.Linear(N, H), lif()
            self.fc2, self.lif2 = nn.Linear(H, OUT), lif()

        def forward(self, x):
            utils.reset(self)
            out = []
            for frame in x:
                out.append(self.lif2(self.fc2(self.lif1(self.fc1(frame)))))
            return torch.stack(out)

    return case(Net(), "utils.reset", drive="loop")
