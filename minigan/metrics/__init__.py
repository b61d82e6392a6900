"""What a generator is worth, in numbers that can be read: each with its floor and its standard error.

| metric | asks | floor |
|---|---|---|
| `modes` | points of a mixture in the plane: which modes, how evenly, how exactly, how widely | perfect sampler |
| `class_balance`, `mode_histogram`, `trained_classifier` | which classes, how evenly, how legibly | real data |
| `frechet_distance` | mean and covariance of features; biased by 1/n | real against real |
| `kid`, `mmd` | all moments up to the third, all of them; unbiased | real against real |
| `sliced_wasserstein` | the transport along random directions | real against real |
| `sharpness` | blur: the variance of the Laplacian | real data |
| `precision_recall` | fidelity and diversity apart: precision, recall, density, coverage | real against real |
| `nearest_neighbour_test` | can a 1-NN classifier tell real from generated? | real against real |
| `birthday_test` | does the generator repeat itself? | real against real |
| `memorisation` | does it repeat the training data? | training and unseen data reshuffled |

Every one returns a `Measurement`, or a dict of them by name; all randomness comes from the generator it is given.
"""

from . import classes, classifier, frechet, kernel, mixture, prdc, sliced, two_sample
from .classes import class_balance, mode_histogram, stack_labels
from .classifier import Classifier, Recipe, trained_classifier
from .frechet import frechet_distance
from .kernel import kid, mmd
from .mixture import modes
from .prdc import precision_recall
from .report import Measurement, mean_over_sets, measure, measure_against_real
from .sharpness import sharpness
from .sliced import sliced_wasserstein
from .two_sample import birthday_test, memorisation, nearest_neighbour_test
