"""The VAE in training: which bound it ascends, and that a run can go on and be drawn from."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

import minigan as mg
from minigan import data
from minigan.presets import Config
from minigan.random import Generator
from minigan.trainers.vae import VaeTrainer

TINY = Config(
    model="vae", data="digits-8x8", held_out=60, steps=6, batch_size=8, latent=4, generator_width=3, kernel=3,
    generator_lr=1e-3, beta1=0.9, schedule="linear",
)  # fmt: skip


@pytest.fixture(scope="module")
def digits():
    return data.load("digits-8x8")


def bits(arrays):
    return {name: array.tobytes() for name, array in arrays.items()}


@pytest.mark.parametrize(("output", "low"), [("tanh", -1.0), ("sigmoid", 0.0)])
def test_a_step_descends_the_negative_bound_of_images_in_the_range_of_the_likelihood(digits, output, low):
    config = replace(TINY, output=output)
    trainer, twin = VaeTrainer(config, digits), VaeTrainer(config, digits)
    (x,) = twin.loader.next_batch()
    assert (x.min(), x.max()) == (low, 1.0)
    noise = twin.noise.normal((8, 4))
    expected = -twin.vae.elbo(mg.Tensor(x), mg.Tensor(noise)).mean()
    twin.optimizer.lr = 1e-3
    twin.optimizer.step(mg.grad(expected, twin.vae.parameters()))
    assert trainer.step() == {"negative_elbo": expected.item()}
    assert bits(trainer.vae.state_dict()) == bits(twin.vae.state_dict())


def test_sigma_is_the_deviation_of_the_pixels(digits):
    wide, narrow = (VaeTrainer(replace(TINY, sigma=sigma), digits).step()["negative_elbo"] for sigma in (1.0, 0.1))
    assert narrow > 10 * wide > 0


def test_it_learns(digits):
    trainer = VaeTrainer(replace(TINY, steps=100, generator_lr=1e-2), digits)
    before = trainer.test()["test_negative_elbo"]
    for _ in range(100):
        trainer.step()
    assert trainer.test()["test_negative_elbo"] < 0.6 * before


def test_a_restored_trainer_goes_on_as_if_nothing_had_happened(digits):
    whole, first, second = (VaeTrainer(TINY, digits) for _ in range(3))
    reports = [whole.step() for _ in range(6)]
    for _ in range(3):
        first.step()
    arrays, state = first.state()
    second.step()  # anything that is not restored would show
    second.load_state(arrays, state)
    assert [second.step() for _ in range(3)] == reports[3:]
    assert bits(second.state()[0]) == bits(whole.state()[0])
    assert second.state()[1] == whole.state()[1]


def test_testing_and_drawing_change_nothing(digits, tmp_path):
    trainer = VaeTrainer(TINY, digits)
    trainer.step()
    arrays, state = trainer.state()
    assert trainer.test() == trainer.test()
    trainer.picture(tmp_path / "a.png")
    assert trainer.vae.training
    assert bits(trainer.state()[0]) == bits(arrays)
    assert trainer.state()[1] == state


def test_without_held_out_images_there_is_no_test(digits):
    assert VaeTrainer(replace(TINY, held_out=0), digits).test() == {}


def test_the_picture_shows_held_out_images_beside_reconstructions_and_below_samples(digits, tmp_path):
    trainer = VaeTrainer(TINY, digits)
    trainer.picture(tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as picture:
        picture = np.asarray(picture)
    assert picture.shape == (2 * (10 * (8 + 2) + 2), 2 * (10 * (8 + 2) + 2))
    x = trainer.source.held_out[0][:1]
    assert np.array_equal(picture[4:20:2, 4:20:2], data.to_uint8(x[0, ..., 0]))
    assert np.array_equal(picture[4:20:2, 24:40:2], data.to_uint8(trainer.reconstruct(x)[0, ..., 0]))


@pytest.mark.parametrize("output", ["tanh", "sigmoid"])
def test_samples_are_the_decoder_of_the_prior(digits, output):
    config = replace(TINY, output=output)
    trainer = VaeTrainer(config, digits)
    trainer.step()
    drawn = VaeTrainer.samples(config, *trainer.state(), 7, Generator(3))
    assert (drawn.shape, drawn.dtype) == ((7, 8, 8, 1), np.float32)
    trainer.vae.eval()
    decoded = trainer.vae(mg.Tensor(Generator(3).normal((7, 4)))).numpy()
    np.testing.assert_allclose(drawn, 2 * decoded - 1 if output == "sigmoid" else decoded, atol=1e-6)
    assert drawn.min() < 0
    with pytest.raises(ValueError, match="label 3: this VAE has no classes"):
        VaeTrainer.samples(config, *trainer.state(), 7, Generator(3), label=3)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"output": "linear"}, "model=vae needs output=tanh, for Gaussian pixels, or output=sigmoid"),
        ({"loss": "hinge"}, "loss belongs to model=dcgan or dense or residual or unet, got model=vae"),
        ({"sigma": 0.0}, "sigma must be a positive number, got 0"),
        ({"ema": 0.1}, "ema belongs to model="),
    ],
)
def test_settings_that_make_no_sense_are_refused(digits, changes, message):
    with pytest.raises(ValueError, match=message):
        VaeTrainer(replace(TINY, **changes), digits)
