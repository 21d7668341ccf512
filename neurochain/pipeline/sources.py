"""What a user may hand to the compiler, and how each kind becomes a Graph."""

from __future__ import annotations

import hashlib
import importlib
import math
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from neurochain.errors import Finding, InputError, Severity, UnsupportedError
from neurochain.graph import Graph

__all__ = ["Loaded", "Options", "load_module", "load_source"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the user says about a source. None means "not said"."""

    dt_s: float | None = None
    reset: str | None = None
    compare: str | None = None
    recurrent_bias_at_0: bool | None = None
    current_order: str | None = None
    layer_latency: int | None = None
    spike_latency: int | None = None
    convention: str | None = None
    reset_delay: bool | None = None
    time_axis: int | None = None
    model: str | None = None
    input_shape: tuple[int, ...] | None = None
    assume: Any = None

    def for_nir_only(self) -> dict[str, Any]:
        """Options that only make sense for `.nir`: a live module says these itself."""
        return {
            "reset": self.reset,
            "compare": self.compare,
            "recurrent_bias_at_0": self.recurrent_bias_at_0,
            "current_order": self.current_order,
            "layer_latency": self.layer_latency,
            "spike_latency": self.spike_latency,
            "convention": self.convention,
            "reset_delay": self.reset_delay,
        }


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Loaded:
    """A source, read.

    kind      "snntorch", "checkpoint", "state_dict", "assumed", "pt2", "nir", "graph"
    module    the live module to compare with, None where there is none
    result    the front end's result (how to drive the module), None where there is none
    sample    one call's input, by argument where there are several, None where unknown
    unverified  why nothing can be called verified, "" where the user's own module is there; beside
                a module: that one stands for the file, and only the lowering is compared with it
    decisions what was decided where the source leaves it open (.nir)
    assumed     facts that the user gave for a bare state dict
    """

    kind: str
    graph: Graph
    findings: tuple[Finding, ...] = ()
    module: Any = None
    result: Any = None
    sample: Any = None
    sha256: str = ""
    unverified: str = ""
    decisions: Mapping[str, str] = field(default_factory=dict)
    encoding: Mapping[str, Any] = field(default_factory=dict)
    decoding: Mapping[str, Any] = field(default_factory=dict)
    assumed: Mapping[str, Any] = field(default_factory=dict)


def load_source(source: Any, sample: Any, options: Options) -> Loaded:
    """Read a live module, a Graph, or a file (.pt, .pth, .pt2, .nir).

    Errors: InputError (unreadable, missing facts), UnsupportedError (constructs without an exact
    meaning here).
    """
    if options.dt_s is not None and not (options.dt_s > 0 and math.isfinite(options.dt_s)):
        raise InputError(f"dt is {options.dt_s} s; it must be above 0. Give a length in seconds.")
    if options.assume is not None and not _may_be_bare(source):
        raise InputError(_NOTHING_TO_ASSUME)
    if isinstance(source, Graph):
        return Loaded(kind="graph", graph=source, unverified="a Graph has no module beside it")
    if _is_module(source):
        return _from_module("snntorch", source, _need_sample(sample, options), options)
    if isinstance(source, str | os.PathLike):
        return _from_file(Path(source), sample, options)
    raise InputError(
        f"source: {type(source).__name__} is neither a torch module nor a path. Pass an "
        "nn.Module, or the path of a .pt, .pt2, .nir or .nchain file."
    )


def _is_module(source: Any) -> bool:
    """Whether it is a torch module, without importing torch."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(source, torch.nn.Module)


def _need_sample(sample: Any, options: Options) -> Any:
    if sample is not None:
        return sample
    if options.input_shape is None:
        raise InputError(
            "sample: missing. Pass one call's input (a step for one-step networks, the whole "
            "sequence or static image for loops), or --input-shape."
        )
    return np.zeros(options.input_shape, dtype=np.float32)


def _refuse_nir_options(options: Options) -> None:
    said = [name for name, value in options.for_nir_only().items() if value is not None]
    if said:
        raise InputError(
            f"options: {', '.join(said)} are taken from the live module, not from the command. "
            "Change the module, or leave them out."
        )


def _from_module(kind: str, module: Any, sample: Any, options: Options, **more: Any) -> Loaded:
    from neurochain.frontends.modules import plain_sample, to_graph

    _refuse_nir_options(options)
    result = to_graph(module, sample, dt_s=options.dt_s, time_axis=options.time_axis)
    return Loaded(
        kind=kind,
        graph=result.graph,
        findings=result.findings,
        module=module,
        result=result,
        sample=plain_sample(module, sample),
        **more,
    )


def _from_file(path: Path, sample: Any, options: Options) -> Loaded:
    if not path.exists():
        raise InputError(f"{path}: no such file. Give a path, or a name that `models list` shows.")
    if path.suffix == ".nir":
        return _from_nir(path, options)
    if path.suffix in (".pt", ".pth"):
        return _from_pt(path, sample, options)
    if path.suffix == ".pt2":
        return _from_pt2(path, sample, options)
    raise InputError(f"{path}: unknown kind of file. Known: .pt, .pth, .pt2, .nir, .nchain.")


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _from_nir(path: Path, options: Options) -> Loaded:
    from neurochain.frontends.nir import read_nir

    result = read_nir(path, dt_s=options.dt_s, **options.for_nir_only())
    decided = ", ".join(f"{name.replace('_', ' ')} {fact}" for name, fact in result.facts.items())
    return Loaded(
        kind="nir",
        graph=result.graph,
        findings=(
            *result.findings,
            Finding(what=f"decided where NIR leaves it open: {decided}.", severity=Severity.INFO),
        ),
        decisions=result.facts,
        sha256=_digest(path),
        unverified="a .nir file has no module beside it",
    )


def _from_pt(path: Path, sample: Any, options: Options) -> Loaded:
    from neurochain.frontends import checkpoint

    sha256 = _digest(path) if path.is_file() else ""
    if options.model is not None:
        return _with_factory(path, sample, options, sha256)
    _refuse_nir_options(options)
    bare = checkpoint.bare_state_dict(path)
    if bare is not None:
        return _from_facts(path, bare, sample, options, sha256)
    if options.assume is not None:
        raise InputError(_NOTHING_TO_ASSUME)
    loaded = checkpoint.load(path)
    module = checkpoint.rebuild_module(loaded, listed=False)
    if options.dt_s is not None and options.dt_s != loaded.result.graph.dt_s:
        raise InputError(
            f"{path}: was saved with dt = {loaded.result.graph.dt_s:g} s, but {options.dt_s:g} s "
            "is asked for. Leave --dt out, or save it again."
        )
    return Loaded(
        kind="checkpoint",
        graph=loaded.result.graph,
        findings=tuple(f for f in loaded.result.findings if f.where != "dt"),  # it is known now
        module=module,
        result=loaded.result,
        sample=loaded.sample,
        sha256=sha256,
        unverified=""
        if module is not None
        else "the checkpoint's class is not known here; give --model package.module:factory",
        encoding=loaded.input_encoding or {},
        decoding=loaded.output_decoding or {},
    )


def _may_be_bare(source: Any) -> bool:
    return isinstance(source, str | os.PathLike) and Path(source).suffix in (".pt", ".pth")


_NOTHING_TO_ASSUME = (
    "assume: only a bare state dict leaves facts open; this source says them itself. Leave "
    "--assume out."
)


def _from_facts(
    path: Path, state: Mapping[str, Any], sample: Any, options: Options, sha256: str
) -> Loaded:
    """A bare state dict and the facts that it lacks. Errors: InputError listing what is missing."""
    from neurochain.frontends.assume import assume, flat_facts

    facts = flat_facts({} if options.assume is None else options.assume)
    if options.dt_s is not None and facts.setdefault("dt", options.dt_s) != options.dt_s:
        raise InputError(f"dt is given as {options.dt_s:g} s and as {facts['dt']}. Say it once.")
    assumed = assume(str(path), state, facts)
    if sample is None:
        sample = np.zeros(options.input_shape or (1, *assumed.input_shape), dtype=np.float32)
    if np.shape(sample)[1:] != assumed.input_shape:
        raise InputError(
            f"the sample has shape {np.shape(sample)}, but the input's shape is given as "
            f"{assumed.input_shape}; a batch axis comes before it. Correct one of them."
        )
    loaded = _from_module(
        "assumed", assumed.module, sample, replace(options, dt_s=assumed.dt_s), sha256=sha256
    )
    return replace(
        loaded,
        findings=(*loaded.findings, *assumed.findings),
        unverified="its module was made from assumed facts (--assume); compared with that module "
        "only",
        assumed=assumed.facts,
    )


def _from_pt2(path: Path, sample: Any, options: Options) -> Loaded:
    """An exported program, read as a live module that executes its graph."""
    from neurochain.frontends.pt2 import read_pt2

    if options.model is not None:
        raise InputError("--model: a .pt2 file holds its own network. Leave --model out.")
    module = read_pt2(path)
    given = _exported_sample(path, module, sample, options)
    loaded = _from_module("pt2", module, given, options, sha256=_digest(path))
    return replace(
        loaded,
        unverified="a .pt2 file has no Python module beside it; compared with an interpreter of "
        "its own graph",
    )


_FLOAT = "torch.float32"


def _exported_sample(path: Path, module: Any, sample: Any, options: Options) -> Any:
    """The user's sample, or zeros of the sizes that the graph was exported for."""
    inputs = module.pt2_program.inputs
    shapes = [item.type.shape for item in inputs]
    if not shapes:
        raise UnsupportedError(f"{path}: its graph has no input. Export a network with one.")
    others = [f"{i.value} is {i.type.dtype}" for i in inputs if str(i.type.dtype) != _FLOAT]
    if others:
        raise UnsupportedError(
            f"{path}: takes other numbers than float32 ({', '.join(others)}). Export net.float() "
            "with float32 inputs."
        )
    if sample is None and options.input_shape is not None:
        sample = np.zeros(options.input_shape, dtype=np.float32)
    parts = sample if isinstance(sample, tuple) else () if sample is None else (sample,)
    for place, part in enumerate(parts):
        if place >= len(shapes) or tuple(np.shape(part)) != shapes[place]:
            raise InputError(
                f"{path}: is exported for inputs of shape {', '.join(map(str, shapes))}; input "
                f"{place} of the sample has {tuple(np.shape(part))}. Give those shapes, or export "
                "again."
            )
    zeros = [np.zeros(shape, dtype=np.float32) for shape in shapes[len(parts) :]]
    full = (*parts, *zeros)
    return full if len(full) > 1 else full[0]


def load_module(path: Path, model: str) -> Any:
    """The live module of a state dict or checkpoint, made by "package.module:factory"."""
    from neurochain.frontends import checkpoint

    return checkpoint.load_state_dict_file(path, _factory(model))


def _with_factory(path: Path, sample: Any, options: Options, sha256: str) -> Loaded:
    """A module made by the user's factory; a checkpoint brings sample, dt and encodings along."""
    from neurochain.frontends import checkpoint

    known = checkpoint.load_if_checkpoint(path)
    live = load_module(path, options.model or "")
    if known is None:
        given = _need_sample(sample, options)
        return _from_module("state_dict", live, given, options, sha256=sha256)
    said = replace(options, dt_s=options.dt_s or known.result.graph.dt_s)
    given = known.sample if sample is None and options.input_shape is None else sample
    return _from_module(
        "checkpoint",
        live,
        _need_sample(given, options),
        said,
        sha256=sha256,
        encoding=known.input_encoding or {},
        decoding=known.output_decoding or {},
    )


def _factory(spec: str) -> Any:
    """The callable named by "package.module:name"; this runs the user's code, because asked to."""
    module_name, _, attribute = spec.partition(":")
    if not module_name or not attribute:
        raise InputError(f"--model: {spec!r} is not of the form package.module:factory.")
    if "" not in sys.path:
        sys.path.insert(0, "")
    try:
        target: Any = importlib.import_module(module_name)
        for part in attribute.split("."):
            target = getattr(target, part)
    except ImportError as error:
        raise InputError(f"--model: {module_name} cannot be imported ({error}).") from error
    except AttributeError as error:
        raise InputError(f"--model: {module_name} has no {attribute!r}.") from error
    if not callable(target):
        raise InputError(f"--model: {spec} is {type(target).__name__}, not callable.")
    return target
