"""Model families and the zoo of trained models. Importing it needs no torch."""

from neurochain.models.conv import nmnist_conv
from neurochain.models.mlp import mnist_mlp, mnist_mlp_subtract
from neurochain.models.zoo import ZooModel, find_model, model_of, zoo

__all__ = [
    "ZooModel",
    "find_model",
    "mnist_mlp",
    "mnist_mlp_subtract",
    "model_of",
    "nmnist_conv",
    "zoo",
]
