"""What every metric returns, and the one way in which floors and standard errors are obtained.

A metric is a statistic of finite sets, so even a perfect generator does not score 0, or 1.  Its score under the same
protocol with the same n is the *floor*: the statistic with real data, or a perfect sampler, in place of the samples,
averaged over several draws.  Distances that are biased by 1/n carry the same bias in value and floor.

The standard error is that of the delete-half jackknife: the standard deviation of the statistic over random halves of
all sets.  A half without repetition varies about the whole as the whole does about the truth (for a mean,
s^2 / (n/2) - s^2 / n = s^2 / n), and, unlike a bootstrap draw, it holds no point twice, which would spoil every
statistic of nearest neighbours.  For a statistic that is quadratic near its minimum (KL, TV, Frechet, MMD) it
overstates the error by up to sqrt(3) where value and floor meet; there `floor_range` is what to look at.
Source: J. Shao, C. F. J. Wu, "A general theory for jackknife variance estimation", Annals of Statistics 17 (1989).
"""

import math
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Measurement:
    """A number, and what it takes to read it.

    value: of the samples.  floor: the mean over draws of real data (or a perfect sampler) judged as samples, same n.
    standard_error: of the value, by the delete-half jackknife; NaN where the value is infinite.
    n: the number of samples.  note: the protocol, and any bias.
    floor_range: the 5 % and 95 % quantiles of the floor's draws; a value inside cannot be told from real by one run.
    """

    name: str
    value: float
    floor: float
    standard_error: float
    n: int
    note: str = ""
    floor_range: tuple[float, float] = (math.nan, math.nan)

    def __str__(self):
        low, high = self.floor_range
        note = f"  ({self.note})" if self.note else ""
        return (
            f"{self.name} {self.value:.4g} +- {self.standard_error:.2g}, "
            f"floor {self.floor:.4g} [{low:.4g}, {high:.4g}], n = {self.n:,}{note}"
        )


def measure(statistic, given, perfect, rng, *, draws, halves, note=""):
    """{name: Measurement} of a statistic that gives {name: number}.

    statistic(*sets): of one or more arrays (N_i, ...), the last of which is the set under judgement.
    given: these arrays.  perfect(rng): such arrays, of the same lengths, with real data in place of the last.
    rng: a `minigan.random.Generator`; equal seeds give equal numbers.
    """
    if draws < 1 or halves < 2:
        raise ValueError(f"measure: needs draws >= 1 and halves >= 2, got {draws} and {halves}")
    floors_rng, halves_rng = rng.spawn(2)
    values = statistic(*given)
    floors = [statistic(*perfect(floors_rng)) for _ in range(draws)]
    parts = [statistic(*[_half(x, halves_rng) for x in given]) for _ in range(halves)]
    return {
        name: _measurement(name, value, _column(floors, name), _column(parts, name), len(given[-1]), note)
        for name, value in values.items()
    }


def measure_against_real(statistic, real, samples, rng, *, draws, halves, note=""):
    """`measure` for statistic(reference, samples): the reference is a random n of the real data, n = len(samples).

    Each draw of the floor compares two other disjoint sets of n real samples, so `real` must hold at least 2 n.
    """
    n = len(samples)
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


def mean_over_sets(metric, sets):
    """{name: Measurement}: the mean of metric(samples), itself {name: Measurement}, over sets (n, ...) of samples.

    Where few real samples allow only small sets, several say more.  The error of k is that of one, over sqrt(k): they
    share the real data, but the jackknife of one set is generous; the tests hold the two together to within a factor
    of 1.7.  floor_range is one set's.
    """
    found = [metric(samples) for samples in sets]
    return {name: _mean([one[name] for one in found]) for name in found[0]} if len(found) > 1 else found[0]


def only(measurements):
    """The Measurement of a statistic with one name."""
    (measurement,) = measurements.values()
    return measurement


def _mean(measurements):
    k, (first, *_) = len(measurements), measurements
    value, floor, low, high, squared = np.mean(
        [(m.value, m.floor, *m.floor_range, m.standard_error**2) for m in measurements], axis=0
    ).tolist()
    note = f"{first.note}; mean over {k} sets of {first.n:,}"
    return Measurement(first.name, value, floor, math.sqrt(squared / k), k * first.n, note, (low, high))


def _half(x, rng):
    return x[rng.permutation(len(x))[: len(x) // 2]]


def _column(rows, name):
    return np.array([row[name] for row in rows], np.float64)


def _measurement(name, value, floors, parts, n, note):
    error = float(parts.std(ddof=1)) if np.isfinite([value, *parts]).all() else math.nan
    low, high = (float(q) for q in np.quantile(floors, (0.05, 0.95), method="nearest"))
    return Measurement(name, float(value), float(floors.mean()), error, n, note, (low, high))
