"""A placement in a file whose digests are right is still checked against its network."""

from dataclasses import replace

import numpy as np
import pytest
from integer_networks import chain, dense

from neurochain.artifact import Artifact, load_artifact, save_artifact
from neurochain.errors import InputError
from neurochain.mapping import map_network
from neurochain.mapping.soundness import placement_fault
from neurochain.targets import load_target

NETWORK = chain([(9,), (2000,), (5,)], [dense(9, 2000), dense(2000, 5)])
PLACED = map_network(NETWORK, load_target("loihi1"), method="sequential")


def at(node, function):
    where = dict(PLACED.core_of)
    where[node] = function(where[node].copy())
    return {"core_of": where}


def first(value):
    def change(array):
        array[0] = value
        return array

    return change


DAMAGE = {
    "negative core": (at("n0", first(-1)), "does not use"),
    "core that is not there": (at("n0", first(10**6)), "does not use"),
    "neurons missing": (at("n0", lambda a: a[:-1]), "another network"),
    "fractions": (at("n0", lambda a: a.astype(np.float64)), "another network"),
    "a layer that is not there": (
        {"core_of": {**PLACED.core_of, "zzz": np.zeros(3, dtype=np.int64)}},
        "another network",
    ),
    "all on one core": (at("n0", np.zeros_like), "another number of neurons"),
    "cores beyond the chips": ({"cores": PLACED.cores + 10**7}, "those of its chips"),
    "one core twice": ({"cores": np.zeros_like(PLACED.cores)}, "those of its chips"),
    "more than a core has": ({"limits": {**PLACED.limits, "neurons": 3}}, "more neurons"),
    "a limit of nothing": ({"limits": {"magic": 3}}, "KeyError"),
    "fewer routers": (
        {"mesh": replace(PLACED.mesh, x=PLACED.mesh.x[:-1])},
        "beside the mesh",
    ),
    "routers outside": ({"mesh": replace(PLACED.mesh, width=1)}, "beside the mesh"),
    "packets to nowhere": ({"target_core": PLACED.target_core + 10**6}, "packets go"),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_damaged_placements_are_refused(tmp_path, damage):
    changes, said = DAMAGE[damage]
    artifact = Artifact(network=NETWORK, placement=replace(PLACED, **changes))
    save_artifact(artifact, tmp_path / "a.nchain")
    with pytest.raises(InputError, match=f"placement is damaged: .*({said})"):
        load_artifact(tmp_path / "a.nchain")


def test_sound_placements_are_taken(tmp_path):
    assert len(PLACED.cores) > 1
    for inputs in (False, True):
        placed = map_network(NETWORK, load_target("loihi1"), place_inputs=inputs)
        assert placement_fault(placed, NETWORK) == ""
        save_artifact(Artifact(network=NETWORK, placement=placed), tmp_path / "a.nchain")
        assert load_artifact(tmp_path / "a.nchain").placement is not None
