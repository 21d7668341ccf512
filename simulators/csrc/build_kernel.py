"""Build the C kernel as neurochain.simulators._kernel (cffi API mode, stable ABI).

The declarations are read from the headers themselves, between their `cdef` marks.
"""

import os
import re
from pathlib import Path

from cffi import FFI

CSRC = Path(os.path.relpath(Path(__file__).resolve().parent))
HEADERS = ("nc_kernel.h", "nc_integer.h", "nc_driver.h", "nc_check.h", "nc_pack.h")
# One rounding an operation, never -ffast-math. No program looks at floating-point exception flags;
# to promise that changes no value, and without it gcc does not vectorise comparisons.
FLAGS = ["-O3", "-std=c11", "-ffp-contract=off", "-fno-trapping-math"]


def declarations(header: Path) -> str:
    """What a header declares for Python."""
    text = header.read_text(encoding="utf-8")
    marked = re.findall(r"/\* cdef begin \*/(.*?)/\* cdef end \*/", text, re.DOTALL)
    return re.sub(r"/\*.*?\*/", "", "".join(marked), flags=re.DOTALL)


ffibuilder = FFI()
for name in HEADERS:
    ffibuilder.cdef(declarations(CSRC / name))
ffibuilder.set_source(
    "neurochain.simulators._kernel",
    '#include "nc_check.h"\n#include "nc_pack.h"',
    sources=[(CSRC / path.name).as_posix() for path in sorted(CSRC.glob("nc_*.c"))],
    depends=[(CSRC / path.name).as_posix() for path in sorted(CSRC.glob("nc_*.h"))],
    include_dirs=[CSRC.as_posix()],
    extra_compile_args=[*FLAGS, "-pthread"],
    extra_link_args=["-pthread"],
    py_limited_api=True,
)
