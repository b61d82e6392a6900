"""Translation in training: what the networks see, what they minimise, and that a run can go on and be drawn from."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

import minigan as mg
from minigan import data
from minigan.data import paired
from minigan.presets import Config
from minigan.random import Generator
from minigan.trainers.translation import STEEP, TranslationTrainer, pairs

TINY = Config(
    model="unet", data="digits-8x8", held_out=60, steps=6, batch_size=8, depth=2, generator_width=3, critic_width=3,
    l1_weight=10.0, generator_lr=1e-3, critic_lr=1e-3, schedule="linear",
)  # fmt: skip


@pytest.fixture(scope="module")
def digits():
    return data.load("digits-8x8")


def bits(arrays):
    return {name: array.tobytes() for name, array in arrays.items()}


def test_gray_digits_become_digits_of_their_colour(digits):
    x, y = pairs(TINY, digits)
    assert np.array_equal(x, digits.images)
    assert np.array_equal(y, paired.color_digits(digits.images, digits.labels)[1])


def test_colour_images_come_from_their_brightness_and_drawings_from_steep_edges(digits):
    rgb = replace(digits, images=paired.color_digits(digits.images, digits.labels)[1], labels=None)
    x, y = pairs(TINY, rgb)
    assert np.array_equal(x, paired.luma(rgb.images))
    assert y is rgb.images or np.array_equal(y, rgb.images)
    x, y = pairs(replace(TINY, task="edges"), digits)
    assert np.array_equal(x, paired.edge_map(digits.images, STEEP))
    assert np.array_equal(y, digits.images)


def test_sides_that_cannot_be_halved_are_continued():
    images = np.arange(4 * 6 * 9, dtype=np.uint8).reshape(4, 6, 9, 1)
    odd = data.Dataset(images, np.arange(4), "odd", "", "")
    x, y = pairs(replace(TINY, depth=3), odd)
    assert (x.shape, y.shape) == ((4, 8, 16, 1), (4, 8, 16, 3))
    assert np.array_equal(x[:, 1:7, 3:12], images)
    assert np.array_equal(x[:, 0, 3:12], images[:, 0])
    assert np.array_equal(x[:, 1:7, 15], images[:, :, 8])


def test_held_out_pairs_are_never_trained_on(digits):
    trainer = TranslationTrainer(TINY, digits)
    kept = {(x.tobytes(), y.tobytes()) for x, y in zip(*trainer.held_out, strict=True)}
    seen = {(x.tobytes(), y.tobytes()) for batch in trainer.loader for x, y in zip(*batch, strict=True)}
    both = {(x.tobytes(), y.tobytes()) for x, y in zip(*map(data.scale, pairs(TINY, digits)), strict=True)}
    assert len(trainer.held_out[0]) == 60
    assert kept <= both
    assert not kept & seen


@pytest.mark.parametrize("adversary", [True, False])
def test_a_step_descends_the_loss_plus_the_weighted_distance_to_the_target(digits, adversary):
    trainer, twin = (TranslationTrainer(replace(TINY, adversary=adversary), digits) for _ in range(2))
    critic = bits(trainer.critic.state_dict())
    x, y = twin.loader.next_batch()
    distance = 10 * abs(twin.generator.body(mg.Tensor(x)) - mg.Tensor(y)).mean().item()
    report = trainer.step()
    assert report["content"] == pytest.approx(distance, rel=1e-5)
    assert (bits(trainer.critic.state_dict()) != critic) == adversary
    assert set(report) == ({"critic_loss", "generator_loss", "content"} if adversary else {"content"})


def test_both_judges_matter(digits):
    """The same step with another weight of the distance, and without the adversary, leads elsewhere."""
    configs = [TINY, replace(TINY, l1_weight=1.0), replace(TINY, adversary=False)]
    trainers = [TranslationTrainer(config, digits) for config in configs]
    for trainer in trainers:
        trainer.step()
    assert len({trainer.generator.state_dict()["body.out.conv.weight"].tobytes() for trainer in trainers}) == 3


def test_the_learning_rates_fall(digits):
    trainer = TranslationTrainer(replace(TINY, critic_lr=5e-4), digits)
    for _ in range(4):
        trainer.step()
    optimizers = trainer.game.generator_optimizer, trainer.game.critic_optimizer
    assert [o.lr for o in optimizers] == pytest.approx([1e-3 / 2, 5e-4 / 2])


def test_it_learns(digits):
    trainer = TranslationTrainer(replace(TINY, steps=80, generator_lr=1e-2, adversary=False), digits)
    before = trainer.test()["test_l1"]
    for _ in range(80):
        trainer.step()
    assert trainer.test()["test_l1"] < 0.4 * before


def test_without_tanh_nothing_bounds_the_network_but_translations_are_images(digits):
    trainer = TranslationTrainer(replace(TINY, output="linear"), digits)
    bias = trainer.generator.body.out.conv.bias
    bias.assign_(np.array([-50, 0, 50], np.float32))
    x = trainer.held_out[0][:4]
    assert abs(trainer.generator.body(mg.Tensor(x)).numpy()).max() > 40
    translated = trainer.translate(x)
    assert (translated[..., 0] == -1).all()
    assert (translated[..., 2] == 1).all()


def test_a_restored_trainer_goes_on_as_if_nothing_had_happened(digits):
    whole, first, second = (TranslationTrainer(TINY, digits) for _ in range(3))
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
    trainer = TranslationTrainer(TINY, digits)
    trainer.step()
    before = bits(trainer.state()[0])
    assert trainer.test() == trainer.test()
    trainer.picture(tmp_path / "a.png")
    assert trainer.generator.training
    assert bits(trainer.state()[0]) == before


def test_the_picture_shows_input_translation_and_target(digits, tmp_path):
    trainer = TranslationTrainer(TINY, digits)
    trainer.picture(tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as picture:
        picture = np.asarray(picture)
    assert picture.shape == (2 * (10 * (8 + 2) + 2), 2 * (12 * (8 + 2) + 2), 3)
    cells = [picture[4:20:2, left : left + 16 : 2] for left in (4, 24, 44)]  # every pixel is two by two
    x, y = (data.to_uint8(part[0]) for part in trainer.held_out)
    assert np.array_equal(cells[0], np.broadcast_to(x, y.shape))
    assert np.array_equal(cells[1], data.to_uint8(trainer.translate(trainer.held_out[0][:1])[0]))
    assert np.array_equal(cells[2], y)


def test_samples_are_held_out_inputs_beside_their_translations(digits):
    trainer = TranslationTrainer(TINY, digits)
    trainer.step()
    drawn = TranslationTrainer.samples(TINY, *trainer.state(), 60, Generator(3))
    assert (drawn.shape, drawn.dtype) == ((60, 8, 16, 3), np.float32)
    x = drawn[:, :, :8, :1]
    assert sorted(i.tobytes() for i in x) == sorted(i.tobytes() for i in trainer.held_out[0])
    np.testing.assert_allclose(drawn[:, :, 8:], trainer.translate(x), atol=1e-6)


def test_what_samples_refuse(digits):
    state = TranslationTrainer(TINY, digits).state()
    with pytest.raises(ValueError, match="n is 61, but this run held out only 60 inputs"):
        TranslationTrainer.samples(TINY, *state, 61, Generator(0))
    with pytest.raises(ValueError, match="label 3: a translation starts from a held-out input"):
        TranslationTrainer.samples(TINY, *state, 1, Generator(0), label=3)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"held_out": 0}, "model=unet needs held_out"),
        ({"penalty": "r1"}, "penalty belongs to model=dcgan or dense or residual, got model=unet"),
        ({"output": "sigmoid"}, "needs output=tanh or linear, got sigmoid"),
        ({"sigma": 0.1}, "sigma belongs to model=vae, got model=unet"),
        ({"l1_weight": 0.0}, "l1_weight must be a positive number, got 0"),
        ({"model": "dcgan", "task": "edges", "depth": 2}, "task belongs to model=unet, got model=dcgan"),
    ],
)
def test_settings_that_make_no_sense_are_refused(digits, changes, message):
    with pytest.raises(ValueError, match=message):
        TranslationTrainer(replace(TINY, **changes), digits)


def test_gray_images_without_classes_cannot_be_coloured(digits):
    with pytest.raises(ValueError, match=r"task color needs RGB images.* has 1 channel and 0 classes"):
        TranslationTrainer(TINY, replace(digits, labels=None))
