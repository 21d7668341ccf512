"""The compiled artefacts of the zoo: what the checkpoints compile to today, and verified."""

import pytest

import neurochain
from neurochain.artifact import Artifact, load_artifact, to_bytes
from neurochain.models import zoo

pytestmark = pytest.mark.torch


@pytest.mark.parametrize("name", list(zoo()))
def test_the_shipped_artefact_is_what_the_checkpoint_compiles_to(name):
    model = zoo()[name]
    shipped = load_artifact(model.checkpoint.with_suffix(".nchain"))
    fresh = neurochain.load(model.checkpoint)
    assert shipped.verified
    assert shipped.provenance["source"] == fresh.provenance["source"]
    ours, theirs = (Artifact(network=a.network, graph=a.graph) for a in (shipped, fresh))
    assert to_bytes(ours) == to_bytes(theirs)
    assert shipped.encoding == fresh.encoding
    assert shipped.decoding == fresh.decoding
