"""Further arguments of forward: inputs of the network, or states, by how forward uses them."""

import numpy as np
import pytest
import snntorch as snn
import torch
from torch import nn

import neurochain
from neurochain import InputError
from neurochain.frontends import checkpoint
from neurochain.frontends.modules import record, to_graph

pytestmark = pytest.mark.torch

T, B, N, M, H = 6, 2, 4, 3, 5


class Base(nn.Module):
    """Two layers into one neuron population."""

    def __init__(self, hidden=False):
        super().__init__()
        self.left, self.right = nn.Linear(N, H), nn.Linear(M, H)
        self.lif = snn.Leaky(beta=0.5, init_hidden=hidden)
        with torch.no_grad():
            self.left.weight.copy_(torch.arange(H * N).reshape(H, N) / 32)
            self.right.weight.copy_(torch.arange(H * M).reshape(H, M) / 16 - 0.25)
            self.left.bias.zero_()
            self.right.bias.fill_(0.25)


class Step(Base):
    def __init__(self):
        super().__init__(hidden=True)

    def forward(self, a, b):
        return self.lif(self.left(a) + self.right(b))


class Over(Base):
    def forward(self, image, context):
        mem, out = self.lif.init_leaky(), []
        for t in range(image.size(0)):
            spk, mem = self.lif(self.left(image[t]) + self.right(context[t]), mem)
            out.append(spk)
        return torch.stack(out)


class Shown(Base):
    """The context has no time: it is the same at every step."""

    def forward(self, image, context):
        mem, out, bias = self.lif.init_leaky(), [], self.right(context)
        for frame in image:
            spk, mem = self.lif(self.left(frame) + bias, mem)
            out.append(spk)
        return torch.stack(out)


class Nested(Base):
    def forward(self, image, context):
        mem, out = self.lif.init_leaky(), []
        for t in range(image.size(0)):
            current = self.left(image[t] + context["more"][t]) + self.right(context["side"][t])
            spk, mem = self.lif(current, mem)
            out.append(spk)
        return torch.stack(out)


def draw(seed, *shape):
    return (np.random.default_rng(seed).random(shape) < 0.5).astype(np.float32)


def names(art):
    return [(s.name, s.shape) for s in art.network.sources]


def check(art, module, x):
    """The artefact against the module itself on x, (step, sample, *shape) by argument."""
    with torch.no_grad():
        wanted = module(*(torch.from_numpy(v) for v in x.values())).numpy()
    given = {
        source.name: v.swapaxes(0, 1) if v.ndim == 3 else np.repeat(v[:, None], T, axis=1)
        for source, v in zip(art.network.sources, x.values(), strict=True)
    }
    got = np.asarray(neurochain.simulate(art, given).outputs["output"], dtype=np.float32)
    assert 0 < wanted.mean() < 1
    np.testing.assert_array_equal(got.swapaxes(0, 1), wanted)
    report = neurochain.verify(art, module, given, sample=tuple(x.values()))
    assert report.equal
    assert report.samples == B


@pytest.mark.parametrize("by_name", [False, True])
def test_a_call_is_a_step(by_name):
    a, b = draw(0, B, N), draw(1, B, M)
    art = neurochain.compile(Step().eval(), {"b": b, "a": a} if by_name else (a, b))
    assert names(art) == [("input", (N,)), ("b", (M,))]
    assert art.provenance["verification"]["equal"] is True
    x = {"input": draw(2, 3, T, N), "b": draw(3, 3, T, M)}
    assert neurochain.verify(art, Step().eval(), x).equal
    other = {**x, "b": 1 - x["b"]}
    assert not np.array_equal(
        neurochain.simulate(art, x).outputs["output"],
        neurochain.simulate(art, other).outputs["output"],
    )


def test_both_inputs_have_time():
    module = Over().eval()
    x = {"image": draw(0, T, B, N), "context": draw(1, T, B, M)}
    art = neurochain.compile(module, tuple(x.values()))
    assert names(art) == [("input", (N,)), ("context", (M,))]
    assert neurochain.compile(module, x).provenance["verification"]["equal"] is True
    check(art, module, x)


def test_an_input_without_time_is_shown_at_every_step():
    module = Shown().eval()
    x = {"image": draw(0, T, B, N), "context": draw(1, B, M)}
    art = neurochain.compile(module, tuple(x.values()))
    check(art, module, x)
    result = to_graph(module, tuple(x.values()))
    assert [(f.argument, f.static, f.time_axis) for f in result.inputs] == [("context", True, None)]
    with pytest.raises(InputError, match="unchanged at every step"):
        record(module, result, {"input": draw(2, T, N), "context": draw(3, T, M)})


def test_inputs_in_a_dict():
    more, side = draw(1, T, B, N), draw(2, T, B, M)
    sample = (draw(0, T, B, N), {"more": more, "side": side})
    art = neurochain.compile(Nested().eval(), sample)
    assert art.provenance["verification"]["equal"] is True
    assert [shape for _, shape in names(art)] == [(N,), (N,), (M,)]


def test_many_steps_in_the_sample_of_a_step():
    art = neurochain.compile(Step().eval(), (draw(0, B, T, N), draw(1, B, T, M)), time_axis=1)
    assert names(art) == [("input", (N,)), ("b", (M,))]


def test_a_checkpoint_keeps_every_input(tmp_path):
    path = tmp_path / "net.pt"
    x = (draw(0, T, B, N), draw(1, T, B, M))
    module = Over().eval()
    neurochain.save(module, path, x)
    loaded = checkpoint.load(path)
    assert {name: v.shape for name, v in loaded.sample.items()} == {
        "": (T, 1, N),
        "context": (T, 1, M),
    }
    assert loaded.result.inputs == to_graph(module, x).inputs
    art = neurochain.compile(path, model=f"{__name__}:make")
    assert art.provenance["verification"]["equal"] is True
    assert names(art) == [("input", (N,)), ("context", (M,))]


def make():
    """A factory for --model."""
    return Over()


class Gate(Base):
    """b is an input that has the shape of nothing that is returned."""

    def __init__(self):
        super().__init__(hidden=True)

    def forward(self, a, b):
        spk = self.lif(self.left(a) + self.right(b))
        return spk, spk


def test_a_returned_pair_does_not_make_a_state_of_another_shape():
    art = neurochain.compile(Gate().eval(), (draw(0, B, N), draw(1, B, M)))
    assert names(art) == [("input", (N,)), ("b", (M,))]


class Fed(nn.Module):
    """What is returned second has the shape of b: a state, or an input where the sample says so."""

    def __init__(self):
        super().__init__()
        self.fc, self.lif = nn.Linear(N, N), snn.Leaky(beta=0.5, init_hidden=True)

    def forward(self, a, b):
        spk = self.lif(self.fc(a) + b)
        return spk, spk


def test_names_say_that_an_argument_is_an_input():
    a, b = draw(0, B, N), draw(1, B, N)
    start = np.repeat(b[:1], B, axis=0)  # a first state is the same for every sample of a batch
    state = neurochain.compile(Fed().eval(), (a, start))
    assert names(state) == [("input", (N,))]
    assert any(f.where == "argument b" and "taken for a state" in f.what for f in state.findings)
    art = neurochain.compile(Fed().eval(), {"a": a, "b": b})
    assert names(art) == [("input", (N,)), ("b", (N,))]


def test_states_nested_in_tuples():
    class Cell(Base):
        def forward(self, x, state):
            (mem,), last = state
            current = self.left(x) + 0.5 * last
            spk, mem = self.lif(current, mem)
            return spk, ((mem,), spk)

    zeros = torch.zeros(B, H)
    art = neurochain.compile(Cell().eval(), (draw(0, B, N), ((zeros,), zeros)))
    assert art.provenance["verification"]["equal"] is True
    assert names(art) == [("input", (N,))]


def test_a_batch_size_written_in_forward():
    class Fixed(Base):
        def forward(self, x):
            mem, out = torch.zeros(B, H), []
            for _ in range(T):
                spk, mem = self.lif(self.left(x.view(B, -1)), mem)
                out.append(spk)
            return torch.stack(out)

    image = np.random.default_rng(0).integers(0, 65, (B, 2, 2)).astype(np.float32) / 64
    result = to_graph(Fixed().eval(), image)
    assert result.batch == B
    art = neurochain.compile(Fixed().eval(), image)
    assert art.provenance["verification"]["equal"] is True
    with torch.no_grad():
        wanted = Fixed()(torch.from_numpy(image)).numpy()
    shown = np.repeat(image[:, None], T, axis=1)
    got = np.asarray(neurochain.simulate(art, shown).outputs["output"], dtype=np.float32)
    np.testing.assert_array_equal(got.swapaxes(0, 1), wanted)
    one = record(Fixed().eval(), result, shown[1]).populations["lif"].spikes
    np.testing.assert_array_equal(one, wanted[:, 1])


def test_a_neuron_by_hand_in_a_fixed_batch():
    class Fixed(Base):
        def forward(self, x):
            mem, out = torch.zeros(B, H), []
            for frame in x:
                mem = 0.5 * mem + self.left(frame.view(B, N))
                spk = (mem > 1).float()
                mem = mem - spk
                out.append(spk)
            return torch.stack(out)

    art = neurochain.compile(Fixed().eval(), draw(0, T, B, 2, 2))
    assert art.provenance["verification"]["equal"] is True


class Late(Base):
    """The gate changes a state after the spikes are out: only the step before is read."""

    def forward(self, image, gate):
        mem, out = torch.zeros(image.shape[1], H), []
        for t in range(image.size(0)):
            spk = (mem > 1).float()
            mem = 0.5 * (mem - spk) + self.left(image[t]) * gate[t]
            out.append(spk)
        return torch.stack(out)


class Factor(Late):
    """The same, a gate without time."""

    def forward(self, image, gate):
        return super().forward(image, [gate] * image.size(0))


@pytest.mark.parametrize("kind", [Late, Factor])
def test_an_input_that_is_read_through_a_state(kind):
    module, shape = kind().eval(), (T, B, H) if kind is Late else (B, H)
    art = neurochain.compile(module, (draw(0, T, B, N), draw(1, *shape)))
    assert names(art) == [("input", (N,)), ("gate", (H,))]
    check(art, module, {"image": draw(2, T, B, N), "gate": draw(3, *shape)})


def test_states_of_neurons_start_from_rest_however_they_are_passed():
    class Cell(Base):
        def forward(self, x, mem, last):
            spk, mem = self.lif(self.left(x) + 0.5 * last, mem)
            return spk, mem, spk

    sample = (draw(0, B, N), torch.full((B, H), 0.5), torch.zeros(B, H))
    art = neurochain.compile(Cell().eval(), sample)
    assert art.provenance["verification"]["equal"] is True
    assert any("starts from rest" in f.what for f in art.findings if f.where == "argument mem")


WRONG = {
    "too_many": ((draw(0, B, N), draw(1, B, M), draw(2, B, M)), "holds 3 values"),
    "unknown_name": ({"a": draw(0, B, N), "c": draw(1, B, M)}, "forward takes a, b"),
    "first_missing": ({"b": draw(1, B, M)}, "forward takes a, b"),
}


@pytest.mark.parametrize("name", WRONG)
def test_samples_that_do_not_fit(name):
    sample, text = WRONG[name]
    with pytest.raises(InputError, match=text):
        neurochain.compile(Step().eval(), sample)


def test_values_that_are_no_inputs_are_named():
    class Unused(Base):
        def forward(self, x, y, mem):
            spk, mem = self.lif(self.left(x), mem)
            return spk, mem

    sample = (draw(0, B, N), draw(1, B, M), torch.full((B, H), 0.5))
    said = {f.where: f.what for f in neurochain.compile(Unused().eval(), sample).findings}
    assert "changes nothing" in said["argument y"]
    assert "starts from rest" in said["argument mem"]


def test_verification_wants_every_input():
    art = neurochain.compile(Step().eval(), (draw(0, B, N), draw(1, B, M)))
    with pytest.raises(InputError, match="input b"):
        neurochain.verify(art, Step().eval(), draw(2, T, N))
    x = {"input": draw(2, 3, T, N), "b": draw(3, 3, T + 1, M)}
    with pytest.raises(InputError, match="differ in samples and steps"):
        neurochain.verify(art, Step().eval(), x)
