"""The loader: which samples, in which order, and exactly where it resumes."""

import json
import math
from itertools import chain, islice

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minigan.data import Dataset, Loader, Stream, ring, scale
from minigan.random import Generator


def loader(n=10, batch_size=3, seed=1, **options):
    return Loader(np.arange(n), batch_size, Generator(seed), **options)


def take(batches, count):
    return [batch.tolist() for batch in islice(batches, count)]


def endless(source):
    while True:
        yield source.next_batch()


# --- epochs ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("n", "batch_size"), [(10, 3), (9, 3), (5, 5), (5, 1), (7, 4), (1, 1)])
def test_an_epoch_visits_every_sample_at_most_once(n, batch_size):
    source = loader(n, batch_size)
    for epoch in range(3):
        assert (source.epoch, source.position) == (epoch, 0)
        batches = take(source, n + 1)  # more than there are
        assert [len(batch) for batch in batches] == [batch_size] * (n // batch_size)
        assert len(batches) == len(source)
        assert len(set(chain(*batches))) == n // batch_size * batch_size


@pytest.mark.parametrize(("n", "batch_size"), [(10, 3), (9, 3), (5, 5), (7, 4)])
def test_without_drop_last_an_epoch_visits_every_sample_exactly_once(n, batch_size):
    source = loader(n, batch_size, drop_last=False)
    for epoch in range(3):
        assert source.epoch == epoch
        batches = take(source, n + 1)  # more than there are
        assert len(batches) == len(source) == math.ceil(n / batch_size)
        assert all(len(batch) == batch_size for batch in batches[:-1])
        assert batches[-1]
        assert sorted(chain(*batches)) == list(range(n))


@pytest.mark.parametrize("drop_last", [True, False])
def test_next_batch_runs_on_across_epochs(drop_last):
    by_epoch = loader(drop_last=drop_last)
    expected = [batch.tolist() for _ in range(3) for batch in by_epoch]
    assert take(endless(loader(drop_last=drop_last)), len(expected)) == expected


def test_epoch_and_position_at_every_batch():
    source = loader(10, 3)
    seen = [(source.next_batch(), source.epoch, source.position)[1:] for _ in range(7)]
    assert seen == [(0, 3), (0, 6), (1, 0), (1, 3), (1, 6), (2, 0), (2, 3)]
    source = loader(10, 3, drop_last=False)
    seen = [(source.next_batch(), source.epoch, source.position)[1:] for _ in range(5)]
    assert seen == [(0, 3), (0, 6), (0, 9), (1, 0), (1, 3)]


def test_iterating_finishes_the_epoch_it_is_in():
    source, whole = loader(), list(loader())
    source.next_batch()
    assert take(source, 10) == take(whole[1:], 10)
    assert (source.epoch, source.position) == (1, 0)


# --- order -------------------------------------------------------------------------------------------------


def test_epochs_and_seeds_have_different_orders_and_equal_seeds_the_same():
    source = loader(50, 50)
    first, second = take(endless(source), 2)
    assert first != second
    assert first != list(range(50))
    assert take(loader(50, 50), 1)[0] == first != take(loader(50, 50, seed=2), 1)[0]


def test_the_order_is_independent_of_other_draws_from_the_generator():
    rng = Generator(1)
    source, batches = Loader(np.arange(10), 3, rng), []
    for _ in range(9):
        rng.normal(5)
        rng.spawn()
        batches.append(source.next_batch().tolist())
    assert batches == take(endless(loader()), 9)


def test_two_loaders_of_one_generator_differ():
    rng = Generator(1)
    one, two = Loader(np.arange(50), 50, rng), Loader(np.arange(50), 50, rng)
    assert one.next_batch().tolist() != two.next_batch().tolist()


def test_every_sample_is_equally_likely_to_be_first_and_to_be_dropped():
    source, first, visits = loader(8, 3), np.zeros(8), np.zeros(8)
    for _ in range(2000):
        batches = list(source)
        first[batches[0][0]] += 1
        visits[np.concatenate(batches)] += 1
    for counts, p in [(first, 1 / 8), (visits, 6 / 8)]:
        assert np.abs((counts - 2000 * p) / math.sqrt(2000 * p * (1 - p))).max() < 4


# --- batches -----------------------------------------------------------------------------------------------


def test_structure_and_alignment_are_kept():
    images, labels = np.arange(20).reshape(10, 2), np.arange(10) * 2
    pair = Loader((images, labels), 3, Generator(1)).next_batch()
    listed = Loader([images, labels], 3, Generator(1)).next_batch()
    named = Loader({"x": images, "y": labels}, 3, Generator(1)).next_batch()
    assert isinstance(pair, tuple)
    assert isinstance(listed, tuple)
    assert list(named) == ["x", "y"]
    for x, y in (pair, listed, named.values()):
        assert x.shape == (3, 2)
        assert x[:, 0].tolist() == y.tolist()


def test_batches_are_fresh_arrays():
    data = np.arange(10)
    source = Loader(data, 3, Generator(1))
    kept = source.next_batch()
    values = kept.tolist()
    source.next_batch()
    assert kept.tolist() == values
    kept[:] = -1
    assert data.tolist() == list(range(10))


def test_transform_makes_the_batch():
    images = np.random.default_rng(0).integers(0, 256, (6, 4, 4, 1), dtype=np.uint8)
    plain, scaled = Loader(images, 2, Generator(1)), Loader(images, 2, Generator(1), transform=scale)
    batch = scaled.next_batch()
    assert batch.dtype == np.float32
    assert np.array_equal(batch, scale(plain.next_batch()))
    both = Loader((images, np.arange(6)), 2, Generator(1), transform=lambda pair: (scale(pair[0]), pair[1]))
    assert np.array_equal(both.next_batch()[0], batch)


def test_a_dataset_stands_for_its_images():
    images = np.random.default_rng(0).integers(0, 256, (6, 4, 4, 1), dtype=np.uint8)
    dataset = Dataset(images, np.arange(6), "toy", "here", "MIT")
    expected = Loader(images, 2, Generator(1), transform=scale).next_batch()
    assert np.array_equal(Loader(dataset, 2, Generator(1), transform=scale).next_batch(), expected)


# --- resume ------------------------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None, derandomize=True)
@given(data=st.data(), n=st.integers(1, 12), drop_last=st.booleans(), steps=st.integers(0, 20))
def test_a_resumed_loader_gives_exactly_the_following_batches(data, n, drop_last, steps):
    batch_size = data.draw(st.integers(1, n))
    source = loader(n, batch_size, drop_last=drop_last)
    take(endless(source), steps)
    state = json.loads(json.dumps(source.state_dict()))
    following = take(endless(source), 20)
    resumed = loader(n, batch_size, seed=99, drop_last=drop_last)
    resumed.next_batch()
    resumed.load_state_dict(state)
    assert resumed.state_dict() == state
    assert take(endless(resumed), 20) == following
    assert (resumed.epoch, resumed.position) == (source.epoch, source.position)


def test_a_state_is_a_snapshot():
    source = loader()
    source.next_batch()
    state = source.state_dict()
    before = json.dumps(state)
    take(endless(source), 10)
    assert json.dumps(state) == before


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"samples": 11}, "samples is 10 here, 11 in the state"),
        ({"batch_size": 4}, "batch_size is 3 here, 4"),
        ({"drop_last": False}, "drop_last is True here, False"),
        ({"position": 1}, "no batch starts at epoch 0, position 1"),
        ({"position": 9}, "no batch starts at epoch 0, position 9"),
        ({"position": -3}, "no batch starts"),
        ({"epoch": -1}, "no batch starts at epoch -1"),
        ({"generator": {}}, "set_state"),
        ({"extra": 1}, "expected a dict of"),
    ],
)
def test_states_that_do_not_fit_are_refused_and_change_nothing(change, match):
    source = loader()
    source.next_batch()
    before = source.state_dict()
    with pytest.raises(ValueError, match=match):
        source.load_state_dict(before | change)
    with pytest.raises(ValueError, match="expected a dict of"):
        source.load_state_dict(None)
    assert source.state_dict() == before
    assert take(source, 9) == take(list(loader())[1:], 9)


# --- errors ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("batch_size", [0, -1, 11])
@pytest.mark.parametrize("drop_last", [True, False])
def test_batch_sizes_out_of_range(batch_size, drop_last):
    with pytest.raises(ValueError, match=f"batch_size must be from 1 to the 10 samples, not {batch_size}"):
        loader(10, batch_size, drop_last=drop_last)


def test_batch_sizes_that_are_no_integers():
    with pytest.raises(TypeError):
        loader(10, 2.5)


@pytest.mark.parametrize(
    "arrays",
    [
        (np.zeros(3), np.zeros(4)),
        {"x": np.zeros((3, 2)), "y": np.zeros(2)},
        np.zeros((0, 2)),
        np.float32(1),
        (np.zeros(3), np.float32(1)),
        (),
        {},
    ],
)
def test_arrays_without_a_common_first_axis(arrays):
    with pytest.raises(ValueError, match="must share a first axis of at least 1 sample, got shapes"):
        Loader(arrays, 1, Generator(1))


def test_a_seed_stands_for_its_generator_and_numpy_generators_are_refused_by_name():
    assert take(Loader(np.arange(10), 3, 1), 3) == take(loader(), 3)
    for make in (lambda rng: Loader(np.arange(10), 3, rng), lambda rng: Stream(ring(), 3, rng)):
        with pytest.raises(TypeError, match=r"rng must be a minigan.random.Generator, .* got numpy's Generator"):
            make(np.random.default_rng(0))


def test_a_loader_says_where_it_is():
    loader = Loader(np.zeros((1200, 2)), 100, 0)
    loader.next_batch()
    assert repr(loader) == "Loader(1,200 samples, batch_size=100, epoch 0, position 100)"
