"""Front end for `.pt2` files: torch.export archives, read without running code from them.

archive -> schema -> program -> module: a zip of raw members, strict JSON, a graph whose every name
and operator is known, and an ordinary nn.Module that executes it with torch functions of our own
table. torch.export.load is never called: it unpickles.
"""

from __future__ import annotations

import os

from neurochain.frontends.pt2.archive import open_archive
from neurochain.frontends.pt2.layers import with_linear_layers
from neurochain.frontends.pt2.module import Interpreter, interpreter_of
from neurochain.frontends.pt2.origin import Origin
from neurochain.frontends.pt2.program import read_program
from neurochain.frontends.pt2.schema import ExportedProgram
from neurochain.frontends.pt2.stacks import with_stacks
from neurochain.frontends.pt2.states import check_states
from neurochain.frontends.pt2.weights import decode_json, read_tensors

__all__ = ["Interpreter", "Origin", "read_pt2"]


def read_pt2(path: str | os.PathLike[str]) -> Interpreter:
    """The exported network as a live module in eval mode.

    Errors: InputError (unreadable, unsafe, contradicting itself), UnsupportedError (an operator
    without exact meaning here, sizes that are not fixed, states that the export lost).
    """
    archive = open_archive(path)
    models = [n for n in archive.members if n.startswith("models/") and n.endswith(".json")]
    name = models[0] if len(models) == 1 else "models/model.json"
    exported = decode_json(archive, name, ExportedProgram)
    program = with_stacks(with_linear_layers(read_program(archive.path, exported)))
    check_states(archive.path, program)
    return interpreter_of(archive.path, program, read_tensors(archive))
