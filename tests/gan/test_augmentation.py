"""Differentiable augmentation: what each transformation does, its distribution, its gradients, refusals."""

import numpy as np
import pytest

import minigan as mg
from minigan import nn
from minigan.gan import Augment, augmentation, penalties
from minigan.random import Generator

NAMES = list(augmentation.TRANSFORMATIONS)
IMAGES = (3, 8, 6, 2)


def normal(shape=IMAGES, seed=0, dtype="float64"):
    return Generator(seed).normal(shape, dtype)


def fixed(policy, seed=1):
    """The augmentation with the same draw at every call."""
    return lambda x: Augment(policy, rng=Generator(seed))(x)


@pytest.mark.parametrize("policy", [*NAMES, "color,translation,cutout"])
def test_the_gradient_reaches_the_input(policy):
    x, v, u, f = mg.tensor(normal(), requires_grad=True), normal(seed=2), normal(seed=3), fixed(policy)
    mg.check.gradcheck(lambda x: mg.ops.tanh(f(x)), [normal((2, 4, 5, 2))], order=2)
    (g,) = mg.grad(f(x), [x], u)
    exact = (u * mg.check.complex_step(f, x.numpy(), v)).sum()
    assert abs((g.numpy() * v).sum() - exact) < 1e-12 * abs(exact)


@pytest.mark.parametrize("policy", NAMES)
def test_every_image_has_its_own_draw_and_every_call_a_new_one(policy):
    image = normal((1, 8, 8, 2))
    augment = Augment(policy, rng=Generator(0))
    first, second = (augment(np.repeat(image, 40, axis=0)) for _ in range(2))
    assert len(np.unique(first, axis=0)) > 6  # translation by -1, 0 or 1 has nine results
    assert not np.array_equal(first, second)
    assert first.dtype == np.float64
    again = Augment(policy, rng=Generator(0))(np.repeat(image, 40, axis=0))
    assert np.array_equal(first, again)


@pytest.mark.parametrize("policy", [*NAMES, "color,translation,cutout"])
def test_float32_stays_and_arrays_and_tensors_agree(policy):
    x = normal(dtype="float32")
    array, tensor = fixed(policy)(x), fixed(policy)(mg.tensor(x))
    assert isinstance(array, np.ndarray)
    assert array.dtype == tensor.dtype == np.float32
    assert np.array_equal(array, tensor.numpy())


def test_brightness_adds_one_number_to_each_image_between_minus_and_plus_a_half():
    x = normal((4000, 2, 2, 1))
    added = (augmentation.brightness(x, Generator(0)) - x).reshape(4000, -1)
    assert np.ptp(added, axis=1).max() < 1e-12
    assert -0.5 <= added.min() < -0.49
    assert 0.49 < added.max() <= 0.5
    assert abs(added.mean()) < 4 * np.sqrt(1 / 12 / 4000)


@pytest.mark.parametrize(
    ("name", "axis", "low", "high"), [("contrast", (1, 2, 3), 0.5, 1.5), ("saturation", 3, 0.0, 2.0)]
)
def test_contrast_and_saturation_scale_distances_from_a_mean(name, axis, low, high):
    x = normal((4000, 2, 2, 3))
    y = augmentation.TRANSFORMATIONS[name](x, Generator(0))
    np.testing.assert_allclose(y.mean(axis), x.mean(axis), atol=1e-12)
    centred = x - x.mean(axis, keepdims=True)
    factors = ((y - y.mean(axis, keepdims=True)) / centred).reshape(4000, -1)
    assert np.ptp(factors, axis=1).max() < 1e-6
    assert low <= factors.min() + 1e-9
    assert factors.max() <= high + 1e-9
    assert np.ptp(factors[:, 0]) > 0.98 * (high - low)
    assert abs(factors[:, 0].mean() - (low + high) / 2) < 4 * (high - low) * np.sqrt(1 / 12 / 4000)


def test_saturation_leaves_gray_images_alone():
    x = normal((3, 4, 4, 1))
    np.testing.assert_allclose(augmentation.saturation(x, Generator(0)), x, atol=1e-15)


def test_translation_moves_whole_images_and_zeros_come_in():
    """A single bright pixel shows the shift; all shifts of up to an eighth are equally likely."""
    x = np.zeros((5000, 16, 8, 1))
    x[:, 7, 4] = 1
    y = augmentation.translation(x, Generator(0))
    n, row, column, _ = np.nonzero(y)
    assert np.array_equal(n, np.arange(5000))
    assert set(row - 7) == {-2, -1, 0, 1, 2}
    assert set(column - 4) == {-1, 0, 1}
    counts = np.unique((row - 7) * 10 + (column - 4), return_counts=True)[1]
    assert len(counts) == 15
    assert ((counts - 5000 / 15) ** 2 / (5000 / 15)).sum() < 40  # chi-squared with 14 degrees: beyond once in 4,000


def test_translation_against_a_loop():
    x = normal((20, 8, 8, 2))
    shifts = np.stack([Generator(5).integers(-1, 2, (20,))] * 2, axis=1)
    moved = augmentation._translate(x, shifts=shifts)
    for image, result, (dy, dx) in zip(x, moved, shifts, strict=True):
        padded = np.pad(image, ((1, 1), (1, 1), (0, 0)))
        assert np.array_equal(result, padded[1 - dy : 9 - dy, 1 - dx : 9 - dx])


def test_the_adjoint_of_moving_is_moving_back():
    shifts = np.array([[2, -1], [-9, 3], [0, 0]])  # the second leaves the frame
    mg.check.adjoint_test(
        lambda x: augmentation._translate(x, shifts=shifts),
        lambda y: augmentation._translate(y, shifts=-shifts),
        normal(),
        normal(seed=1),
    )


@pytest.mark.parametrize("side", [8, 7])
def test_cutout_is_a_rectangle_whose_centre_may_be_anywhere(side):
    y = augmentation.cutout(np.ones((4000, side, 2 * side, 2)), Generator(0))
    height, width = int(side / 2 + 0.5), side
    assert np.array_equal(y[..., 0], y[..., 1])
    holes = y[..., 0] == 0
    rows, columns = holes.any(axis=2), holes.any(axis=1)
    assert np.array_equal(holes, rows[:, :, None] & columns[:, None, :])
    for strip, full in ((rows, height), (columns, width)):
        assert strip.sum(1).max() == full
        assert strip.sum(1).min() == -(-full // 2)
        assert ((np.diff(strip.astype(int), axis=1) != 0).sum(1) <= 2).all()
    centre = rows[:, side // 2].mean()
    assert abs(centre - height / (side + 1 - height % 2)) < 4 * np.sqrt(0.25 / 4000)


def test_real_and_generated_images_are_drawn_from_one_distribution():
    """First layer of a critic: the same images on either side give scores of one mean and spread."""
    critic = nn.Sequential(
        augment=Augment(rng=Generator(0)), flatten=nn.Flatten(), out=nn.Linear(64, 1, rng=Generator(1), dtype="float64")
    )
    images = np.repeat(normal((1, 8, 8, 1)), 3000, axis=0)
    real, fake = critic(images)[:, 0].numpy(), critic(images)[:, 0].numpy()
    error = np.sqrt(real.var() / 3000 + fake.var() / 3000)
    assert real.std() > 0.05
    assert abs(real.mean() - fake.mean()) < 4 * error
    assert abs(real.std() / fake.std() - 1) < 0.1
    assert [name for name, _ in critic.named_parameters()] == ["out.weight", "out.bias"]


def test_evaluation_leaves_images_alone():
    augment, x = Augment(rng=Generator(0)), normal()
    augment.eval()
    assert augment(x) is x
    assert augment.rng.state == Generator(0).state


def test_a_penalty_may_be_taken_through_it():
    critic = nn.Sequential(Augment(rng=Generator(0)), nn.Flatten(), nn.Linear(96, 1, rng=Generator(1), dtype="float64"))
    assert penalties.r1(critic, normal()).item() > 0


def test_policies():
    assert Augment("color, cutout", rng=Generator(0)).policy == ("brightness", "saturation", "contrast", "cutout")
    x = normal((2, 8, 8, 1))
    once = augmentation.cutout(augmentation.translation(x, rng := Generator(3)), rng)
    assert np.array_equal(fixed("translation,cutout", 3)(x), once)
    with pytest.raises(ValueError, match=r"unknown transformation 'cutoff'; did you mean 'cutout'\?"):
        Augment("translation,cutoff", rng=Generator(0))
    with pytest.raises(ValueError, match=r"needs images \(N, H, W, C\), got shape \(3, 4\)"):
        Augment(rng=Generator(0))(np.ones((3, 4)))
