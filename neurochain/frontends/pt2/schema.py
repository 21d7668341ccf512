"""The JSON of torch's serialized ExportedProgram (schema 8), as strict records.

Field names are torch's own (torch/_export/serde/schema.py). A field that is not listed here is an
error: nothing in a file is passed over. Unions are records of which exactly one field is set.
"""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET, Struct, UnsetType

__all__ = [
    "Argument",
    "ExportedProgram",
    "Graph",
    "InputSpec",
    "NamedArgument",
    "Node",
    "OutputSpec",
    "PayloadConfig",
    "PayloadMeta",
    "SymInt",
    "TensorMeta",
    "chosen",
    "is_empty",
]


EMPTY = msgspec.Raw(b"{}")


class Strict(Struct, frozen=True, forbid_unknown_fields=True):
    """A record of which every field is known."""


def chosen(union: Struct) -> tuple[str, Any]:
    """Name and value of the one field that is set. Errors: ValueError for none or several."""
    values = msgspec.structs.astuple(union)
    given = [place for place, value in enumerate(values) if value is not UNSET]
    if len(given) != 1:
        raise ValueError(f"{type(union).__name__} holds {len(given)} values instead of one")
    return union.__struct_fields__[given[0]], values[given[0]]


def is_empty(table: msgspec.Raw) -> bool:
    """Whether a table that is kept unread has no entries."""
    return bytes(table).strip() == b"{}"


class Device(Strict, frozen=True):
    type: str
    index: int | None = None


class SymInt(Strict, frozen=True):
    """as_expr: a size that is not fixed."""

    as_int: int | UnsetType = UNSET
    as_expr: msgspec.Raw | UnsetType = UNSET


class TensorMeta(Strict, frozen=True):
    """Type, sizes and strides of a tensor."""

    dtype: int
    sizes: list[SymInt]
    requires_grad: bool
    device: Device
    strides: list[SymInt]
    storage_offset: SymInt
    layout: int


class Name(Strict, frozen=True):
    name: str


class OptionalTensor(Strict, frozen=True):
    as_tensor: Name | UnsetType = UNSET
    as_none: bool | UnsetType = UNSET


class Argument(Strict, frozen=True):
    """A value of the graph. Kinds that no operator here takes are kept unread."""

    as_none: bool | UnsetType = UNSET
    as_tensor: Name | UnsetType = UNSET
    as_tensors: list[Name] | UnsetType = UNSET
    as_int: int | UnsetType = UNSET
    as_ints: list[int] | UnsetType = UNSET
    as_float: float | str | UnsetType = UNSET
    as_floats: list[float | str] | UnsetType = UNSET
    as_bool: bool | UnsetType = UNSET
    as_bools: list[bool] | UnsetType = UNSET
    as_string: str | UnsetType = UNSET
    as_scalar_type: int | UnsetType = UNSET
    as_memory_format: int | UnsetType = UNSET
    as_layout: int | UnsetType = UNSET
    as_device: Device | UnsetType = UNSET
    as_optional_tensors: list[OptionalTensor] | UnsetType = UNSET
    as_optional_tensor: OptionalTensor | UnsetType = UNSET
    as_strings: msgspec.Raw | UnsetType = UNSET
    as_sym_int: msgspec.Raw | UnsetType = UNSET
    as_sym_ints: msgspec.Raw | UnsetType = UNSET
    as_sym_bool: msgspec.Raw | UnsetType = UNSET
    as_sym_bools: msgspec.Raw | UnsetType = UNSET
    as_sym_float: msgspec.Raw | UnsetType = UNSET
    as_sym_floats: msgspec.Raw | UnsetType = UNSET
    as_graph: msgspec.Raw | UnsetType = UNSET
    as_custom_obj: msgspec.Raw | UnsetType = UNSET
    as_operator: msgspec.Raw | UnsetType = UNSET
    as_complex: msgspec.Raw | UnsetType = UNSET
    as_nested_tensors: msgspec.Raw | UnsetType = UNSET
    as_int_lists: msgspec.Raw | UnsetType = UNSET
    as_float_lists: msgspec.Raw | UnsetType = UNSET
    as_string_to_argument: msgspec.Raw | UnsetType = UNSET


class NamedArgument(Strict, frozen=True):
    """An argument of an operator by the name its signature gives it."""

    name: str
    arg: Argument
    kind: int | None = None


class Node(Strict, frozen=True):
    """One call of an operator."""

    target: str
    inputs: list[NamedArgument]
    outputs: list[Argument]
    metadata: dict[str, str]
    is_hop_single_tensor_return: bool | None = None
    name: str | None = None


class Graph(Strict, frozen=True):
    """Nodes in the order in which they run; tensor_values: type and sizes of every value."""

    inputs: list[Argument]
    outputs: list[Argument]
    nodes: list[Node]
    tensor_values: dict[str, TensorMeta]
    sym_int_values: msgspec.Raw
    sym_bool_values: msgspec.Raw
    is_single_tensor_return: bool = False
    custom_obj_values: msgspec.Raw = EMPTY
    sym_float_values: msgspec.Raw = EMPTY


class UserInputSpec(Strict, frozen=True):
    arg: Argument


class ConstantValue(Strict, frozen=True):
    as_none: bool | UnsetType = UNSET
    as_int: int | UnsetType = UNSET
    as_float: float | str | UnsetType = UNSET
    as_string: str | UnsetType = UNSET
    as_bool: bool | UnsetType = UNSET


class ConstantInputSpec(Strict, frozen=True):
    name: str
    value: ConstantValue


class ParameterSpec(Strict, frozen=True):
    arg: Name
    parameter_name: str


class BufferSpec(Strict, frozen=True):
    arg: Name
    buffer_name: str
    persistent: bool


class TensorConstantSpec(Strict, frozen=True):
    arg: Name
    tensor_constant_name: str


class InputSpec(Strict, frozen=True):
    """What an input of the graph stands for."""

    user_input: UserInputSpec | UnsetType = UNSET
    parameter: ParameterSpec | UnsetType = UNSET
    buffer: BufferSpec | UnsetType = UNSET
    tensor_constant: TensorConstantSpec | UnsetType = UNSET
    constant_input: ConstantInputSpec | UnsetType = UNSET
    custom_obj: msgspec.Raw | UnsetType = UNSET
    token: msgspec.Raw | UnsetType = UNSET


class BufferMutationSpec(Strict, frozen=True):
    arg: Name
    buffer_name: str


class OutputSpec(Strict, frozen=True):
    """What an output of the graph stands for."""

    user_output: UserInputSpec | UnsetType = UNSET
    buffer_mutation: BufferMutationSpec | UnsetType = UNSET
    loss_output: msgspec.Raw | UnsetType = UNSET
    gradient_to_parameter: msgspec.Raw | UnsetType = UNSET
    gradient_to_user_input: msgspec.Raw | UnsetType = UNSET
    user_input_mutation: msgspec.Raw | UnsetType = UNSET
    parameter_mutation: msgspec.Raw | UnsetType = UNSET
    token: msgspec.Raw | UnsetType = UNSET


class GraphSignature(Strict, frozen=True):
    input_specs: list[InputSpec]
    output_specs: list[OutputSpec]


class GraphModule(Strict, frozen=True):
    """module_call_graph only says how to put arguments into tuples and dicts: not needed here."""

    graph: Graph
    signature: GraphSignature
    module_call_graph: msgspec.Raw
    metadata: dict[str, str] = {}
    treespec_namedtuple_fields: msgspec.Raw = EMPTY


class SchemaVersion(Strict, frozen=True):
    major: int
    minor: int


class ExportedProgram(Strict, frozen=True):
    """guards_code is Python code in a file: it is never looked at."""

    graph_module: GraphModule
    opset_version: dict[str, int]
    range_constraints: msgspec.Raw
    schema_version: SchemaVersion
    verifiers: list[str] = []
    torch_version: str = ""
    guards_code: list[str] = []


class PayloadMeta(Strict, frozen=True):
    """Where the bytes of a tensor are."""

    path_name: str
    is_param: bool
    use_pickle: bool
    tensor_meta: TensorMeta | None


class PayloadConfig(Strict, frozen=True):
    """Every stored tensor by its qualified name."""

    config: dict[str, PayloadMeta]
