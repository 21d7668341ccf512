"""Networks written as C: compiled and run on this machine, and what cannot be written."""

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from neurochain.errors import InputError, InternalError
from neurochain.exporters.c import case_source, load_results, runtime_folder, table_source
from neurochain.exporters.c.image import Image
from neurochain.simulators.event import pack, pack_inputs
from neurochain.simulators.event.engine import prepare
from neurochain.simulators.event.kernel import Memory
from neurochain.simulators.reference import run_reference

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "simulators"))

import engine_cases as cases

CSRC = Path(sys.modules["neurochain.simulators"].__file__).resolve().parent / "csrc"
FLAGS = ["-std=c11", "-O0", "-ffp-contract=off", "-Wall", "-Wextra", "-Wconversion", "-Werror"]


def _case(seed=0, **ways):
    rng = np.random.default_rng(seed)
    network = cases.random_network(rng, cases.DTYPES[seed % 3])
    inputs = cases.inputs_for(rng, network, batch=2, steps=5)
    record = cases.everything(network)
    with np.errstate(all="ignore"):
        wanted = run_reference(network, inputs, record=record)
    ways = {"version": 0, "chunk": 3} | ways
    return prepare(pack(network), pack_inputs(network, inputs), record=record, **ways), wanted


def _program(folder, sources):
    """Compile the given C texts with everything that is the same for all."""
    files = []
    for name, text in sources.items():
        files.append(folder / f"{name}.c")
        files[-1].write_text(text)
    hosted = {"nc_crew.c", "nc_driver.c"}
    kernel = [p for p in sorted(CSRC.glob("nc_*.c")) if p.name not in hosted]
    runtime = [runtime_folder() / n for n in ("nc_alone.c", "nc_main.c", "port_hosted.c")]
    include = [f"-I{CSRC}", f"-I{runtime_folder()}"]
    program = folder / "program"
    subprocess.run(["cc", *FLAGS, *include, *files, *kernel, *runtime, "-o", program], check=True)
    return program


@pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler")
def test_a_program_gives_the_references_bits(tmp_path):
    runs = {f"case_{k}": _case(k) for k in range(6)}
    sources = {name: case_source(name, run) for name, (run, _) in runs.items()}
    program = _program(tmp_path, sources | {"table": table_source(runs)})
    subprocess.run([program], cwd=tmp_path, check=True)
    rest = memoryview((tmp_path / "results.bin").read_bytes())
    for run, wanted in runs.values():
        before = run.counts().projections
        assert not any(counts.any() for counts in before.values())  # nothing ran here
        rest = load_results(run, rest)
        assert not cases.differences(wanted, run.result())
    assert len(rest) == 0


def test_the_same_run_gives_the_same_text():
    """Whatever the memory held before that nothing is read from."""
    texts = []
    for before in (0, 255):
        run, _ = _case(1)
        for owner in filter(run.memory.is_unset, run.memory.owners()):
            size = run.memory.ffi.sizeof(owner)
            run.memory.ffi.memmove(owner, bytes([before]) * size, size)
        texts.append(case_source("same", run))
    assert texts[0] == texts[1]


def test_results_that_are_no_results_are_refused():
    run, _ = _case()
    with pytest.raises(InternalError, match=r"wrote 3 bytes, wanted \d+"):
        load_results(run, memoryview(b"abc"))
    with pytest.raises(InternalError, match="status 1"):
        load_results(run, memoryview(b"\1" + b"\0" * 1_000_000))


def test_what_cannot_be_written_is_refused():
    with pytest.raises(InputError, match="no C identifier"):
        case_source("two words", _case()[0])
    with pytest.raises(InputError, match=r"2 threads.*threads=1"):
        case_source("name", _case(threads=2)[0])


def test_every_float_keeps_its_bits():
    """Zero and its negative, subnormals, infinities, and any others."""
    rng = np.random.default_rng(2)
    some = rng.integers(0, 2**32, 500, dtype=np.uint32).view(np.float32)
    odd = np.array([0.0, -0.0, 1e-45, -1e-40, np.inf, -np.inf], dtype=np.float32)
    values = np.concatenate([odd, some[~np.isnan(some)], odd[4:]])  # zeros at the end are left out
    memory, none = Memory(), Memory()
    image = Image("bits", memory, none)
    assert not list(image.definitions())
    pointer = memory.view("float", values)
    image = Image("bits", memory, none)
    assert image.root(pointer) == "(float *)(bits_0)"
    (text,) = image.definitions()
    assert text.startswith(f"static const _Alignas(16) float bits_0[{values.size}] = {{")
    body = text.replace("__builtin_inff()", "infinityf").partition("{")[2].strip("{};\n ")
    tokens = [token.strip() for token in body.split(",") if token.strip()]
    read = [float.fromhex(token.removesuffix("f")) for token in tokens]
    assert np.array(read, dtype=np.float32).tobytes() == values.tobytes()


def test_pointers_to_nowhere_are_refused():
    run, _ = _case()
    image = Image("stray", run.packed.memory, run.memory)
    stray = Memory()
    with pytest.raises(InternalError, match="pointer to nowhere"):
        image.region_at(stray.zeros("float", 100_000))
