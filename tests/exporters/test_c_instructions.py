"""`make instructions-*` in a C project: the same count every time, and the right one."""

import re
import shutil
import subprocess
from itertools import pairwise

import numpy as np
import pytest
from c_projects import cases, make, shipped

from neurochain.exporters.job import Job
from neurochain.exporters.run import export
from neurochain.network import Network, Population, Projection, Source
from neurochain.operators import Dense
from neurochain.programs import lif_program

PROCESSORS = {
    "cortex-m4": ("arm-none-eabi-", "qemu-system-arm", "mps2-an386"),
    "cortex-m7": ("arm-none-eabi-", "qemu-system-arm", "mps2-an500"),
    "rv32imafc": ("riscv64-unknown-elf-", "qemu-system-riscv32", "virt"),
    "rv64gc": ("riscv64-unknown-elf-", "qemu-system-riscv64", "virt"),
}
SAYS = re.compile(
    r"^(\d+) instructions a step \((\d+) steps; (\d+) in all, give or take (\d+)\)$", re.MULTILINE
)


def _counted(folder, target, *flags):
    """(instructions a step, steps, instructions, error), as the project's own program says."""
    done = make(folder, *flags, f"instructions-{target}")
    assert done.returncode == 0, done.stderr + done.stdout
    (said,) = SAYS.findall(done.stdout)
    return tuple(map(int, said))


def _small():
    """Two neurons and five steps: few enough instructions to write each of them down."""
    rng = np.random.default_rng(5)
    program = lif_program(cases.RESETS[1])
    params = cases.params_for(rng, program, 2, per_neuron=False)
    weights = rng.normal(size=(2, 3)).astype(np.float32)
    operator = Dense(in_shape=(3,), out_shape=(2,), weights=weights)
    network = Network(
        sources=(Source(name="s", shape=(3,)),),
        populations=(Population(name="p", shape=(2,), program=program, params=params),),
        projections=(Projection(name="c", source="s", target="p", operator=operator),),
        outputs=(),
        dt_s=1e-3,
    )
    return network, {"s": (rng.random((1, 5, 3)) < 0.5).astype(np.float32)}


def _executed(folder, target):
    """QEMU's own list of what it executed, one address an instruction, and the program's names."""
    prefix, emulator, board = PROCESSORS[target]
    counted = folder / "build" / target / "counted"
    command = [emulator, "-M", board, "-icount", "shift=0", "-singlestep", "-d", "nochain,exec"]
    command += ["-D", "log", "-nographic", "-monitor", "none", "-serial", "none"]
    command += ["-semihosting-config", "enable=on,target=native", "-kernel", "program"]
    if "riscv" in emulator:
        command += ["-bios", "none"]
    subprocess.run(command, cwd=counted, check=True, timeout=100)
    lines = (counted / "log").read_text().splitlines()
    trace = [int(x.split("/")[1], 16) for x in lines if x.startswith("Trace")]
    table = subprocess.run(
        [f"{prefix}nm", "-S", "program"], cwd=counted, check=True, capture_output=True, text=True
    )
    rows = [row.split() for row in table.stdout.splitlines()]
    thumb = -2 if "arm" in emulator else -1  # the lowest bit of an address says "Thumb"
    names = {r[3]: (int(r[0], 16) & thumb, int(r[1], 16)) for r in rows if len(r) == 4}
    return trace, names


def _inside(trace, names, function):
    """Instructions from the calls of a function until it returns to its caller."""
    first, _ = names[function]
    inside, caller = 0, None
    for before, at in pairwise(trace):
        if caller is None and at == first:
            (caller,) = [(a, a + n) for a, n in names.values() if a <= before < a + n]
        elif caller is not None and caller[0] <= at < caller[1]:
            caller = None
        inside += caller is not None
    return inside


def _is_right(target, folder):
    """Counted by the program, and by QEMU's list; the program leaves out what a call costs."""
    network, inputs = _small()
    export(Job(network=network, name="small", inputs=inputs), "c", folder)
    each, steps, instructions, error = _counted(folder, target, "OPT=-O1")
    assert (each, steps) == (instructions // 10, 10)
    trace, names = _executed(folder, target)
    listed = _inside(trace, names, "network_step") - _inside(trace, names, "no_step")
    assert listed > 1000
    assert abs(instructions - listed) <= error


def test_a_count_is_right(tmp_path):
    """On RISC-V, to the instruction."""
    for tool in ("make", "riscv64-unknown-elf-gcc", "qemu-system-riscv32"):
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed")
    _is_right("rv32imafc", tmp_path / "small")


@pytest.mark.judge
@pytest.mark.parametrize("target", PROCESSORS)
def test_shipped_models_are_counted(target, tmp_path, record_property):
    """Fails, not skips, without compilers and emulators; two runs give one number."""
    _is_right(target, tmp_path / "small")
    for model, weights in (("mnist-mlp", "int8"), ("mnist-mlp", "loihi2"), ("nmnist-conv", "int8")):
        folder = tmp_path / f"{model}-{weights}"
        shipped(model, folder, weights)
        first = _counted(folder, target)
        assert _counted(folder, target) == first
        said = f"C: {target}, {model} in {weights}, {first[0]:,} instructions a step"
        record_property("judged", said)
