"""The part of the build that pyproject.toml cannot say: folders to packages, and the C kernel."""

import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_ext import build_ext

ROOTS = {
    "neurochain": "neurochain",
    "neurochain.exporters": "exporters",
    "neurochain.simulators": "simulators",
    "neurochain.models": "models",
}
KERNEL_BUILDER = "simulators/csrc/build_kernel.py"

NO_KERNEL = """
*************************************************************************************
neurochain: the C kernel was not built, so the `event` engine will not be available.
The `reference` engine (NumPy, slow) works without it. To get the kernel, install a C
compiler and the Python headers (Debian: apt install gcc python3-dev), then reinstall.
Reason: {reason}
*************************************************************************************
"""


def together(compile_files):
    """A compiler's `compile` that hands its files to as many processes as there are cores."""

    def compile_together(sources, *args, **kwargs):
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            done = pool.map(lambda source: compile_files([source], *args, **kwargs), sources)
            return [name for names in done for name in names]

    return compile_together


class OptionalKernel(build_ext):
    """Build the C kernel; where that fails, warn and let the install go on without it.

    With NEUROCHAIN_REQUIRE_KERNEL=1 (the Makefile and CI set it) a failure is an error.
    """

    def build_extension(self, ext):
        """Build one extension, or say clearly that it is missing."""
        self.compiler.compile = together(self.compiler.compile)
        if os.environ.get("NEUROCHAIN_REQUIRE_KERNEL") == "1":
            super().build_extension(ext)
            return
        ext.optional = True  # setuptools then tolerates the missing file when it copies
        try:
            super().build_extension(ext)
        except Exception as error:  # whatever the compiler driver raises: the install goes on
            print(NO_KERNEL.format(reason=error), file=sys.stderr)


setup(
    package_dir=ROOTS,
    packages=[
        name
        for root, path in ROOTS.items()
        for name in [root, *(f"{root}.{sub}" for sub in find_packages(path))]
    ],
    cffi_modules=[f"{KERNEL_BUILDER}:ffibuilder"] if Path(KERNEL_BUILDER).exists() else [],
    cmdclass={"build_ext": OptionalKernel},
    options={"bdist_wheel": {"py_limited_api": "cp311"}},
)
