"""The stream: a loader's face on a distribution, resumable to the bit."""

import json

import numpy as np
import pytest

from minigan.data import Loader, StackedDigits, Stream, grid, load, ring, scale
from minigan.random import Generator


def stream(seed=1, **options):
    return Stream(ring(), 4, Generator(seed), **options)


def take(source, count):
    return [source.next_batch().tolist() for _ in range(count)]


def test_batches_are_fresh_samples():
    batches = take(stream(), 3)
    assert np.shape(batches) == (3, 4, 2)
    assert len({tuple(point) for batch in batches for point in batch}) == 12
    assert take(stream(), 3) == batches
    assert take(stream(seed=2), 3) != batches
    assert np.array_equal(batches[0], ring().sample(4, Generator(1).spawn()))


def test_other_draws_from_the_generator_change_nothing():
    rng = Generator(1)
    source, batches = Stream(ring(), 4, rng), []
    for _ in range(3):
        rng.normal(5)
        rng.spawn()
        batches += take(source, 1)
    assert batches == take(stream(), 3)
    assert take(Stream(ring(), 4, rng), 3) != batches


def test_transform_makes_the_batch():
    toy = grid()
    plain, scaled = Stream(toy, 5, Generator(1)), Stream(toy, 5, Generator(1), transform=lambda x: x / toy.scale)
    batch = scaled.next_batch()
    assert batch.dtype == np.float32
    assert np.allclose(batch * toy.scale, plain.next_batch(), rtol=1e-6)


def test_images_with_labels_stream_as_pairs():
    stacked = StackedDigits(load("digits-8x8"))
    images, labels = Stream(stacked, 6, Generator(1), transform=lambda pair: (scale(pair[0]), pair[1])).next_batch()
    assert images.shape == (6, 8, 8, 3)
    assert images.min() == -1
    assert labels.shape == (6,)


@pytest.mark.parametrize("steps", [0, 1, 5])
def test_a_resumed_stream_gives_exactly_the_following_batches(steps):
    source = stream()
    take(source, steps)
    state = json.loads(json.dumps(source.state_dict()))
    following = take(source, 4)
    resumed = stream(seed=9)
    resumed.next_batch()
    resumed.load_state_dict(state)
    assert resumed.position == 4 * steps
    assert resumed.state_dict() == state
    assert take(resumed, 4) == following


def test_a_stream_can_stand_where_a_loader_does():
    face = {"next_batch", "state_dict", "load_state_dict", "batch_size", "transform", "position"}
    for source in (stream(), Loader(np.arange(9), 4, Generator(1))):
        assert face <= set(dir(source))


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"batch_size": 5}, "batch_size is 4 here, 5 in the state"),
        ({"position": 3}, "no batch starts at position 3"),
        ({"position": -4}, "no batch starts at position -4"),
        ({"position": 4.0}, "no batch starts at position 4.0"),
        ({"generator": {}}, "set_state"),
        ({"extra": 1}, "expected a dict of"),
    ],
)
def test_states_that_do_not_fit_are_refused_and_change_nothing(change, match):
    source = stream()
    source.next_batch()
    before = source.state_dict()
    with pytest.raises(ValueError, match=match):
        source.load_state_dict(before | {"position": 8} | change)
    with pytest.raises(ValueError, match="expected a dict of"):
        source.load_state_dict(None)
    assert source.state_dict() == before


def test_batch_sizes_out_of_range():
    for batch_size in (0, -1):
        with pytest.raises(ValueError, match=f"batch_size must be at least 1, not {batch_size}"):
            Stream(ring(), batch_size, Generator(1))
    with pytest.raises(TypeError):
        Stream(ring(), 2.5, Generator(1))
