"""What two engines have to agree in."""

import numpy as np


def differences(one, other):
    """Where two EngineResults differ in emissions, membranes, final states or counts."""
    found = [k for k, v in one.emissions.items() if not np.array_equal(v, other.emissions[k])]
    found += [k for k, v in one.membranes.items() if not np.array_equal(v, other.membranes[k])]
    found += [
        (node, name)
        for node, entries in one.final_state.items()
        for name, value in entries.items()
        if not np.array_equal(value, other.final_state[node][name])
        or value.dtype != other.final_state[node][name].dtype
    ]
    for kind in ("projections", "populations"):
        ours, theirs = getattr(one.counts, kind), getattr(other.counts, kind)
        found += [(kind, k) for k, v in ours.items() if not np.array_equal(v, theirs[k])]
    return found
