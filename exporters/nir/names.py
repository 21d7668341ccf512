"""Names that nirtorch can make submodules of."""

from __future__ import annotations

import re
from collections.abc import Iterable

__all__ = ["RESERVED", "name_faults"]


def name_faults(name: str, names: Iterable[str]) -> list[str]:
    """Why a node cannot keep its name: torch's own attributes, and '.' becomes '_'."""
    faults = []
    plain = name.replace(".", "_")
    if plain in RESERVED or not re.fullmatch(r"[\w-]+", plain):
        faults.append("cannot make a module of that name")
    if any(other.replace(".", "_") == plain for other in names if other != name):
        faults.append("takes '.' and '_' in names for the same")
    return faults


RESERVED = frozenset(
    {
        "T_destination",
        "add_module",
        "apply",
        "bfloat16",
        "buffers",
        "call_super_init",
        "children",
        "clear",
        "compile",
        "cpu",
        "cuda",
        "double",
        "dump_patches",
        "eval",
        "extra_repr",
        "float",
        "forward",
        "get_buffer",
        "get_extra_state",
        "get_parameter",
        "get_submodule",
        "half",
        "ipu",
        "items",
        "keys",
        "load_state_dict",
        "modules",
        "mtia",
        "named_buffers",
        "named_children",
        "named_modules",
        "named_parameters",
        "parameters",
        "pop",
        "register_backward_hook",
        "register_buffer",
        "register_forward_hook",
        "register_forward_pre_hook",
        "register_full_backward_hook",
        "register_full_backward_pre_hook",
        "register_load_state_dict_post_hook",
        "register_load_state_dict_pre_hook",
        "register_module",
        "register_parameter",
        "register_state_dict_post_hook",
        "register_state_dict_pre_hook",
        "requires_grad_",
        "set_extra_state",
        "set_submodule",
        "share_memory",
        "state_dict",
        "to",
        "to_empty",
        "train",
        "training",
        "type",
        "update",
        "values",
        "xpu",
        "zero_grad",
    }
)
"""Public attributes of torch.nn.ModuleDict, torch 2.13."""
