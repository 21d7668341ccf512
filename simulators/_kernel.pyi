"""The compiled kernel; `lib` is declared in csrc/nc_kernel.h, nc_driver.h and nc_check.h."""

from typing import Any

from cffi import FFI

ffi: FFI
lib: Any
