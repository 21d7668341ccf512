"""The compiled kernel; what `lib` holds is declared in csrc/nc_kernel.h, nc_driver.h, nc_pack.h."""

from typing import Any

from cffi import FFI

ffi: FFI
lib: Any
