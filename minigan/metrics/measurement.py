"""Measurements, the results of all metrics, and the computation of their floors and standard errors.

A metric is a statistic of finite sets, so even a perfect generator does not score exactly 0 or 1. Its score under the
same protocol with the same n is the *floor*: the statistic with real data, or a perfect sampler, in place of the
samples, averaged over several draws. A distance that is biased by 1/n has the same bias in value and floor.

The standard error is computed by the delete-half jackknife: it is the standard deviation of the statistic over random
halves of all sets. A half that is drawn without replacement varies about the whole set as the whole set does about the
truth (for a mean, s^2 / (n/2) - s^2 / n = s^2 / n). Unlike a bootstrap draw, it holds no point twice, which would spoil
every statistic of nearest neighbours. For a statistic that is quadratic near its minimum (KL, TV, Frechet, MMD) the
jackknife overstates the error by up to sqrt(3) where value and floor are close; compare the value with `floor_range`
there.

Source: J. Shao, C. F. J. Wu, "A general theory for jackknife variance estimation", Annals of Statistics 17 (1989).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..random import as_generator

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import Any, TypeAlias

    from ..types import Array, Generator

    Statistic: TypeAlias = Callable[..., Mapping[str, Any]]  # of sets, {name: number}

__all__ = ["Measurement", "mean_over_sets", "measure", "measure_against_real", "only"]


@dataclass(frozen=True)
class Measurement:
    """Value of a metric, with its floor, standard error and protocol.

    Attributes:
        name: The name of the metric.
        value: The metric of the samples.
        floor: The mean score of as many real samples, or samples of a perfect sampler.
        standard_error: The standard error of `value` by the delete-half jackknife; NaN if the value is infinite.
        n: The number of samples.
        note: The protocol, and any bias.
        floor_range: The 5 % and 95 % quantiles of the floor's draws. One run cannot tell a value between them from
            real data.
    """

    name: str
    value: float
    floor: float
    standard_error: float
    n: int
    note: str = ""
    floor_range: tuple[float, float] = (math.nan, math.nan)

    def __str__(self) -> str:
        low, high = self.floor_range
        note = f"  ({self.note})" if self.note else ""
        return (
            f"{self.name} {self.value:.4g} +- {self.standard_error:.2g}, "
            f"floor {self.floor:.4g} [{low:.4g}, {high:.4g}], n = {self.n:,}{note}"
        )


def measure(
    statistic: Statistic,
    given: Sequence[Array],
    perfect: Callable[[Generator], Sequence[Array]],
    rng: Generator | int,
    *,
    draws: int,
    halves: int,
    note: str = "",
) -> dict[str, Measurement]:
    """Measure a statistic with its floor and standard error.

    Args:
        statistic: A function of one or more sets (N_i, ...), the last of which is evaluated, to {name: number}.
        given: The sets at which the statistic is computed.
        perfect: A function of a random generator that returns sets of the same lengths, with real data in place of the
            last set.
        rng: A generator of the random numbers for floor and standard error, or a seed; equal seeds give equal numbers.
        draws: The number of draws for the floor, at least 1.
        halves: The number of random halves for the standard error, at least 2.
        note: The protocol, for `Measurement.note`.

    Returns:
        {name: Measurement}.
    """
    if draws < 1 or halves < 2:
        raise ValueError(f"measure: needs draws >= 1 and halves >= 2, got {draws} and {halves}")
    floors_rng, halves_rng = as_generator(rng).spawn(2)
    values = statistic(*given)
    floors = [statistic(*perfect(floors_rng)) for _ in range(draws)]
    parts = [statistic(*[_half(x, halves_rng) for x in given]) for _ in range(halves)]
    return {
        name: _measurement(name, value, _column(floors, name), _column(parts, name), len(given[-1]), note)
        for name, value in values.items()
    }


def measure_against_real(
    statistic: Statistic,
    real: Array,
    samples: Array,
    rng: Generator | int,
    *,
    draws: int,
    halves: int,
    note: str = "",
) -> dict[str, Measurement]:
    """Measure statistic(reference, samples), where the reference is a random part of the real data of the same size n.

    Each draw of the floor compares two other disjoint sets of n real samples.

    Args:
        statistic: A function of two sets to {name: number}.
        real: Real data (R, ...), R >= 2 n.
        samples: Generated data (n, ...).
        rng: A generator of the random numbers for reference, floor and standard error, or a seed.
        draws: The number of draws for the floor, at least 1.
        halves: The number of random halves for the standard error, at least 2.
        note: The protocol, for `Measurement.note`.

    Returns:
        {name: Measurement}.

    Raises:
        ValueError: If there are fewer than 2 n real samples.
    """
    n, rng = len(samples), as_generator(rng)
    if len(real) < 2 * n:
        raise ValueError(
            f"real holds {len(real):,} samples, expected at least twice the {n:,} of samples: the floor compares two "
            f"disjoint sets of the same size; give at most {len(real) // 2:,} samples"
        )

    def disjoint(rng):
        order = rng.permutation(len(real))
        return real[order[:n]], real[order[n : 2 * n]]

    reference, _ = disjoint(rng.spawn())
    return measure(statistic, (reference, samples), disjoint, rng, draws=draws, halves=halves, note=note)


def mean_over_sets(metric: Callable[[Array], dict[str, Measurement]], sets: Iterable[Array]) -> dict[str, Measurement]:
    """Average a metric over several sets of samples, for a smaller error when few real data allow only small sets.

    The standard error of the mean over k sets is the error of one set (root mean square over the sets) divided by
    sqrt(k). The sets share the real data, so the true error is larger, but the jackknife overstates the error of one
    set; tests keep the result within a factor of 1.7 of the truth.

    Args:
        metric: A function of samples (n, ...) to {name: Measurement}.
        sets: The sets of samples.

    Returns:
        {name: Measurement}, with the mean `floor_range` of one set.
    """
    found = [metric(samples) for samples in sets]
    return {name: _mean([one[name] for one in found]) for name in found[0]} if len(found) > 1 else found[0]


def only(measurements: Mapping[str, Measurement]) -> Measurement:
    """Return the single Measurement of a dict."""
    (measurement,) = measurements.values()
    return measurement


def _mean(measurements: Sequence[Measurement]) -> Measurement:
    k, (first, *_) = len(measurements), measurements
    value, floor, low, high, squared = np.mean(
        [(m.value, m.floor, *m.floor_range, m.standard_error**2) for m in measurements], axis=0
    ).tolist()
    note = f"{first.note}; mean over {k} sets of {first.n:,}"
    return Measurement(first.name, value, floor, math.sqrt(squared / k), k * first.n, note, (low, high))


def _half(x: Array, rng: Generator) -> Array:
    return x[rng.permutation(len(x))[: len(x) // 2]]


def _column(rows: Sequence[Mapping[str, Any]], name: str) -> Array:
    return np.array([row[name] for row in rows], np.float64)


def _measurement(name: str, value: Any, floors: Array, parts: Array, n: int, note: str) -> Measurement:
    error = float(parts.std(ddof=1)) if np.isfinite([value, *parts]).all() else math.nan
    low, high = (float(q) for q in np.quantile(floors, (0.05, 0.95), method="nearest"))
    return Measurement(name, float(value), float(floors.mean()), error, n, note, (low, high))
