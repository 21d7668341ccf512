"""Checkpoints: `.pt` files of plain data and tensors, loaded without running any code.

A checkpoint holds the Graph with its exact parameters, how to drive the module it came from, the
state dict, and for nn.Sequential of known layers what is needed to make the module again.
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from neurochain._version import __version__
from neurochain.errors import InputError, NeurochainError
from neurochain.files import atomic_write_bytes
from neurochain.frontends._plain import array_digest, decode, encode, plain_digest
from neurochain.frontends._weights_only import load_plain
from neurochain.frontends.modules import plain_sample, to_graph
from neurochain.frontends.modules.rebuild import describe, rebuild
from neurochain.frontends.result import FrontendResult
from neurochain.graph import LIF, CubaLIF

__all__ = [
    "FORMAT",
    "VERSION",
    "Checkpoint",
    "bare_state_dict",
    "load",
    "load_if_checkpoint",
    "load_state_dict_file",
    "rebuild_module",
    "save",
]

FORMAT = "neurochain.checkpoint"
VERSION = 1

_DAMAGE = (KeyError, TypeError, ValueError, AttributeError, RuntimeError, RecursionError)

_MISSING_FACTS = (
    "the order of layers and their classes, reset_delay, init_hidden, inhibition, state_quant, the "
    "time step and the input's shape"
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Checkpoint:
    """What a file holds. modules: how to make the module again, None where that is unknown.

    sample: one call's input, by argument where there are several.
    """

    result: FrontendResult
    sample: NDArray[Any] | Mapping[str, NDArray[Any]]
    state_dict: Mapping[str, torch.Tensor]
    modules: Mapping[str, Any] | None
    input_encoding: Mapping[str, Any] | None
    output_decoding: Mapping[str, Any] | None


def save(
    net: nn.Module,
    path: str | os.PathLike[str],
    sample: Any,
    *,
    dt_s: float | None = None,
    time_axis: int | None = None,
    input_encoding: Mapping[str, Any] | None = None,
    output_decoding: Mapping[str, Any] | None = None,
) -> None:
    """Write a network as a checkpoint, atomically; the same network gives the same bytes.

    sample, dt_s, time_axis are those of to_graph; encoding and decoding are plain data.
    Errors: UnsupportedError with every finding, InputError where the file cannot be written.
    """
    result = to_graph(net, sample, dt_s=dt_s, time_axis=time_axis)
    arrays: dict[str, NDArray[Any]] = {}
    topology = encode(result, arrays)
    state = {key: value.detach().cpu().clone() for key, value in net.state_dict().items()}
    known = {array_digest(value.numpy()): value for value in state.values()}
    tensors = {d: known[d] if d in known else _tensor(a) for d, a in arrays.items()}
    compare = {
        name: node.compare
        for name, node in result.graph.nodes.items()
        if isinstance(node, LIF | CubaLIF)
    }
    facts = {
        "topology": topology,
        "modules": describe(net, compare),
        "input_encoding": _plain(input_encoding, "input_encoding"),
        "output_decoding": _plain(output_decoding, "output_decoding"),
        "state": {key: array_digest(value.numpy()) for key, value in state.items()},
    }
    content = {
        "format": FORMAT,
        "version": VERSION,
        "neurochain": __version__,
        "facts": facts,
        "digest": plain_digest(facts),
        "tensors": tensors,
        "state_dict": state,
        "sample": _one_sample(net, sample, result),
    }
    buffer = io.BytesIO()  # the archive inside is named after a file, which would change the bytes
    torch.save(content, buffer)
    atomic_write_bytes(path, buffer.getvalue())


def _tensor(array: NDArray[Any]) -> torch.Tensor:
    return torch.from_numpy(np.array(array))


def _plain(value: Mapping[str, Any] | None, what: str) -> Any:
    """Only what JSON can say."""
    if value is None:
        return None
    plain = dict(value)
    try:
        plain_digest(plain)
    except (TypeError, ValueError) as error:
        raise InputError(
            f"{what}: is no plain data ({error}). Give numbers and strings."
        ) from error
    return plain


def _one_sample(net: nn.Module, sample: Any, result: FrontendResult) -> Any:
    """The sample at batch 1, by argument where it holds inputs beside the first.

    States among the values are zeros or what the result holds of them; they are left out.
    """
    plain = plain_sample(net, sample)
    axis = result.time_axis if result.encoder is None else result.encoder.time_axis
    if not isinstance(plain, Mapping):
        return _small(plain, result.sample_shape, axis, result.batched)
    main, first = next(iter(plain.items()))
    small = _small(first, result.sample_shape, axis, result.batched)
    if not result.inputs:
        return small
    kept = {main: small}
    for fact in result.inputs:
        kept[fact.argument] = _small(plain[fact.argument], None, fact.time_axis, result.batched)
    return kept


def _small(
    item: Any, shape: tuple[int, ...] | None, time_axis: int | None, batched: bool
) -> torch.Tensor:
    """One value at batch 1; whole numbers up to 255 take a byte each."""
    values = torch.as_tensor(item).detach().cpu().to(torch.float32)
    if shape is not None and values.dim() > len(shape):
        values = values.reshape(-1, *shape)[0]  # a one-step module was given many steps
    if batched:
        values = values.narrow(1 if time_axis == 0 else 0, 0, 1)
    values = values.contiguous().clone()
    small = values.to(torch.uint8)
    return small if torch.equal(small.to(torch.float32), values) else values


def load(path: str | os.PathLike[str]) -> Checkpoint:
    """Read a checkpoint; no code in it is ever run.

    Errors: InputError for anything that is not a whole checkpoint of this version.
    """
    content = load_plain(path)
    if not _is_checkpoint(content):
        raise InputError(_not_a_checkpoint(path, content))
    return _whole(path, content)


def load_if_checkpoint(path: str | os.PathLike[str]) -> Checkpoint | None:
    """The checkpoint in a file, None where it holds something else, such as a bare state dict.

    Errors: InputError for files that cannot be read and for checkpoints that are damaged.
    """
    content = load_plain(path)
    return _whole(path, content) if _is_checkpoint(content) else None


def bare_state_dict(path: str | os.PathLike[str]) -> dict[str, torch.Tensor] | None:
    """The state dict in a file that holds only that, alone or under a usual name; None otherwise.

    Errors: InputError for files that cannot be read.
    """
    content = load_plain(path)
    if _is_checkpoint(content) or not _holds_state_dict(content):
        return None
    return _state_dict(path, content)


def _is_checkpoint(content: Any) -> bool:
    return isinstance(content, dict) and content.get("format") == FORMAT


def _whole(path: str | os.PathLike[str], content: Mapping[str, Any]) -> Checkpoint:
    """A checkpoint of this version whose digests match. Errors: InputError."""
    if content.get("version") != VERSION:
        raise InputError(
            f"{path}: is of version {content.get('version')!r}; this neurochain reads {VERSION}. "
            "Update neurochain, or save the network again."
        )
    try:
        return _checked(path, content)
    except NeurochainError as error:
        raise InputError(f"{path}: {error}") from error
    except _DAMAGE as error:
        raise InputError(
            f"{path}: is damaged ({type(error).__name__}: {error}). Save the network again."
        ) from error


def _checked(path: str | os.PathLike[str], content: Mapping[str, Any]) -> Checkpoint:
    facts = content["facts"]
    if plain_digest(facts) != content["digest"]:
        raise InputError("its topology was changed after saving. Save the network again.")
    arrays = {name: tensor.numpy() for name, tensor in content["tensors"].items()}
    state = dict(content["state_dict"])
    named = [(name, name, array) for name, array in arrays.items()]
    named += [(key, facts["state"][key], value.numpy()) for key, value in state.items()]
    for name, digest, array in named:
        if array_digest(array) != digest:
            raise InputError(f"tensor {name} was changed after saving. Save the network again.")
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise InputError(f"tensor {name} holds values that are not finite. Train again.")
    result = decode(facts["topology"], arrays)
    if not isinstance(result, FrontendResult):
        raise InputError("its topology is damaged. Save the network again.")
    return Checkpoint(
        result=result,
        sample=_numbers(content["sample"]),
        state_dict=state,
        modules=facts["modules"],
        input_encoding=facts["input_encoding"],
        output_decoding=facts["output_decoding"],
    )


def _numbers(stored: Any) -> Any:
    if isinstance(stored, Mapping):
        return {str(name): _numbers(value) for name, value in stored.items()}
    return stored.to(torch.float32).numpy()


def rebuild_module(checkpoint: Checkpoint, *, listed: bool = True) -> nn.Module | None:
    """The snnTorch module of a checkpoint of nn.Sequential; None where its class is unknown.

    None means: not verified, unless the user names a factory (--model package.module:factory).
    listed: keep its neurons where snntorch.utils.reset finds them (`rebuild`).
    """
    if checkpoint.modules is None:
        return None
    try:
        return rebuild(dict(checkpoint.modules), checkpoint.state_dict, listed=listed)
    except _DAMAGE as error:
        raise InputError(
            f"the checkpoint's module cannot be made again ({_line(error)}). Save it again."
        ) from error


def load_state_dict_file(
    path: str | os.PathLike[str], factory: Callable[[], nn.Module]
) -> nn.Module:
    """A module made by `factory` (the user's code) with the weights of a state dict file.

    Errors: InputError where the file holds no state dict, a damaged checkpoint, or the weights of
    another network.
    """
    content = load_plain(path)
    if _is_checkpoint(content):
        _whole(path, content)  # a checkpoint has digests: weights that do not match are refused
    state = _state_dict(path, content)
    try:
        module = factory()
    except Exception as error:  # whatever the user's factory raises
        raise InputError(f"--model: the factory fails ({_line(error)}). Correct it.") from error
    if not isinstance(module, nn.Module):
        raise InputError(
            f"--model: the factory returns {type(module).__name__}, not a torch.nn.Module."
        )
    try:
        module.load_state_dict(state)
    except RuntimeError as error:
        raise InputError(
            f"{path}: its weights do not fit the module of --model ({_line(error)}). Name the "
            "factory of the network that was trained."
        ) from error
    return module.eval()


def _state_dict(path: str | os.PathLike[str], content: Any) -> dict[str, torch.Tensor]:
    """The state dict in a file: bare, of a checkpoint, or under a usual name."""
    for key in ("state_dict", "model_state_dict", "model"):
        if isinstance(content, dict) and isinstance(content.get(key), dict):
            content = content[key]
            break
    if not _is_state_dict(content):
        raise InputError(
            f"{path}: holds {_kind(content)}, no state dict. Save with "
            "torch.save(net.state_dict(), path), or neurochain.save."
        )
    return dict(content)


def _is_state_dict(content: Any) -> bool:
    return (
        isinstance(content, dict)
        and bool(content)
        and all(isinstance(key, str) for key in content)
        and all(isinstance(value, torch.Tensor) for value in content.values())
    )


def _holds_state_dict(content: Any) -> bool:
    wrapped = isinstance(content, dict) and any(
        _is_state_dict(content.get(key)) for key in ("state_dict", "model_state_dict", "model")
    )
    return _is_state_dict(content) or wrapped


def _not_a_checkpoint(path: str | os.PathLike[str], content: Any) -> str:
    if _holds_state_dict(content):
        return (
            f"{path}: is a bare state dict. It does not hold {_MISSING_FACTS}. Save with "
            "neurochain.save(net, path, sample), or give --model package.module:factory."
        )
    return (
        f"{path}: holds {_kind(content)}, not a checkpoint. Save with neurochain.save(net, path, "
        "sample)."
    )


def _kind(content: Any) -> str:
    if isinstance(content, torch.Tensor):
        return f"a tensor of shape {tuple(content.shape)}"
    return f"a {type(content).__name__}"


def _line(error: Exception) -> str:
    """An exception in one short line."""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text[:160]}" if text else type(error).__name__
