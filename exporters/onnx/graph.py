"""Writing ONNX nodes: names are made here, constants go to the model once."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto, helper, numpy_helper

__all__ = ["Nodes"]


class Nodes:
    """Collects nodes and initialisers; every call appends one node and returns its output."""

    def __init__(self) -> None:
        self.nodes: list[NodeProto] = []
        self.initializers: dict[str, TensorProto] = {}
        self._count = 0
        self._known: dict[tuple[str, tuple[int, ...], bytes], str] = {}

    def __call__(self, op: str, *inputs: str, out: str = "", **attributes: Any) -> str:
        """Append `out = op(inputs)`; without `out` a name is made."""
        name = out or self._fresh(op)
        self.nodes.append(helper.make_node(op, list(inputs), [name], name=f"node:{name}",
                                           **attributes))  # fmt: skip
        return name

    def _fresh(self, stem: str) -> str:
        self._count += 1
        return f"{stem}:{self._count}"

    def constant(self, value: NDArray[Any], name: str = "") -> str:
        """An initialiser; small ones without a name are shared."""
        value = np.ascontiguousarray(value) if value.ndim else value
        key = (value.dtype.str, value.shape, value.tobytes() if value.size <= 64 else b"")
        if not name and value.size <= 64 and key in self._known:
            return self._known[key]
        label = name or self._fresh("constant")
        self.initializers[label] = numpy_helper.from_array(value, label)
        if not name and value.size <= 64:
            self._known[key] = label
        return label

    def scalar(self, value: float) -> str:
        """A float32 constant of no axes."""
        return self.constant(np.asarray(value, dtype=np.float32))

    def ints(self, *values: int) -> str:
        """An int64 vector, as shapes, axes and bounds are given."""
        return self.constant(np.asarray(values, dtype=np.int64))

    def cast(self, value: str, dtype: int) -> str:
        """To another element type (a `TensorProto` number)."""
        return self("Cast", value, to=dtype)

    def float(self, condition: str) -> str:
        """A truth value as 1.0 or 0.0."""
        return self.cast(condition, TensorProto.FLOAT)

    def reshape(self, value: str, *shape: int) -> str:
        """-1 is the batch."""
        return self("Reshape", value, self.ints(*shape))
