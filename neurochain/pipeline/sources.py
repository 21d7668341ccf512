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

from neurochain.errors import Finding, InputError, UnsupportedError
from neurochain.graph import Graph

__all__ = ["Loaded", "Options", "load_module", "load_source"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the user says about a source. None means "not said"."""

    dt_s: float | None = None
    reset: str | None = None
    compare: str | None = None
    recurrent_bias_at_0: bool | None = None
    time_axis: int | None = None
    model: str | None = None
    input_shape: tuple[int, ...] | None = None

    def for_nir_only(self) -> dict[str, Any]:
        """Options that only make sense for `.nir`: a live module says these itself."""
        return {
            "reset": self.reset,
            "compare": self.compare,
            "recurrent_bias_at_0": self.recurrent_bias_at_0,
        }


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Loaded:
    """A source, read.

    kind      "snntorch", "checkpoint", "state_dict", "nir", "graph"
    module    the live module to verify against, None where there is none
    result    the front end's result (how to drive the module), None where there is none
    sample    one call's input, by argument where there are several, None where unknown
    unverified  why nothing can be verified, "" where a module is there
    """

    kind: str
    graph: Graph
    findings: tuple[Finding, ...] = ()
    module: Any = None
    result: Any = None
    sample: Any = None
    sha256: str = ""
    unverified: str = ""
    encoding: Mapping[str, Any] = field(default_factory=dict)
    decoding: Mapping[str, Any] = field(default_factory=dict)


def load_source(source: Any, sample: Any, options: Options) -> Loaded:
    """Read a live module, a Graph, or a file (.pt, .pth, .nir).

    Errors: InputError (unreadable, missing facts), UnsupportedError (constructs without an exact
    meaning here).
    """
    if options.dt_s is not None and not (options.dt_s > 0 and math.isfinite(options.dt_s)):
        raise InputError(f"dt is {options.dt_s} s; it must be above 0. Give a length in seconds.")
    if isinstance(source, Graph):
        return Loaded(kind="graph", graph=source, unverified="a Graph has no module beside it")
    if _is_module(source):
        return _from_module("snntorch", source, _need_sample(sample, options), options)
    if isinstance(source, str | os.PathLike):
        return _from_file(Path(source), sample, options)
    raise InputError(
        f"source: {type(source).__name__} is neither a torch module nor a path. Pass an "
        "nn.Module, or the path of a .pt, .nir or .nchain file."
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
        raise UnsupportedError(
            f"{path}: .pt2 files are not read yet. Save with neurochain.save(net, 'model.pt', "
            "sample)."
        )
    raise InputError(f"{path}: unknown kind of file. Known: .pt, .pth, .nir, .nchain.")


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _from_nir(path: Path, options: Options) -> Loaded:
    from neurochain.frontends.nir import read_nir

    result = read_nir(path, dt_s=options.dt_s, **options.for_nir_only())
    return Loaded(
        kind="nir",
        graph=result.graph,
        findings=result.findings,
        sha256=_digest(path),
        unverified="a .nir file has no module beside it",
    )


def _from_pt(path: Path, sample: Any, options: Options) -> Loaded:
    from neurochain.frontends import checkpoint

    sha256 = _digest(path) if path.is_file() else ""
    if options.model is not None:
        return _with_factory(path, sample, options, sha256)
    _refuse_nir_options(options)
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
