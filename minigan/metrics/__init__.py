"""Metrics of generators, each with its floor and its standard error.

| metric | measures | floor |
|---|---|---|
| `modes` | points of a mixture in the plane: modes found, evenness, precision, width | perfect sampler |
| `class_balance`, `mode_histogram`, `trained_classifier` | classes found, evenness, legibility | real data |
| `frechet_distance` | mean and covariance of features; biased by 1/n | real against real |
| `kid`, `mmd` | moments up to the third, and all moments; unbiased | real against real |
| `sliced_wasserstein` | optimal transport along random directions | real against real |
| `sharpness` | blur: the variance of the Laplacian | real data |
| `precision_recall` | fidelity and diversity separately: precision, recall, density, coverage | real against real |
| `nearest_neighbour_test` | whether a 1-NN classifier can tell real from generated | real against real |
| `birthday_test` | whether the generator repeats itself | real against real |
| `memorisation` | whether it repeats the training data | training and unseen data reshuffled |

Each returns a `Measurement`, or a dict of them by name, and draws all its random numbers from its argument `rng`.
NumPy suffices, except that the cache of `trained_classifier` needs safetensors.
"""

from typing import TYPE_CHECKING

from . import classes, classifier, frechet, kernel, mixture, prdc, sliced, two_sample
from .classes import class_balance, mode_histogram, stack_labels
from .classifier import Classifier, Recipe, trained_classifier
from .frechet import frechet_distance
from .kernel import kid, mmd
from .measurement import Measurement, mean_over_sets, measure, measure_against_real
from .mixture import modes
from .prdc import precision_recall
from .sharpness import sharpness
from .sliced import sliced_wasserstein
from .two_sample import birthday_test, memorisation, nearest_neighbour_test

__all__ = [
    "Classifier",
    "Measurement",
    "Recipe",
    "birthday_test",
    "class_balance",
    "classes",
    "classifier",
    "frechet",
    "frechet_distance",
    "kernel",
    "kid",
    "mean_over_sets",
    "measure",
    "measure_against_real",
    "memorisation",
    "mixture",
    "mmd",
    "mode_histogram",
    "modes",
    "nearest_neighbour_test",
    "prdc",
    "precision_recall",
    "sharpness",
    "sliced",
    "sliced_wasserstein",
    "stack_labels",
    "trained_classifier",
    "two_sample",
]


# Names of other libraries, with the way to do it here.
_ELSEWHERE = {
    "fid": "use metrics.frechet_distance, which is FID if space= is a function to the features of an Inception network",
    "inception_score": "use metrics.class_balance, which measures balance and legibility of the classes separately",
}

if not TYPE_CHECKING:  # a type checker would take every misspelt name for an attribute

    def __getattr__(name):
        from ..suggest import missing

        raise missing(__name__, name, _ELSEWHERE)


def __dir__() -> list[str]:
    return sorted(__all__)
