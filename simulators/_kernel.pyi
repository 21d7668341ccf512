"""The compiled kernel; what `lib` holds is declared in csrc/nc_kernel.h and csrc/nc_driver.h."""

from typing import Any

from cffi import FFI

ffi: FFI
lib: Any
