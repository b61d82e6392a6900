"""The pictures of a run: which there are, that they are of the right networks and data, and that little is enough."""

import os
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from minigan import data, gan, models, optim, viz
from minigan.cli import main
from minigan.presets import Config
from minigan.random import Generator
from minigan.runs import Run, RunError, draw, gallery, train
from minigan.tensor import Tensor
from minigan.trainers import trainer_for

IMAGES = Config(
    data="digits-8x8", steps=3, batch_size=8, latent=4, generator_width=2, critic_width=2, kernel=3,
    conditional=True, critic_norm=True, generator_lr=0.1, ema=0.5, output="sigmoid",
)  # fmt: skip
POINTS = Config(
    data="ring", model="dense", output="linear", steps=2, batch_size=8, latent=2, generator_width=4, critic_width=4,
    penalty="r1",
)  # fmt: skip
VAE = Config(
    data="digits-8x8", model="vae", steps=2, batch_size=8, latent=4, generator_width=2, kernel=3, held_out=60,
    output="sigmoid",
)  # fmt: skip
TRANSLATION = Config(
    data="digits-8x8", model="unet", task="edges", steps=2, batch_size=8, depth=1, generator_width=2, critic_width=2,
    held_out=60,
)  # fmt: skip
HISTORY = {"curves.png", "training.gif"}
LATENT = {"samples.png", "interpolation.png", "neighbours.png"}


def trained(folder, config):
    run = Run.create(folder, "tiny", config)
    trainer = trainer_for(config, data.ring() if config is POINTS else data.load("digits-8x8"))
    with open(os.devnull, "w") as silent:
        train(trainer, run, output=silent)
    return run, trainer


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (IMAGES, LATENT),
        (replace(IMAGES, conditional=False, ema=0.0), LATENT),
        (POINTS, {"plane.png"}),
        (VAE, LATENT),
        (TRANSLATION, {"translations.png"}),
        (replace(TRANSLATION, adversary=False), {"translations.png"}),
    ],
    ids=["conditional", "images", "points", "vae", "translation", "L1 alone"],
)
def test_every_kind_of_run_has_its_pictures(tmp_path, config, expected):
    run, trainer = trained(tmp_path, config)
    paths = gallery(run)
    assert {path.name for path in paths} == HISTORY | expected
    assert set(paths) == set(run.pictures.iterdir())
    for path in paths:
        with Image.open(path) as picture:
            picture.load()
            assert getattr(picture, "n_frames", 1) == (config.steps if path.suffix == ".gif" else 1)
            assert path.suffix != ".gif" or picture.width <= 800
    (own,) = {"samples.png", "plane.png", "translations.png"} & expected
    trainer.picture(tmp_path / "now.png")
    assert (run.pictures / own).read_bytes() == (tmp_path / "now.png").read_bytes()


def caught(monkeypatch, name):
    """The arguments with which a picture is drawn."""
    calls = []
    monkeypatch.setattr(viz, name, lambda *given, **options: calls.append(given))
    return calls


def test_a_row_of_the_interpolation_keeps_its_class_and_comes_from_the_average(tmp_path, monkeypatch):
    run, trainer = trained(tmp_path, IMAGES)
    calls = caught(monkeypatch, "interpolation")
    gallery(run)
    ((_, along, a, b, steps),) = calls
    assert a.shape == b.shape == (10, 4)
    assert not np.array_equal(a, b)
    same = np.repeat(a[:1], 10 * steps, axis=0)
    images = along(same).reshape(10, steps, 8, 8, 1)
    np.testing.assert_allclose(images, images[:, :1].repeat(steps, axis=1), atol=1e-6)
    np.testing.assert_allclose(images[:, 0], trainer.draw(same[:10], np.arange(10)), atol=1e-6)
    assert len({image.tobytes() for image in images[:, 0]}) == 10
    own = trainer.generator.eval()(same[:10], np.arange(10)).numpy()
    assert abs(images[:, 0] - (2 * own - 1)).max() > 1e-3


@pytest.mark.parametrize("held_out", [0, 60])
def test_neighbours_are_those_in_the_training_data(tmp_path, monkeypatch, held_out):
    run, trainer = trained(tmp_path, replace(VAE, held_out=held_out))
    calls = caught(monkeypatch, "neighbours")
    gallery(run)
    ((_, drawn, real, _),) = calls
    assert (drawn.shape, drawn.dtype, abs(drawn).max() <= 1) == ((10, 8, 8, 1), np.float32, True)
    np.testing.assert_allclose(drawn, draw(run, 10), atol=1e-6)
    digits = data.load("digits-8x8").images
    assert (real.dtype, len(real)) == (np.uint8, len(digits) - held_out)
    if held_out:
        kept = {image.tobytes() for image in trainer.source.held_out[0]}
        assert not kept & {image.tobytes() for image in data.scale(real)}


@pytest.mark.parametrize("captured", [False, True])
def test_the_norms_are_those_of_the_gradients_that_each_player_descends(captured):
    """Plain descent moves the weights by the gradient times the learning rate."""
    rng = Generator(0)
    players = [
        models.dense.generator(3, (2,), 4, output="linear", rng=rng),
        models.dense.discriminator((2,), 4, rng=rng),
    ]
    optimizers = [optim.SGD(player.parameters(), 0.01) for player in players]
    r1 = lambda critic, real, fake: gan.penalties.r1(critic, real)
    game = gan.Game(*players, *optimizers, gan.losses.non_saturating, penalty=r1, captured=captured)
    assert game.gradient_norms == {}
    for _ in range(3):
        before = [flat(player) for player in players]
        game.critic_step(rng.normal((8, 2)), Tensor(rng.normal((8, 3))))
        game.generator_step(Tensor(rng.normal((8, 3))))
        moved = [np.linalg.norm(flat(player) - old) / 0.01 for player, old in zip(players, before, strict=True)]
        assert list(game.gradient_norms) == ["critic_gradient", "generator_gradient"]
        assert list(game.gradient_norms.values()) == pytest.approx(moved[::-1], rel=1e-3)


def flat(network):
    return np.concatenate([p.numpy().ravel().astype(np.float64) for p in network.parameters()])


def test_the_norms_of_both_players_are_logged(tmp_path):
    run, trainer = trained(tmp_path, POINTS)
    last = run.read_log()[-1]
    assert {name: last[name] for name in ("critic_gradient", "generator_gradient")} == trainer.gradient_norms()


@pytest.mark.parametrize(
    ("config", "key"), [(VAE, "vae_gradient"), (replace(TRANSLATION, adversary=False), "generator_gradient")]
)
def test_a_player_without_an_opponent_has_a_norm_too(tmp_path, config, key):
    run, _ = trained(tmp_path, config)
    assert all(record[key] > 0 for record in run.read_log())


def test_a_run_that_broke_off_has_the_pictures_that_it_can_have(tmp_path):
    run, _ = trained(tmp_path / "cut", IMAGES)
    with open(run.metrics_file, "a") as log:
        log.write('{"step": 4, "critic_lo')
    assert len(run.read_log()) == 3
    assert len(gallery(run)) == 5
    for checkpoint in run.checkpoints.iterdir():
        checkpoint.unlink()
    for path in run.pictures.iterdir():
        path.unlink()
    with pytest.raises(RunError, match="no checkpoint yet"):
        gallery(run)
    assert {path.name for path in run.pictures.iterdir()} == HISTORY
    empty = Run.create(tmp_path / "empty", "tiny", IMAGES)
    with pytest.raises(RunError, match="no checkpoint yet"):
        gallery(empty)
    assert not list(empty.pictures.iterdir())


def test_the_command_line_draws_the_history_at_the_end_of_training_and_the_rest_when_asked(tmp_path, capsys):
    tiny = ["--steps", "2", "--batch-size", "8", "--generator-width", "2", "--critic-width", "2"]
    assert main(["train", "toy-ring", *tiny, "--out", str(tmp_path)]) == 0
    assert {path.name for path in (tmp_path / "pictures").iterdir()} == HISTORY
    capsys.readouterr()
    assert main(["pictures", str(tmp_path)]) == 0
    printed = capsys.readouterr().out.split()
    assert printed == [str(tmp_path / "pictures" / name) for name in ("curves.png", "training.gif", "plane.png")]
    assert main(["pictures", str(tmp_path / "none")]) == 2
    assert "holds no run" in capsys.readouterr().err


def test_there_are_more_pictures_than_checkpoints(tmp_path, monkeypatch):
    saved = []
    monkeypatch.setattr(Run, "save_checkpoint", lambda self, step, *state: saved.append(step))
    config = replace(IMAGES, steps=50)
    run = Run.create(tmp_path, "tiny", config)
    with open(os.devnull, "w") as silent:
        train(trainer_for(config, data.load("digits-8x8")), run, output=silent)
    assert saved == list(range(5, 51, 5))
    assert len(list(run.samples.iterdir())) == 25
