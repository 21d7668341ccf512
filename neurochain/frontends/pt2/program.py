"""`model.json` as a checked Program: every name defined before it is used, every operator known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from neurochain.errors import Finding, InputError, UnsupportedError
from neurochain.frontends.pt2 import schema
from neurochain.frontends.pt2.arguments import Ref, UnreadableError, UnsupportedArgument, plain
from neurochain.frontends.pt2.operators import Operator, find_operator
from neurochain.frontends.pt2.origin import Origin, origin_of, where
from neurochain.frontends.pt2.weights import DTYPES, STRIDED, sizes_of

__all__ = ["Program", "Step", "Stored", "UserInput", "ValueType", "read_program"]

MAX_STEPS = 100_000
MAX_FINDINGS = 20
_SCHEMA = (8, 20)
_OPSET = 10
_IGNORED = ("device", "layout", "pin_memory")
_AGAIN = "Export the network again."
_FIXED = "Export it without dynamic_shapes, for the input sizes that it will see."


@dataclass(frozen=True, slots=True, kw_only=True)
class ValueType:
    """What the file says about a value."""

    dtype: torch.dtype
    shape: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """An input of the graph that a stored tensor fills. kind: parameter, buffer or constant."""

    value: str
    name: str
    kind: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UserInput:
    """An argument of forward."""

    value: str
    type: ValueType


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One call of an operator. outputs: names of its results; listed: they come as one list."""

    target: str
    operator: Operator
    arguments: Mapping[str, Any]
    outputs: tuple[str, ...]
    listed: bool
    origin: Origin


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A graph whose names are all resolved.

    constants  arguments of forward that were fixed when exporting, by value name
    outputs    what forward returns, flat: Ref, or a plain value
    written    (value, buffer): what a call leaves in a buffer, beside changes in place
    """

    stored: tuple[Stored, ...]
    inputs: tuple[UserInput, ...]
    constants: Mapping[str, Any]
    steps: tuple[Step, ...]
    outputs: tuple[Any, ...]
    written: tuple[tuple[str, str], ...]
    types: Mapping[str, ValueType]


def read_program(path: str, exported: schema.ExportedProgram) -> Program:
    """Check a decoded file. Errors: InputError (malformed), UnsupportedError; all findings."""
    reader = _Reader(path)
    _versions(reader, exported)
    reader.stop()
    program = reader.program(exported.graph_module)
    reader.stop()
    return program


def _versions(reader: _Reader, exported: schema.ExportedProgram) -> None:
    version = exported.schema_version
    if version.major != _SCHEMA[0] or not 0 <= version.minor <= _SCHEMA[1]:
        reader.unsupported(
            reader.path,
            f"is of schema {version.major}.{version.minor} (torch {exported.torch_version[:40]}); "
            f"{_SCHEMA[0]}.0 to {_SCHEMA[0]}.{_SCHEMA[1]} are read.",
            "Export it with torch 2.8 to 2.13, or update neurochain.",
        )
    opset = dict(exported.opset_version)
    if opset.pop("aten", None) != _OPSET or opset:
        reader.unsupported(
            reader.path,
            f"is of operator set {str(exported.opset_version)[:80]}; {{'aten': {_OPSET}}} is read.",
            "Export a network of plain torch operators.",
        )


class _Reader:
    """Collects findings while it builds a Program."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.malformed: list[Finding] = []
        self.refused: list[Finding] = []
        self.types: dict[str, ValueType] = {}
        self.known: set[str] = set()
        self.unknown_targets: set[str] = set()
        self.operators: dict[str, Operator | None] = {}
        self.faults: dict[tuple[str, ...], str] = {}

    def bad(self, what: str, fix: str = _AGAIN) -> None:
        self.malformed.append(Finding(where=self.path, what=what, fix=fix))
        if len(self.malformed) >= MAX_FINDINGS:
            self.stop()

    def unsupported(self, place: str, what: str, fix: str) -> None:
        self.refused.append(Finding(where=place, what=what, fix=fix))

    def stop(self) -> None:
        """Raise what was found, if anything."""
        if self.malformed:
            raise InputError(*self.malformed[:MAX_FINDINGS], *self.refused[:MAX_FINDINGS])
        if self.refused:
            raise UnsupportedError(*self.refused[:MAX_FINDINGS])

    def program(self, module: schema.GraphModule) -> Program:
        graph = module.graph
        if len(graph.nodes) > MAX_STEPS:
            self.unsupported(
                self.path,
                f"has {len(graph.nodes):,} nodes; at most {MAX_STEPS:,} are read.",
                "Export one step of the network instead of a long loop.",
            )
            self.stop()
        self._symbolic(graph)
        self.stop()
        self._types(graph)
        stored, inputs, constants = self._inputs(graph, module.signature)
        steps = tuple(s for s in (self._step(node) for node in graph.nodes) if s is not None)
        self.stop()
        outputs, written = self._outputs(graph, module.signature, stored)
        return Program(
            stored=stored,
            inputs=inputs,
            constants=constants,
            steps=steps,
            outputs=outputs,
            written=written,
            types=self.types,
        )

    def _symbolic(self, graph: schema.Graph) -> None:
        """Sizes that are not numbers, once each input."""
        open_ = [name for name, meta in graph.tensor_values.items() if sizes_of(meta) is None]
        named = {_tensor_name(argument) for argument in graph.inputs}
        for name in [n for n in open_ if n in named] or open_[:1]:
            self.unsupported(name[:80], "has a size that is not fixed.", _FIXED)
        tables = (graph.sym_int_values, graph.sym_bool_values, graph.sym_float_values)
        if not open_ and not all(map(schema.is_empty, tables)):
            self.unsupported(self.path, "computes with sizes that are not fixed.", _FIXED)
        if not schema.is_empty(graph.custom_obj_values):
            self.unsupported(self.path, "holds custom objects.", "Use plain torch modules.")

    def _types(self, graph: schema.Graph) -> None:
        for name, meta in graph.tensor_values.items():
            sizes, dtype = sizes_of(meta), DTYPES.get(meta.dtype)
            if sizes is None:
                continue  # said by _symbolic
            if dtype is None or meta.layout != STRIDED:
                what = f"is of torch's dtype number {meta.dtype}, layout {meta.layout}."
                self.unsupported(name[:80], what, "Export a dense network in float32.")
            if min([0, *sizes]) < 0:
                self.bad(f"value {name[:80]} has sizes {sizes[:9]}.")
            self.types[name] = ValueType(dtype=dtype or torch.float32, shape=tuple(sizes))

    def _define(self, name: str) -> None:
        if not name or name in self.known:
            self.bad(f"value {name[:80]!r} is defined twice or has no name.")
        elif name not in self.types:
            self.bad(f"value {name[:80]!r} has no type.")
        self.known.add(name)

    def _inputs(
        self, graph: schema.Graph, signature: schema.GraphSignature
    ) -> tuple[tuple[Stored, ...], tuple[UserInput, ...], dict[str, Any]]:
        stored: list[Stored] = []
        inputs: list[UserInput] = []
        constants: dict[str, Any] = {}
        order: list[str] = []
        for spec in signature.input_specs:
            kind, value = self._chosen(spec)
            if kind in ("parameter", "buffer", "tensor_constant"):
                name = getattr(value, f"{kind}_name")
                self._define(value.arg.name)
                stored.append(Stored(value=value.arg.name, name=name, kind=kind))
                order.append(value.arg.name)
            elif kind == "constant_input":
                constants[value.name] = self._chosen(value.value)[1]
            elif kind == "user_input":
                name = _tensor_name(value.arg)
                if name:
                    self._define(name)
                    order.append(name)
                    if name in self.types:
                        inputs.append(UserInput(value=name, type=self.types[name]))
                elif self._chosen(value.arg)[0] not in ("as_none", ""):
                    self.unsupported(self.path, "has an input that is no tensor.", _FIXED)
            elif kind:
                self.unsupported(self.path, f"has an input of kind {kind}.", "Use plain tensors.")
        given = [name for name in map(_tensor_name, graph.inputs) if name]
        if given != order and not self.refused:
            self.bad("its graph and its signature name different inputs.")
        return tuple(stored), tuple(inputs), constants

    def _chosen(self, union: schema.Strict) -> tuple[str, Any]:
        try:
            return schema.chosen(union)
        except ValueError as error:
            self.bad(f"{error}.")
            return "", None

    def _step(self, node: schema.Node) -> Step | None:
        origin = origin_of(node.name or _first_output(node), node.metadata)
        if node.target not in self.operators:
            self.operators[node.target] = find_operator(node.target)
        operator = self.operators[node.target]
        if operator is None:
            self._refuse_target(node.target, origin)
            self.known.update(name for a in node.outputs for name in _output_names(a))
            return None
        arguments = self._arguments(node, operator, origin)
        outputs, listed = self._node_outputs(node, operator)
        if operator.function is None:
            return None
        return Step(
            target=node.target,
            operator=operator,
            arguments=arguments,
            outputs=outputs,
            listed=listed,
            origin=origin,
        )

    def _refuse_target(self, target: str, origin: Origin) -> None:
        """Once for each operator and module: a loop repeats it at every step."""
        key = f"{target}@{origin.module}"
        if key in self.unknown_targets:
            return
        self.unknown_targets.add(key)
        shown = target.removeprefix("torch.ops.")[:120]
        self.unsupported(
            where(origin),
            f"uses the operator {shown}, which has no exact meaning here.",
            "Replace it, or compile the live module instead: neurochain.compile(net, sample).",
        )

    def _arguments(self, node: schema.Node, operator: Operator, origin: Origin) -> dict[str, Any]:
        arguments: dict[str, Any] = {}
        for item in node.inputs:
            try:
                value = plain(item.arg)
            except UnreadableError as error:
                self.bad(f"node {origin.node}: argument {item.name[:40]} {error}.")
                continue
            except UnsupportedArgument as error:
                what = f"argument {item.name[:40]} of {node.target[:80]} {error}."
                self.unsupported(where(origin), what, _FIXED)
                continue
            if item.name in arguments:
                self.bad(f"node {origin.node} is given {item.name[:40]} twice.")
            self._check_known(value, origin)
            if item.name in _IGNORED and item.name != "device" and value not in (None, False):
                self.unsupported(where(origin), f"uses {item.name}.", "Leave it out.")
            if item.name not in _IGNORED:
                arguments[item.name] = value
        key = (node.target, *arguments)
        if key not in self.faults:
            self.faults[key] = operator.missing(list(arguments))
        if (fault := self.faults[key]) and not self.refused:
            self.bad(f"node {origin.node}: {node.target[:80]}: {fault}.")
        return arguments

    def _check_known(self, value: Any, origin: Origin) -> None:
        for ref in value if isinstance(value, tuple) else (value,):
            if isinstance(ref, Ref) and ref.name not in self.known:
                self.bad(f"node {origin.node} uses {ref.name[:80]!r} before it is computed.")

    def _node_outputs(self, node: schema.Node, operator: Operator) -> tuple[tuple[str, ...], bool]:
        names: list[str] = []
        kinds = set()
        for argument in node.outputs:
            kinds.add(self._chosen(argument)[0])
            names += _output_names(argument)
        if operator.function is not None and not kinds <= {"as_tensor", "as_tensors", "as_none"}:
            self.bad(f"node {_first_output(node)!r} computes something that is no tensor.")
        if "as_tensors" in kinds and len(node.outputs) > 1:
            self.bad(f"node {_first_output(node)!r} has several lists of outputs.")
        for name in names:
            self._define(name)
        return tuple(names), "as_tensors" in kinds

    def _outputs(
        self, graph: schema.Graph, signature: schema.GraphSignature, stored: tuple[Stored, ...]
    ) -> tuple[tuple[Any, ...], tuple[tuple[str, str], ...]]:
        buffers = {s.name for s in stored if s.kind == "buffer"}
        outputs: list[Any] = []
        written: list[tuple[str, str]] = []
        last = Origin(node="output")
        for spec in signature.output_specs:
            kind, value = self._chosen(spec)
            if kind == "user_output":
                try:
                    outputs.append(plain(value.arg))
                except (UnreadableError, UnsupportedArgument) as error:
                    self.unsupported(self.path, f"an output {error}.", "Return tensors.")
                    continue
                self._check_known(outputs[-1], last)
            elif kind == "buffer_mutation":
                self._check_known(Ref(name=value.arg.name), last)
                if value.buffer_name not in buffers:
                    self.bad(f"writes to {value.buffer_name[:80]!r}, which is no buffer.")
                written.append((value.arg.name, value.buffer_name))
            elif kind:
                what = f"has an output of kind {kind}: a call changes more than buffers."
                self.unsupported(self.path, what, "Export net.eval() without changing its input.")
        if len(graph.outputs) != len(signature.output_specs):
            self.bad("its graph and its signature name different outputs.")
        return tuple(outputs), tuple(written)


def _tensor_name(argument: schema.Argument) -> str:
    return argument.as_tensor.name if isinstance(argument.as_tensor, schema.Name) else ""


def _output_names(argument: schema.Argument) -> list[str]:
    if isinstance(argument.as_tensors, list):
        return [item.name for item in argument.as_tensors]
    name = _tensor_name(argument)
    return [name] if name else []


def _first_output(node: schema.Node) -> str:
    names = [name for argument in node.outputs for name in _output_names(argument)]
    return names[0] if names else node.target
