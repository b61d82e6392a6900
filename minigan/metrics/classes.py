"""Balance and legibility of generated classes, judged by a classifier that was trained on real data."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from . import inputs
from .measurement import measure
from .mixture import kl_divergence

if TYPE_CHECKING:
    from ..types import Array, ArrayLike, Generator, Tensor
    from .measurement import Measurement

__all__ = ["class_balance", "class_statistics", "mode_histogram", "shares", "stack_labels"]


def __dir__() -> list[str]:
    return sorted(__all__)


def class_balance(
    probabilities: Tensor | ArrayLike,
    real_probabilities: Tensor | ArrayLike,
    rng: Generator | int,
    *,
    frequencies: ArrayLike | None = None,
    minimum_mass: float | None = None,
    confidence: float = 0.9,
    draws: int = 100,
    halves: int = 50,
) -> dict[str, Measurement]:
    """Measure the balance of generated classes from the class probabilities of samples and of real data.

    The floor is the score of N rows drawn with replacement from the R real ones, which stand for a perfect sampler.

    Args:
        probabilities: Class probabilities of the samples, (N, K).
        real_probabilities: Class probabilities of real data, (R, K).
        rng: A generator of the random numbers for floor and standard error, or a seed.
        frequencies: The true frequencies of the classes, (K,); by default the predicted ones of the real data.
        minimum_mass: The fraction of samples that a class needs to count as covered; by default .1 / K, a tenth of an
            even distribution, since a classifier's errors alone would put samples of a collapsed generator into every
            class.
        confidence: The smallest probability at which a sample counts as accepted.
        draws: The number of draws for the floor.
        halves: The number of random halves for the standard error, see `measure`.

    Returns:
        {name: Measurement}: "class_coverage", the number of covered classes; "class_tv", the total variation
        1/2 sum |q - p| between the frequencies q of the predicted classes and p = `frequencies`, 0 to 1 and biased
        upwards by about sqrt(K / 2 pi N); "acceptance", the fraction of samples whose most probable class has at least
        `confidence`.

    Raises:
        ValueError: If probabilities are negative or do not sum to 1, or differ in the number of classes, or another
            argument is out of range.
    """
    p = inputs.probabilities("probabilities", probabilities)
    real = inputs.probabilities("real_probabilities", real_probabilities)
    count = p.shape[1]
    if real.shape[1] != count:
        raise ValueError(f"real_probabilities has {real.shape[1]} classes, probabilities {count}: expected the same")
    target = shares(real) if frequencies is None else inputs.frequencies("frequencies", frequencies, count)
    least = 0.1 / count if minimum_mass is None else _fraction("minimum_mass", minimum_mass)
    _fraction("confidence", confidence)

    def statistic(x):
        return class_statistics(x, target, least, confidence)

    def perfect(rng):
        return (real[rng.integers(0, len(real), len(p))],)

    note = f"a class counts from {least:.3g} of the samples, confidence {confidence:g}"
    return measure(statistic, (p,), perfect, rng, draws=draws, halves=halves, note=note)


def class_statistics(p: Array, frequencies: Array, minimum_mass: float, confidence: float = 0.9) -> dict[str, float]:
    """Return the numbers of `class_balance`, without floor or standard error."""
    q = shares(p)
    return {
        "class_coverage": int(np.count_nonzero(q >= minimum_mass)),
        "class_tv": 0.5 * abs(q - frequencies).sum(),
        "acceptance": (p.max(axis=1) >= confidence).mean(),
    }


def shares(p: Array) -> Array:
    """Return the fraction of rows of p (N, K) in which each class is the most probable, (K,)."""
    return np.bincount(p.argmax(axis=1), minlength=p.shape[1]) / len(p)


def mode_histogram(
    labels: Tensor | ArrayLike,
    count: int,
    rng: Generator | int,
    *,
    frequencies: ArrayLike | None = None,
    minimum: int = 1,
    draws: int = 50,
    halves: int = 50,
) -> dict[str, Measurement]:
    """Measure the histogram of discrete modes, such as the 1,000 of stacked MNIST.

    The floor is the score of N labels drawn from `frequencies`. On stacked MNIST at N = 26,000, the KL divergence is
    .0193 for a uniform sampler, and .0236 for real digits, which are not uniform.

    Args:
        labels: The modes of N samples, integers (N,) in [0, count).
        count: The number of modes.
        rng: A generator of the random numbers for floor and standard error, or a seed.
        frequencies: The distribution of the floor, (count,); by default uniform.
        minimum: The smallest number of samples with which a mode counts as found.
        draws: The number of draws for the floor.
        halves: The number of random halves for the standard error, see `measure`.

    Returns:
        {name: Measurement}: "modes", the number of modes found; "kl", KL(q || uniform) of the fractions q of the
        modes, biased upwards by (count - 1) / 2N, which is its whole value if all modes are equally likely.

    Source: L. Metz et al., "Unrolled generative adversarial networks", 2017; Z. Lin et al. 2018 (PacGAN), section 4.2.
    """
    labels = inputs.labels("labels", labels, count)
    even = np.full(count, 1 / count)
    p = even if frequencies is None else inputs.frequencies("frequencies", frequencies, count)
    edges = np.cumsum(p) / p.sum()

    def statistic(x):
        counts = np.bincount(x, minlength=count)
        return {"modes": np.count_nonzero(counts >= minimum), "kl": kl_divergence(counts, even)}

    def perfect(rng):
        return (np.searchsorted(edges, rng.uniform(len(labels), dtype=np.float64), side="right"),)

    note = f"{count:,} modes, against uniform"
    return measure(statistic, (labels,), perfect, rng, draws=draws, halves=halves, note=note)


def stack_labels(labels: Tensor | ArrayLike, classes: int = 10) -> Array:
    """Return one mode for each row of digits: (N, 3) -> (N,), 100 a + 10 b + c for ten classes."""
    labels = inputs.array(labels)
    if labels.ndim != 2:
        raise ValueError(f"labels must have shape (N, channels), got {labels.shape}")
    inputs.labels("labels", labels.reshape(-1), classes)
    return labels @ classes ** np.arange(labels.shape[1])[::-1]


def _fraction(name: str, x: float) -> float:
    if not 0 < x <= 1:
        raise ValueError(f"{name} must lie in (0, 1], got {x}")
    return x
