"""Reading a file as the framework that wrote it means it: --convention NAME.

NIR states an equation and leaves the rest to the executor, and frameworks write and read files of
their own by conventions that NIR does not hold: what r means, the unit of time, the decay, the
reset, the comparison. A convention rewrites the nodes of a file so that the reference execution
(forward Euler) does in every step what the framework's own import runs, or refuses by name what
no neuron program here can do. The table is in docs/nir.md.
"""

from __future__ import annotations

from collections.abc import Mapping

from neurochain.errors import InputError
from neurochain.frontends.nir.conventions import (
    norse,
    rockpool,
    sinabs,
    snntorch,
    spikingjelly,
    spyx,
)
from neurochain.frontends.nir.conventions.base import Convention, Reading, convert
from neurochain.frontends.nir.draft import Draft
from neurochain.frontends.nir.options import Options

__all__ = ["Reading", "holds_batch", "read_as"]

_CONVENTIONS: Mapping[str, Convention] = {
    "norse": norse.NORSE,
    "rockpool": rockpool.ROCKPOOL,
    "rockpool-single": rockpool.ROCKPOOL_SINGLE,
    "sinabs": sinabs.SINABS,
    "sinabs-single": sinabs.SINABS_SINGLE,
    "snntorch": snntorch.SNNTORCH,
    "spikingjelly": spikingjelly.SPIKINGJELLY,
    "spyx": spyx.SPYX,
}


def holds_batch(name: str) -> bool:
    """Whether files of a convention state Input and Output with axes of batch and time."""
    convention = _CONVENTIONS.get(name)
    return convention is not None and convention.batch


def read_as(draft: Draft, options: Options) -> Reading:
    """Rewrite the draft's nodes by the convention asked for; say what it decided.

    Errors: InputError where a fact is missing that the convention needs, UnsupportedError for what
    no program does exactly; all findings at once.
    """
    draft.facts["convention"] = options.convention
    convention = _CONVENTIONS.get(options.convention)
    if convention is None:
        return Reading()
    if draft.stored is not None:
        raise InputError(
            f"convention: {options.convention} was asked for, but the file was written by "
            "neurochain and states how it is to be run. Leave --convention out."
        )
    draft.convention = convention.title
    draft.facts["convention"] = f"{options.convention} (as {convention.title} reads the file)"
    return convert(convention, draft, options)
