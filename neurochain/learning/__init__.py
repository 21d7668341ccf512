"""Training by surrogate-gradient backpropagation through time. Importing it needs no torch."""

from neurochain.learning.api import cross_validate, stratified_folds, train
from neurochain.learning.data import TrainingData, load_data
from neurochain.learning.recipes import Augmentation, Recipe, recipe, recipes
from neurochain.learning.results import (
    CrossValidation,
    Evaluation,
    Progress,
    ProgressCallback,
    TrainResult,
)
from neurochain.learning.tuning import Tuning, tuned

__all__ = [
    "Augmentation",
    "CrossValidation",
    "Evaluation",
    "Progress",
    "ProgressCallback",
    "Recipe",
    "TrainResult",
    "TrainingData",
    "Tuning",
    "cross_validate",
    "load_data",
    "recipe",
    "recipes",
    "stratified_folds",
    "train",
    "tuned",
]
