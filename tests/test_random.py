"""Philox, its mapping to values, and the statistics of what comes out.

Statistical tests are z-scores at fixed seeds: with these seeds they are deterministic, and a generator with a
real defect of the size they look for is many sigmas away.
"""

import copy
import json
import math
import pickle
import random as python_random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minigan.backend import random as backend
from minigan.backend import random_values
from minigan.random import Generator, philox4x32

FULL = 0xFFFFFFFF
F32 = np.float32


def reference_philox(counter, key):
    """Philox4x32-10 as the paper writes it, on Python's integers."""
    x0, x1, x2, x3 = counter
    k0, k1 = key
    for _ in range(10):
        first, second = 0xD2511F53 * x0, 0xCD9E8D57 * x2
        x0, x1, x2, x3 = (second >> 32) ^ x1 ^ k0, second & FULL, (first >> 32) ^ x3 ^ k1, first & FULL
        k0, k1 = (k0 + 0x9E3779B9) & FULL, (k1 + 0xBB67AE85) & FULL
    return x0, x1, x2, x3


def reference_lanes(seed, first_block, blocks):
    key = (seed & FULL, seed >> 32)
    numbers = [(first_block + b) % 2**64 for b in range(blocks)]
    return [reference_philox((n & FULL, n >> 32, 0, 0), key) for n in numbers]


def reference_words(seed, first_block, blocks):
    lanes = reference_lanes(seed, first_block, blocks)
    return [low | high << 32 for x in lanes for low, high in (x[:2], x[2:])]


def z_of_mean(samples, mean, variance):
    return (np.mean(samples, dtype=np.float64) - mean) / math.sqrt(variance / samples.size)


def z_of_chi_square(counts):
    """Pearson's statistic against equal probabilities, as a z-score (normal approximation for many cells)."""
    expected, freedom = counts.sum() / counts.size, counts.size - 1
    return (((counts - expected) ** 2 / expected).sum() - freedom) / math.sqrt(2 * freedom)


# --- the bijection -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("counter", "key", "answer"),
    [
        ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
        ((FULL,) * 4, (FULL,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
        (
            (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
            (0xA4093822, 0x299F31D0),
            (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
        ),
    ],
)
def test_known_answers_of_random123(counter, key, answer):
    result = philox4x32(counter, key)
    assert result.dtype == np.uint32
    assert result.shape == (4,)
    assert tuple(result.tolist()) == answer == reference_philox(counter, key)


def test_a_batch_of_counters_keeps_its_shape_and_its_input():
    counters = np.random.default_rng(0).integers(0, 2**32, (2, 3, 4), dtype=np.uint32)
    before = counters.copy()
    result = philox4x32(counters, (1, 2))
    assert result.shape == (2, 3, 4)
    assert np.array_equal(counters, before)
    for index in np.ndindex(2, 3):
        assert tuple(result[index].tolist()) == reference_philox(counters[index].tolist(), (1, 2))
    assert philox4x32(np.zeros((0, 4), dtype=np.int64), (1, 2)).shape == (0, 4)


@pytest.mark.parametrize(
    ("counter", "key"),
    [
        ((0, 0, 0), (0, 0)),
        (0, (0, 0)),
        ((0, 0, 0, 0), (0, 0, 0)),
        ((0, 0, 0, 0), [[0, 0], [0, 0]]),
        ((0, 0, 0, 2**32), (0, 0)),
        ((0, 0, 0, -1), (0, 0)),
        ((0, 0, 0, 2**64), (0, 0)),
        ((0.0, 0, 0, 0), (0, 0)),
    ],
)
def test_philox_refuses_what_is_not_32_bit_words(counter, key):
    with pytest.raises(ValueError, match=r"philox4x32: the (counter|key) must"):
        philox4x32(counter, key)


# --- the mapping of bits to values, against a second implementation of the specification -------------------

SEED = 0x0123456789ABCDEF


def test_uniform_float32_follows_the_specification():
    expected = [(x >> 8) * 2.0**-24 for block in reference_lanes(SEED, 0, 5) for x in block][:18]
    assert np.array_equal(Generator(SEED).uniform(18), np.array(expected, dtype=F32))


def test_uniform_float64_follows_the_specification():
    expected = [(w >> 11) * 2.0**-53 for w in reference_words(SEED, 0, 5)][:9]
    assert np.array_equal(Generator(SEED).uniform(9, dtype=np.float64), expected)


def test_uniform_on_an_interval_follows_the_specification():
    unit, low, high = Generator(SEED).uniform(1000), F32(-0.3), F32(1.7)
    expected = np.minimum(unit * (high - low) + low, np.nextafter(high, low))
    assert np.array_equal(Generator(SEED).uniform(1000, -0.3, 1.7), expected)


def test_integers_follow_the_specification():
    words = reference_words(SEED, 0, 100)[:199]
    for low, high in [(-3, 7), (0, 2**32), (0, 3 * 10**9), (-(2**63), -(2**63) + 1000), (2**63 - 5, 2**63)]:
        expected = [low + (w * (high - low) >> 64) for w in words]
        assert Generator(SEED).integers(low, high, 199).tolist() == expected


def test_permutation_follows_the_specification():
    words = reference_words(SEED, 0, 50)[:99]
    assert Generator(SEED).permutation(99).tolist() == sorted(range(99), key=words.__getitem__)


def test_child_keys_follow_the_specification():
    children = Generator(SEED).spawn(3)
    for j, child in enumerate(children):
        assert child.state["key"] == list(reference_philox((j, 0, 0, 1), (SEED & FULL, SEED >> 32))[:2])


def test_normal_float32_follows_the_specification_to_the_bit():
    """Scalar float32 arithmetic, one rounding per operation, in the order that the specification gives."""
    expected = []
    for x0, x1, x2, x3 in reference_lanes(SEED, 0, 60):
        for x, y in ((x0, x1), (x2, x3)):
            r = np.sqrt(F32(-2) * reference_log(F32(x) * F32(2.0**-32) + F32(2.0**-33)))
            expected += [r * reference_cos(y), r * reference_cos((y - 2**30) % 2**32)]
    assert Generator(SEED).normal(240).tobytes() == np.array(expected, dtype=F32).tobytes()


def reference_horner(x, coefficients):
    result = F32(coefficients[0])
    for c in coefficients[1:]:
        result = result * x + F32(c)
    return result


def reference_log(u):
    bits = int(np.array(u).view(np.int32))
    exponent = (bits - 0x3F3504F3) >> 23
    m = np.array(bits - (exponent << 23), dtype=np.int32).view(F32)[()]
    s = (m - F32(1)) / (m + F32(1))
    return reference_horner(s * s, [2 / 9, 2 / 7, 2 / 5, 2 / 3, 2]) * s + F32(exponent) * F32(math.log(2))


def reference_cos(word):
    signed = word - 2**32 if word >= 2**31 else word
    angle = (F32(0.25) - abs(F32(signed)) * F32(2.0**-32)) * F32(2 * math.pi)
    series = [1 / math.factorial(13), -1 / math.factorial(11), 1 / math.factorial(9), -1 / math.factorial(7)]
    return reference_horner(angle * angle, [*series, 1 / 120, -1 / 6, 1]) * angle


def test_normal_float32_is_box_muller_to_rounding():
    lanes = philox4x32([(b, 0, 0, 0) for b in range(25_000)], (SEED & FULL, SEED >> 32)).astype(np.float64)
    radius = np.sqrt(-2 * np.log((lanes[:, 0::2] + 0.5) / 2**32))
    angle = lanes[:, 1::2] * (2 * math.pi / 2**32)
    expected = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=-1).reshape(-1)
    # u is rounded to 2^-24: near u = 1 that moves r = sqrt(-2 ln u) by up to about 2^-24 / r.
    assert np.abs(Generator(SEED).normal(100_000) - expected).max() < 1e-4
    assert np.abs(Generator(SEED).normal(100_000) - expected).mean() < 2e-7


def test_normal_float64_is_box_muller():
    u = np.array([(w >> 11) * 2.0**-53 for w in reference_words(SEED, 0, 100)]).reshape(-1, 2)
    radius, angle = np.sqrt(-2 * np.log(1 - u[:, 0])), 2 * math.pi * u[:, 1]
    expected = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1).reshape(-1)
    np.testing.assert_allclose(Generator(SEED).normal(200, dtype=np.float64), expected, rtol=1e-13, atol=1e-13)


def test_log_and_cosine_are_accurate_over_their_whole_range():
    u = np.concatenate([np.linspace(2.0**-33, 1, 200_001), 2.0 ** -np.linspace(0, 33, 50_001)]).astype(F32)
    exact = np.log(u.astype(np.float64))
    assert np.all(np.abs(random_values._log(u) - exact) <= 2.5e-7 * np.abs(exact))
    turns = np.arange(0, 2**32, 9973, dtype=np.int64).astype(np.uint32)
    assert np.abs(random_values._cos_turns(turns) - np.cos(turns * (2 * math.pi / 2**32))).max() < 2e-7


def test_the_first_values_of_a_seed_never_change():
    """Published numbers depend on the stream: whoever changes it must know."""
    assert Generator(2024).uniform(4).view(np.uint32).tolist() == [
        1058704235,
        1049198880,
        1065094825,
        1034630240,
    ]
    assert Generator(2024).normal(4).view(np.uint32).tolist() == [
        3186586216,
        1065317273,
        1042028693,
        1035267727,
    ]
    assert Generator(2024).integers(0, 1000, 4).tolist() == [268, 83, 435, 463]
    assert Generator(2024).permutation(6).tolist() == [4, 5, 1, 0, 2, 3]


# --- the stream: where a draw starts, and what it does not depend on ---------------------------------------

DRAWS = {
    "uniform": (4, lambda rng, n: rng.uniform(n)),
    "uniform64": (2, lambda rng, n: rng.uniform(n, dtype=np.float64)),
    "normal": (4, lambda rng, n: rng.normal(n)),
    "normal64": (2, lambda rng, n: rng.normal(n, dtype=np.float64)),
    "integers": (2, lambda rng, n: rng.integers(-5, 10**9, n)),
}
each_draw = pytest.mark.parametrize(("per_block", "draw"), DRAWS.values(), ids=DRAWS.keys())


@each_draw
@pytest.mark.parametrize("n", [0, 1, 2, 3, 4, 5, 8])
def test_a_draw_advances_by_whole_blocks(per_block, draw, n):
    rng = Generator(7)
    assert draw(rng, n).shape == (n,)
    assert rng.state["counter"] == math.ceil(n / per_block)


@each_draw
@settings(max_examples=25, deadline=None, derandomize=True)
@given(blocks=st.integers(0, 30), more=st.integers(0, 50))
def test_consecutive_draws_continue_the_stream(per_block, draw, blocks, more):
    rng, whole = Generator(7), draw(Generator(7), blocks * per_block + more)
    parts = [draw(rng, blocks * per_block), draw(rng, more)]
    assert np.array_equal(np.concatenate(parts), whole)


@each_draw
def test_values_do_not_depend_on_how_the_work_is_split(per_block, draw, monkeypatch):
    whole = draw(Generator(7), 1003)
    monkeypatch.setattr(backend, "_PASS", 13)
    assert np.array_equal(draw(Generator(7), 1003), whole)


def test_long_draws_agree_with_the_bare_function():
    n = 4 * (2 * backend._PASS + 3) + 1
    lanes = philox4x32([(b, 0, 0, 0) for b in range(n // 4 + 1)], (7, 0)).reshape(-1)[:n]
    assert np.array_equal(Generator(7).uniform(n), (lanes >> 8).astype(F32) * F32(2.0**-24))


@pytest.mark.parametrize("first", [2**32 - 2, 2**64 - 2])
def test_block_numbers_carry_and_wrap(first):
    rng = Generator(7)
    rng.set_state({"key": [7, 0], "counter": first, "spawned": 0})
    expected = [(x >> 8) * 2.0**-24 for block in reference_lanes(7, first, 5) for x in block]
    assert rng.uniform(20).tolist() == expected
    assert rng.state["counter"] == (first + 5) % 2**64


def global_states():
    return python_random.getstate(), np.random.get_state()[1].tolist()  # noqa: NPY002


def test_global_generators_are_neither_read_nor_written():
    np.random.seed(1)  # noqa: NPY002
    python_random.seed(1)
    before = global_states()
    first = Generator(3).normal(10)
    assert global_states() == before
    np.random.seed(2)  # noqa: NPY002
    python_random.seed(2)
    assert np.array_equal(Generator(3).normal(10), first)


# --- shapes, types, ranges, errors -------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(), (0,), (3, 0, 2), (2, 3), [2, 3], 5, np.int64(5), (np.int32(2), 1)])
def test_shapes(shape):
    expected = tuple(shape) if isinstance(shape, (tuple, list)) else (shape,)
    rng = Generator(1)
    for array in (rng.normal(shape), rng.uniform(shape), rng.integers(0, 3, shape)):
        assert isinstance(array, np.ndarray)
        assert array.shape == expected
        assert array.flags.c_contiguous
        assert array.flags.writeable


def test_dtypes():
    rng = Generator(1)
    assert rng.normal(3).dtype == rng.uniform(3).dtype == rng.uniform(3, -1, 1).dtype == np.float32
    assert rng.normal(3, np.float64).dtype == rng.uniform(3, dtype="float64").dtype == np.float64
    assert rng.integers(0, 2, 3).dtype == rng.permutation(3).dtype == np.int64


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_uniform_never_returns_high(dtype):
    """Intervals so narrow or so far from 0 that low + width * u would round up to high all the time."""
    for low, spacings in [(1, 1), (1, 2), (1e8, 1), (-1, 1), (2, 3), (-1e-3, 5)]:
        low = dtype(low)
        high = low
        for _ in range(spacings):
            high = np.nextafter(high, dtype(np.inf))
        values = Generator(5).uniform(5000, low, high, dtype)
        assert values.min() >= low
        assert values.max() < high


def test_largest_and_smallest_words_give_finite_values_in_range():
    words = np.array([0, 1, 2**30, 2**31 - 1, 2**31, 3 * 2**30, FULL - 128, FULL], dtype=np.uint64)
    even, odd = (np.tile(grid.reshape(-1), (2, 1)) for grid in np.meshgrid(words, words))
    for dtype, (width, write) in random_values.UNIFORM.items():
        out = np.empty((even.shape[1], width), dtype)
        write(even.copy(), odd.copy(), out)
        assert out.min() == 0
        assert 1 - 1e-6 < out.max() < 1
    for dtype, (width, write) in random_values.NORMAL.items():
        out = np.empty((even.shape[1], width), dtype)
        write(even.copy(), odd.copy(), out)
        assert np.isfinite(out).all()
        assert 6.7 < np.abs(out).max() < 8.6


@pytest.mark.parametrize("seed", [-1, 2**64, -(2**70)])
def test_seeds_out_of_range(seed):
    with pytest.raises(ValueError, match=r"seed must be from 0 to 2\*\*64 - 1, got"):
        Generator(seed)


@pytest.mark.parametrize("seed", [1.0, "1", None, True, np.float64(3), (1, 2)])
def test_seeds_that_are_no_integers(seed):
    with pytest.raises(TypeError, match="seed must be an integer, got"):
        Generator(seed)


def test_seeds_at_the_ends_and_from_numpy():
    draws = [Generator(seed).uniform(8).tolist() for seed in (0, 1, 2**32, 2**64 - 1)]
    assert len({tuple(draw) for draw in draws}) == 4
    assert Generator(np.uint8(1)).uniform(8).tolist() == draws[1]


@pytest.mark.parametrize(
    ("error", "call"),
    [
        (ValueError, lambda rng: rng.normal((2, -1))),
        (TypeError, lambda rng: rng.normal(2.0)),
        (TypeError, lambda rng: rng.normal(2, np.int32)),
        (TypeError, lambda rng: rng.uniform(2, dtype=np.float16)),
        (ValueError, lambda rng: rng.uniform(2, 1, 1)),
        (ValueError, lambda rng: rng.uniform(2, 1, 0)),
        (ValueError, lambda rng: rng.uniform(2, 0, math.inf)),
        (ValueError, lambda rng: rng.uniform(2, math.nan, 1)),
        (ValueError, lambda rng: rng.uniform(2, -3e38, 3e38)),
        (ValueError, lambda rng: rng.uniform(2, 1, 1 + 1e-12)),
        (ValueError, lambda rng: rng.integers(3, 3, 1)),
        (ValueError, lambda rng: rng.integers(0, 2**32 + 1, 1)),
        (ValueError, lambda rng: rng.integers(2**63, 2**63 + 1, 1)),
        (TypeError, lambda rng: rng.integers(0, 1.5, 1)),
        (ValueError, lambda rng: rng.permutation(-1)),
        (TypeError, lambda rng: rng.permutation(2.0)),
        (ValueError, lambda rng: rng.spawn(-1)),
        (ValueError, lambda rng: Generator(0, device="tpu")),
    ],
)
def test_bad_arguments_are_named_and_leave_the_stream_alone(error, call):
    rng = Generator(1)
    with pytest.raises(error, match="Generator"):
        call(rng)
    assert rng.state == Generator(1).state


# --- state and children ------------------------------------------------------------------------------------


def advanced():
    rng = Generator(2**40 + 3)
    rng.normal(10)
    rng.spawn(2)
    return rng


def test_state_survives_json_and_resumes_everything():
    rng, resumed = advanced(), Generator(0)
    resumed.set_state(json.loads(json.dumps(rng.state)))
    assert resumed.state == rng.state
    assert np.array_equal(resumed.normal(9), rng.normal(9))
    assert resumed.spawn().state == rng.spawn().state
    assert resumed.permutation(9).tolist() == rng.permutation(9).tolist()


def test_copies_and_pickles_are_independent_equals():
    rng = advanced()
    for twin in (copy.deepcopy(rng), pickle.loads(pickle.dumps(rng))):
        assert twin.state == rng.state
        twin.normal(4)
        assert twin.state != rng.state


@pytest.mark.parametrize(
    "state",
    [
        None,
        {},
        {"key": [1], "counter": 0, "spawned": 0},
        {"key": [1, 2], "counter": 0},
        {"key": [1, 2**32], "counter": 0, "spawned": 0},
        {"key": [1, 2], "counter": 2**64, "spawned": 0},
        {"key": [1, 2], "counter": 0, "spawned": -1},
        {"key": [1, 2], "counter": 0.5, "spawned": 0},
    ],
)
def test_bad_states_are_refused_and_change_nothing(state):
    rng = advanced()
    with pytest.raises(ValueError, match=r"Generator.set_state"):
        rng.set_state(state)
    assert rng.state == advanced().state


def test_spawning_leaves_the_parents_stream_alone():
    rng, undisturbed = Generator(1), Generator(1)
    rng.spawn(5)
    assert np.array_equal(rng.uniform(8), undisturbed.uniform(8))


def test_children_are_numbered_over_the_parents_life():
    rng = Generator(1)
    one_by_one = [rng.spawn(), *rng.spawn(2)]
    rng.uniform(3)
    one_by_one.append(rng.spawn())
    assert [child.state for child in one_by_one] == [child.state for child in Generator(1).spawn(4)]
    grandchildren = [child.spawn().state["key"] for child in one_by_one]
    keys = [child.state["key"] for child in one_by_one] + grandchildren + [rng.state["key"]]
    assert len({tuple(key) for key in keys}) == 9


# --- statistics --------------------------------------------------------------------------------------------

N = 400_000


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_uniform_moments(dtype):
    u = Generator(11).uniform(N, dtype=dtype)
    assert abs(z_of_mean(u, 1 / 2, 1 / 12)) < 4
    assert abs(z_of_mean(u**2, 1 / 3, 4 / 45)) < 4
    assert abs(z_of_mean(u[0::2] * u[1::2], 1 / 4, 7 / 144)) < 4


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_normal_moments_and_tails(dtype):
    x = Generator(12).normal(N, dtype=dtype).astype(np.float64)
    for power, mean, variance in [(1, 0, 1), (2, 1, 2), (3, 0, 15), (4, 3, 96)]:
        assert abs(z_of_mean(x**power, mean, variance)) < 4
    for bound in (0.5, 1, 2, 3, 4):
        tail = math.erfc(bound / math.sqrt(2))
        assert abs(z_of_mean(np.abs(x) > bound, tail, tail * (1 - tail))) < 4


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_normal_neighbours_are_independent(dtype):
    """Box-Muller makes a pair from one radius: neither the values nor their squares may be correlated."""
    x = Generator(13).normal(N, dtype=dtype).astype(np.float64)
    for lag in (1, 2, 3, 4):
        a, b = x[:-lag], x[lag:]
        assert abs(z_of_mean(a * b, 0, 1)) < 4
        assert abs(z_of_mean((a**2 - 1) * (b**2 - 1), 0, 4)) < 4


def test_normal_pairs_have_uniform_angles():
    x = Generator(14).normal((N, 2)).astype(np.float64)
    turns = np.arctan2(x[:, 1], x[:, 0]) / (2 * math.pi) % 1
    assert abs(z_of_chi_square(np.bincount((turns * 256).astype(int), minlength=256))) < 4


def test_bytes_of_every_lane_are_uniform():
    lanes = philox4x32([(b, 0, 0, 0) for b in range(50_000)], (15, 0))
    for lane in range(4):
        for shift in (0, 8, 16, 24):
            counts = np.bincount((lanes[:, lane] >> shift) & 0xFF, minlength=256)
            assert abs(z_of_chi_square(counts)) < 4


def test_flipping_one_input_bit_flips_half_of_the_output_bits():
    rng = np.random.default_rng(0)
    counters = rng.integers(0, 2**32, (2000, 4), dtype=np.uint32)
    for word in range(4):
        flipped = counters.copy()
        flipped[:, word] ^= np.uint32(1) << rng.integers(0, 32, 2000, dtype=np.uint32)
        change = philox4x32(counters, (1, 2)) ^ philox4x32(flipped, (1, 2))
        share = np.unpackbits(change.view(np.uint8)).astype(np.float64)
        assert abs(z_of_mean(share, 1 / 2, 1 / 4)) < 4


def test_spawned_and_neighbouring_streams_are_uncorrelated():
    parent = Generator(16)
    streams = [parent, *parent.spawn(3), *[Generator(seed) for seed in (17, 18, 16 + 2**32)]]
    draws = np.stack([stream.normal(100_000).astype(np.float64) for stream in streams])
    z = (draws @ draws.T) / math.sqrt(draws.shape[1])
    assert np.abs(z[~np.eye(len(streams), dtype=bool)]).max() < 4


def test_integers_are_uniform_and_within_bounds():
    values = Generator(19).integers(-3, 7, N)
    assert values.min() == -3
    assert values.max() == 6
    assert abs(z_of_chi_square(np.bincount(values + 3, minlength=10))) < 4


def test_permutations_are_permutations_and_uniform():
    rng = Generator(20)
    for n in (0, 1, 2, 1000):
        assert sorted(rng.permutation(n).tolist()) == list(range(n))
    orders = [tuple(rng.permutation(4).tolist()) for _ in range(4800)]
    counts = np.array([orders.count(order) for order in sorted(set(orders))])
    assert counts.size == 24
    assert abs(z_of_chi_square(counts)) < 4
