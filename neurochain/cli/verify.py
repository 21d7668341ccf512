"""neurochain verify A [B] --input FILE."""

from __future__ import annotations

import math
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from neurochain.cli.options import PATH, InputOptions, input_options, json_option

if TYPE_CHECKING:
    from neurochain.cli.sources import Opened
    from neurochain.pipeline import Loaded
    from neurochain.verification import VerifyReport

__all__ = ["command"]


@click.command(
    "verify",
    epilog="\b\nneurochain verify model.nchain model.pt --input x.npy\n"
    "neurochain verify model.nchain weights.pt --model mynet:make --input x.npy\n"
    "neurochain verify mnist-mlp --input demo --limit 2\n"
    "neurochain verify chip.nchain graph-folder --input x.npy\n"
    "neurochain verify chip.nchain lava:chip.nchain --input x.npy",
)
@click.argument("art", metavar="A")
@click.argument("source", metavar="[B]", required=False)
@input_options
@click.option(
    "--module-time-axis",
    "time_axis",
    type=click.Choice(["0", "1"]),
    help="Axis of time in the module's input, where its forward does not say it.",
)
@click.option("--model", metavar="PKG.MOD:FACTORY", help="For a bare state dict: runs that code.")
@click.option(
    "--sample",
    type=PATH,
    metavar="X.NPY",
    help="One call's input of the module (.npz: by argument); by default made from the input.",
)
@click.option("--strict", is_flag=True, help="Answer no also where a population hardly fired.")
@json_option
def command(
    art: str,
    source: str | None,
    time_axis: str | None,
    model: str | None,
    sample: Path | None,
    strict: bool,
    as_json: bool,
    **options: Any,
) -> int:
    """Compare a network with its PyTorch module, or any two forms of a network.

    A network and its module (a .pt by neurochain.save, a .pt2, or a state dict with --model;
    shipped models know theirs) are compared layer by layer and step by step, within proven bounds
    of rounding. Any other two are run on the same input and compared spike by spike, and in the
    states of integers that both have: .nchain, .nir, .pt, folders of `neurochain export --to`
    loihi-graph, onnx, c or lava, and ENGINE:FILE for another engine (lava:chip.nchain). Folders of
    C and Lava are built and run. Several inputs come from an .npz, an array a name. Exit code 1
    where they differ; the first difference is printed with sample, step, node, neuron and values.
    """
    from neurochain.cli.output import emit, emit_json
    from neurochain.cli.run import split_options

    _, data = split_options(options)
    module = _module_options(model, sample, time_axis)
    pair = _module_pair(art, source)
    if pair is None:
        return _agree(art, source or "", module, data, strict=strict, as_json=as_json)
    report = _verify(*pair, module, data)
    ok = report.equal and not (strict and report.not_exercised)
    if as_json:
        emit_json("verify", {"ok": ok, **_plain(report)})
        return 0 if ok else 1
    for line in _lines(report):
        emit(line)
    return 0 if ok else 1


def _module_pair(art: str, source: str | None) -> tuple[str, str | None] | None:
    """The network and what holds its module, None where both are to be run.

    A chip's integers are no rounding of the module's floats, so they are run.
    """
    from neurochain.cli.options import CompileOptions
    from neurochain.cli.sources import SUFFIXES, open_source

    if source is None:
        return art, None
    modules = (".pt", ".pth", ".pt2")
    if Path(art).suffix in modules and Path(source).suffix in (".nchain", ".nir"):
        art, source = source, art
    is_network = Path(art).suffix in SUFFIXES or not Path(art).exists()
    if ":" in art or not is_network or Path(source).suffix not in modules:
        return None
    arithmetic = open_source(art, CompileOptions()).artifact.network.arithmetic
    return None if arithmetic in ("loihi", "xylo") else (art, source)


def _agree(
    a: str, b: str, module: dict[str, Any], data: InputOptions, *, strict: bool, as_json: bool
) -> int:
    """Run both, print what was found, and answer."""
    from neurochain.agreement import Reading
    from neurochain.cli.agreement import agreement_dict, agreement_lines, agreement_of
    from neurochain.cli.output import emit, emit_json

    found = agreement_of(a, b, Reading(**module), data)
    ok = found.equal and not (strict and found.not_exercised)
    if as_json:
        emit_json("verify", {"ok": ok, **agreement_dict(found)})
    else:
        for line in agreement_lines(found):
            emit(line)
    return 0 if ok else 1


def _module_options(
    model: str | None, sample: Path | None, time_axis: str | None
) -> dict[str, Any]:
    from neurochain.cli.several import read_sample

    return {
        "model": model,
        "sample": read_sample(sample),
        "time_axis": None if time_axis is None else int(time_axis),
    }


def _verify(
    art: str, source: str | None, module: dict[str, Any], data: InputOptions
) -> VerifyReport:
    import numpy as np

    from neurochain.cli.data import open_data
    from neurochain.cli.options import CompileOptions
    from neurochain.cli.several import read_inputs
    from neurochain.cli.sources import open_source
    from neurochain.pipeline import load_module, verify
    from neurochain.verification import verify_network

    opened = open_source(art, CompileOptions())
    x: Any
    if len(opened.artifact.network.sources) > 1:
        x = read_inputs(opened, data)
    else:
        x = np.concatenate(list(open_data(opened, data).batches())).astype(np.float32)
    if module["model"] is not None and module["sample"] is None:
        live = load_module(Path(source or ""), module["model"])
        return verify(opened.artifact, live, x, time_axis=module["time_axis"])
    loaded = _load_module(opened, source, module)
    return verify_network(opened.artifact.network, loaded.result, loaded.module, x)


def _load_module(opened: Opened, source: str | None, module: dict[str, Any]) -> Loaded:
    """The live module. Errors: InputError where there is none."""
    from neurochain.errors import InputError
    from neurochain.pipeline import Options, load_source

    if source is None and opened.zoo is None:
        raise InputError(f"{opened.name}: give the file that holds its module as well.")
    path = opened.zoo.checkpoint if source is None and opened.zoo else Path(source or "")
    options = Options(
        dt_s=opened.artifact.network.dt_s if module["model"] else None,
        model=module["model"],
        time_axis=module["time_axis"],
    )
    loaded = load_source(path, module["sample"], options)
    if loaded.module is None:
        raise InputError(f"{path}: {loaded.unverified}, so there is nothing to compare with.")
    return loaded


def _plain(report: VerifyReport) -> dict[str, Any]:
    """The report as JSON can hold it: what is not finite becomes text."""

    def plain(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: plain(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [plain(item) for item in value]
        if isinstance(value, float) and not math.isfinite(value):
            return str(value)
        return value

    return {key: plain(value) for key, value in asdict(report).items()}


def _lines(report: VerifyReport) -> list[str]:
    lines = [str(report)]
    lines += [str(tie) for tie in report.ties]
    if report.not_exercised:
        names = ", ".join(report.not_exercised)
        lines.append(f"warning: fired below 1 % or above 99 %: {names}")
    if report.not_compared:
        lines.append(f"warning: not compared: {', '.join(report.not_compared)}")
    return lines
