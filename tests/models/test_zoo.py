"""The shipped models: complete cards, small files, and figures that can be measured again."""

import json

import numpy as np
import pytest

import neurochain
from neurochain.errors import InputError
from neurochain.inputs import decode, open_input
from neurochain.learning import recipes
from neurochain.models import find_model, zoo
from neurochain.models.export import export_zoo
from neurochain.models.zoo import CARD_FIELDS

NAMES = ["mnist-mlp", "mnist-mlp-subtract", "nmnist-conv"]
LIMIT = 2_000_000  # bytes


def test_what_is_shipped():
    assert list(zoo()) == NAMES
    assert set(NAMES) <= set(recipes())


@pytest.mark.parametrize("name", NAMES)
def test_card_is_complete_and_true_to_its_recipe(name):
    model = find_model(name)
    card = model.card
    assert set(CARD_FIELDS) <= set(card)
    assert card["recipe"] == json.loads(json.dumps(recipes()[name].to_dict()))
    assert model.encoding == recipes()[name].encoding
    assert model.decoding == recipes()[name].decoding
    assert model.encoding.kind != "rate" or model.encoding.seed is not None


@pytest.mark.parametrize("name", NAMES)
def test_figures_of_a_card_agree_with_each_other(name):
    card = find_model(name).card
    shipped = card["seeds"][0]
    assert card["seed"] == shipped["seed"] == 0  # fixed in advance, not the best
    assert card["accuracy"] == shipped["accuracy"] == card["correct"] / card["total"]
    confusion = np.array(card["confusion"])
    assert confusion.sum() == card["total"]
    assert np.trace(confusion) == card["correct"]
    for run in card["seeds"] + card["cross_validation"]:
        assert run["accuracy"] == run["correct"] / run["total"]
        assert run["epochs"] == card["recipe"]["epochs"]
    assert len({run["seed"] for run in card["seeds"]}) == len(card["seeds"])


def test_the_figures_asked_for_are_reached():
    assert find_model("mnist-mlp").accuracy >= 0.975
    assert len(find_model("mnist-mlp").card["seeds"]) == 3
    conv = find_model("nmnist-conv").card
    assert conv["accuracy"] >= 0.95
    assert len(conv["seeds"]) == 3
    assert [f["total"] for f in conv["cross_validation"]] == [220] * 5


@pytest.mark.parametrize("name", NAMES)
def test_a_model_is_small(name):
    model = find_model(name)
    files = {f.name for f in model.checkpoint.parent.iterdir()}
    assert {"card.json", "model.pt", "sample.npz"} <= files
    assert files <= {"card.json", "model.pt", "model.nchain", "sample.npz"}
    assert model.to_dict()["bytes"] < LIMIT


@pytest.mark.parametrize("name", NAMES)
def test_the_sample_fits_the_model(name):
    model = find_model(name)
    source = open_input(model.sample, model.encoding.shape)
    values = source.read()
    assert values.shape == (20, model.encoding.steps, *model.encoding.shape)
    assert values.dtype == np.uint8
    assert source.labels.shape == (20,)
    assert model.card["sample"]["count"] == 20


@pytest.mark.torch
@pytest.mark.parametrize("name", NAMES)
def test_the_compiled_model_decides_the_sample_as_the_card_says(name):
    model = find_model(name)
    source = open_input(model.sample, model.encoding.shape)
    run = neurochain.simulate(neurochain.load(model.checkpoint), source.read(), engine="reference")
    decided = decode(run.spikes[model.decoding.output], model.decoding)
    assert int((decided == source.labels).sum()) == model.card["sample"]["correct"]


@pytest.mark.torch
def test_the_sample_is_the_head_of_the_shipped_excerpt(repository):
    model = find_model("nmnist-conv")
    excerpt = repository / "examples/data/nmnist/nmnist-excerpt.zip"
    binned = open_input(excerpt, model.encoding.shape, encoding=model.encoding)
    shipped = open_input(model.sample, model.encoding.shape)
    np.testing.assert_array_equal(shipped.read(), binned.read(0, 20))
    assert shipped.labels.tolist() == binned.labels[:20].tolist()


@pytest.mark.parametrize("name", ["mnist", "../zoo/mnist-mlp", ".", ""])
def test_unknown_models_are_named(name):
    with pytest.raises(InputError, match="shipped are mnist-mlp"):
        find_model(name)


def test_nothing_to_export(tmp_path):
    with pytest.raises(InputError, match="no finished run"):
        export_zoo(tmp_path, tmp_path, tmp_path)


@pytest.mark.parametrize("name", NAMES)
def test_the_documentation_prints_the_cards_figures(name, repository):
    text = (repository / "docs" / "training.md").read_text(encoding="utf-8")
    card = find_model(name).card
    for run in card["seeds"] + card["cross_validation"]:
        assert f"{100 * run['accuracy']:.2f} %" in text
