"""The compiled kernel; `lib` is declared in the headers of csrc."""

from typing import Any

from cffi import FFI

ffi: FFI
lib: Any
