"""Processors that `make cross` builds the kernel for: compiler, start-up, and what runs it."""

from dataclasses import dataclass
from shutil import which

__all__ = ["TARGETS", "Target"]

ARM_PACKAGES = "gcc-arm-none-eabi qemu-system-arm"
RISCV_PACKAGES = "gcc-riscv64-unknown-elf qemu-system-misc"


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One processor.

    flags     for the compiler, `link` further ones for the linker
    files     of the runtime folder, beside the driver and main
    emulator  command before the program; empty: this machine runs it
    place     where it runs, in words
    packages  Debian's, that bring compiler and emulator
    """

    name: str
    compiler: str
    flags: tuple[str, ...]
    files: tuple[str, ...]
    place: str
    link: tuple[str, ...] = ()
    emulator: tuple[str, ...] = ()
    packages: str = ""

    @property
    def missing(self) -> tuple[str, ...]:
        """Programs that are not installed."""
        needed = (self.compiler, *self.emulator[:1])
        return tuple(program for program in needed if which(program) is None)


BARE = ("port_semihosting.c", "nc_memory.c")
ALONE = ("-nostdlib", "-static", "-lgcc")


def _cortex_m(name: str, cpu: str, fpu: str, board: str) -> Target:
    return Target(
        name=name,
        compiler="arm-none-eabi-gcc",
        flags=(f"-mcpu={cpu}", "-mthumb", "-mfloat-abi=hard", f"-mfpu={fpu}"),
        files=(*BARE, "start_cortex_m.c"),
        link=("-T", "cortex_m.ld", *ALONE),
        emulator=(
            *("qemu-system-arm", "-M", board, "-nographic", "-monitor", "none", "-serial", "none"),
            *("-semihosting-config", "enable=on,target=native", "-kernel"),
        ),
        place=f"bare metal, QEMU {board}",
        packages=ARM_PACKAGES,
    )


def _riscv(name: str, isa: str, abi: str, bits: int) -> Target:
    emulator = f"qemu-system-riscv{bits}"
    return Target(
        name=name,
        compiler="riscv64-unknown-elf-gcc",
        flags=(f"-march={isa}", f"-mabi={abi}", "-mcmodel=medany"),
        files=(*BARE, "start_riscv.S"),
        link=("-T", "riscv.ld", "-Wl,--no-relax", *ALONE),
        emulator=(
            *(emulator, "-M", "virt", "-bios", "none", "-nographic", "-monitor", "none"),
            *("-serial", "none", "-semihosting-config", "enable=on,target=native", "-kernel"),
        ),
        place=f"bare metal, {emulator} virt",
        packages=RISCV_PACKAGES,
    )


TARGETS = {
    target.name: target
    for target in (
        Target(
            name="host",
            compiler="cc",
            flags=(),
            files=("port_hosted.c",),
            place="this machine",
        ),
        _cortex_m("cortex-m4", "cortex-m4", "fpv4-sp-d16", "mps2-an386"),
        _cortex_m("cortex-m7", "cortex-m7", "fpv5-d16", "mps2-an500"),
        _riscv("rv64gc", "rv64gc", "lp64d", 64),
        _riscv("rv32imafc", "rv32imafc", "ilp32f", 32),
        Target(
            name="aarch64",
            compiler="aarch64-linux-gnu-gcc",
            flags=(),
            files=(*BARE, "start_aarch64.S"),
            link=ALONE,
            emulator=("qemu-aarch64",),
            place="user mode with semihosting, no C library",
            packages="gcc-aarch64-linux-gnu qemu-user",
        ),
    )
}
