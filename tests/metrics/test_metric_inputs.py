"""What every metric refuses, in one sentence that names the argument, what was given and what was expected."""

import numpy as np
import pytest

import minigan as mg
from minigan import metrics
from minigan.random import Generator

AGAINST_REAL = {
    "frechet_distance": metrics.frechet_distance,
    "kid": metrics.kid,
    "mmd": metrics.mmd,
    "sliced_wasserstein": metrics.sliced_wasserstein,
    "precision_recall": metrics.precision_recall,
    "nearest_neighbour_test": metrics.nearest_neighbour_test,
    "birthday_test": metrics.birthday_test,
    "memorisation": lambda real, samples, rng, **o: metrics.memorisation(real, real[::-1], samples, rng, **o),
}


def normal(*shape, seed=0):
    return Generator(seed).normal(shape)


def with_value(value):
    x = normal(30, 6, seed=1)
    x[[17, 20], 2] = value
    return x


BAD = [
    (with_value(np.nan), ValueError, "samples must be finite, but 2 of its 30 rows hold NaN or infinity, row 17 first"),
    (with_value(-np.inf), ValueError, "samples must be finite"),
    (normal(30, 7), ValueError, r"samples has shape \(30, 7\), 7 features, but \w+ has shape \(80, 6\), 6 features"),
    (normal(30, 2, 2, 1), ValueError, r"samples has shape \(30, 2, 2, 1\), 4 features, but"),
    (normal(30), ValueError, r"samples must have shape \(N, features\) or \(N, H, W, C\), got \(30,\)"),
    (normal(30, 0), ValueError, r"samples must have shape .*, got \(30, 0\)"),
    (normal(1, 6), ValueError, "samples holds 1 samples, expected at least"),
    (normal(0, 6), ValueError, "samples holds 0 samples, expected at least"),
    (np.zeros((30, 6), np.uint8), ValueError, r"samples holds uint8 but \w+ holds float32: scale both alike"),
    (np.zeros((30, 6), complex), TypeError, "samples must hold real numbers, got dtype complex128"),
    (np.full((30, 6), "a"), TypeError, "samples must hold real numbers"),
]


@pytest.mark.parametrize("name", AGAINST_REAL)
@pytest.mark.parametrize(("samples", "error", "match"), BAD)
def test_bad_samples(name, samples, error, match):
    with pytest.raises(error, match=match):
        AGAINST_REAL[name](normal(80, 6), samples, Generator(0))


@pytest.mark.parametrize("name", AGAINST_REAL)
def test_bad_real_data(name):
    real = normal(80, 6)
    real[3] = np.nan
    with pytest.raises(ValueError, match=r"(real|train) must be finite, but 1 of its 80 rows"):
        AGAINST_REAL[name](real, normal(30, 6), Generator(0))


@pytest.mark.parametrize("name", AGAINST_REAL)
def test_nothing_given_is_changed_and_containers_do_not_matter(name):
    real, samples = normal(80, 4), normal(30, 4, seed=1) + 0.5
    before = real.tobytes(), samples.tobytes()
    plain, *others = (
        AGAINST_REAL[name](wrap(real), wrap(samples), Generator(0), draws=2, halves=2)
        for wrap in (np.asarray, np.asfortranarray, mg.Tensor, lambda x: x.reshape(-1, 2, 2, 1))
    )
    assert (real.tobytes(), samples.tobytes()) == before
    for other in others:
        for p, q in zip(*(list(r.values()) if isinstance(r, dict) else [r] for r in (plain, other)), strict=True):
            assert q.value == pytest.approx(p.value, rel=1e-6)


@pytest.mark.parametrize("name", AGAINST_REAL)
def test_pixels_count_as_numbers(name):
    rng = np.random.default_rng(0)
    real, samples = rng.integers(0, 256, (80, 2, 2, 1), np.uint8), rng.integers(0, 256, (30, 2, 2, 1), np.uint8)
    as_bytes, as_floats = (
        AGAINST_REAL[name](real.astype(t), samples.astype(t), Generator(0), draws=2, halves=2)
        for t in (np.uint8, float)
    )
    assert as_bytes == as_floats


@pytest.mark.parametrize("effort", [{"draws": 0}, {"halves": 1}])
def test_too_little_effort(effort):
    with pytest.raises(ValueError, match="needs draws >= 1 and halves >= 2"):
        metrics.kid(normal(80, 6), normal(30, 6), Generator(0), **effort)


@pytest.mark.parametrize(
    ("samples", "centres", "sigma", "match"),
    [
        (normal(9, 3), normal(4, 2), 0.1, r"must be points in the plane, .* got \(9, 3\) and \(4, 2\)"),
        (normal(9, 2), normal(4, 3), 0.1, "must be points in the plane"),
        (normal(9, 2), normal(0, 2), 0.1, "centres holds 0 samples"),
        (normal(9, 2), np.full((4, 2), np.nan), 0.1, "centres must be finite"),
        (np.full((9, 2), np.nan), normal(4, 2), 0.1, "samples must be finite"),
        (normal(9, 2), normal(4, 2), 0, "sigma must be positive and finite, got 0"),
        (normal(9, 2), normal(4, 2), float("nan"), "sigma must be positive"),
        (normal(2, 2), normal(4, 2), 0.1, "samples holds 2 samples, expected at least 4"),
    ],
)
def test_bad_mixtures(samples, centres, sigma, match):
    with pytest.raises(ValueError, match=match):
        metrics.modes(samples, centres, sigma, Generator(0))
