"""Fewer bits, with the error it cost."""

from neurochain.quantize.weights import WeightError, quantize_weights

__all__ = ["WeightError", "quantize_weights"]
