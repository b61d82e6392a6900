"""The command line, as a user meets it."""

import json
import signal
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from minigan.cli import main
from minigan.presets import PRESETS
from minigan.protocols import dirac
from minigan.trainers import Trainer

TINY = ["--data", "digits-8x8", "--steps", "4", "--batch-size", "4", "--latent", "3", "--kernel", "3"]
SMALL = ["--generator-width", "2", "--critic-width", "2"]


def run_tiny(folder, *more):
    return main(["train", *TINY, *SMALL, "--out", str(folder), *more])


def mode_and_size(path):
    with Image.open(path) as picture:
        return picture.mode, picture.size


def test_train_prints_the_picture_last_and_sample_draws(tmp_path, capsys):
    assert run_tiny(tmp_path / "run") == 0
    picture = capsys.readouterr().out.strip().splitlines()[-1]
    assert picture == str(tmp_path / "run" / "samples" / "step-0000004.png")
    assert mode_and_size(picture)[0] == "L"
    out = tmp_path / "x.npy"
    assert main(["sample", str(tmp_path / "run"), "--n", "7", "--out", str(out)]) == 0
    images = np.load(out, allow_pickle=False)
    assert (images.shape, images.dtype) == ((7, 8, 8, 1), np.float32)
    assert main(["sample", str(tmp_path / "run"), "--n", "7", "--out", str(tmp_path / "x.png"), "--label", "3"]) == 0
    assert mode_and_size(tmp_path / "x.png") == ("L", (64, 64))  # 3 x 3 cells of 8 + 2 pixels, a gap, twice as large


def test_points_are_drawn_as_numbers_and_as_a_picture(tmp_path, capsys):
    small = ["--steps", "2", "--batch-size", "8", *SMALL]
    assert main(["train", "toy-grid", *small, "--out", str(tmp_path / "run")]) == 0
    assert mode_and_size(capsys.readouterr().out.strip())[0] == "RGBA"
    for out in (tmp_path / "x.npy", tmp_path / "x.png"):
        assert main(["sample", str(tmp_path / "run"), "--n", "20", "--out", str(out)]) == 0
    points = np.load(tmp_path / "x.npy", allow_pickle=False)
    assert (points.shape, points.dtype) == ((20, 2), np.float32)
    assert mode_and_size(tmp_path / "x.png")[0] == "RGBA"


def test_two_runs_with_one_seed_are_equal_to_the_byte(tmp_path):
    for name in "ab":
        run_tiny(tmp_path / name, "--seed", "7")
    for part in ("samples/step-0000004.png", "checkpoints/step-0000004.safetensors"):
        assert (tmp_path / "a" / part).read_bytes() == (tmp_path / "b" / part).read_bytes()


def test_ctrl_c_says_how_to_go_on_and_resume_does(tmp_path, capsys, monkeypatch):
    step = Trainer.step

    def interrupted(self):
        if self.step_count == 2:
            signal.raise_signal(signal.SIGINT)
        return step(self)

    with monkeypatch.context() as patched:
        patched.setattr(Trainer, "step", interrupted)
        assert run_tiny(tmp_path / "run") == 130
    assert f"minigan train --out {tmp_path / 'run'} --resume" in capsys.readouterr().err
    assert main(["train", "--out", str(tmp_path / "run"), "--resume"]) == 0
    assert "trained in" in capsys.readouterr().err
    assert main(["train", "--out", str(tmp_path / "run"), "--resume"]) == 0
    assert "already finished at step 4; a larger --steps makes it longer" in capsys.readouterr().err
    run_tiny(tmp_path / "whole")
    last = "samples/step-0000004.png"
    assert (tmp_path / "run" / last).read_bytes() == (tmp_path / "whole" / last).read_bytes()


def test_a_preset_may_come_after_its_options(tmp_path):
    options = ["--data", "digits-8x8", "--steps", "1", "--batch-size", "4", "--penalty", "r1", *SMALL]
    assert main(["train", *options, "dcgan", "--out", str(tmp_path / "run")]) == 0


def test_resume_refuses_a_changed_setting_by_name(tmp_path, capsys):
    run_tiny(tmp_path / "run")
    assert main(["train", "--out", str(tmp_path / "run"), "--resume", "--batch-size", "8"]) == 2
    assert "it cannot change batch_size from 4 to 8" in capsys.readouterr().err
    assert main(["train", "--resume"]) == 2
    assert "--resume needs --out" in capsys.readouterr().err
    assert main(["train", "dcgan", "--out", str(tmp_path / "run"), "--resume"]) == 2
    assert "from the preset 'digits', not 'dcgan'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train", "digitz"], "unknown preset 'digitz'; did you mean 'digits'"),
        (["train", "celeba"], "unknown preset 'celeba'; there are: digits, "),
        (["train", "digits", "dcgan"], "train takes one preset, got 'digits' and 'dcgan'"),
        (["train", "--preset", "dcgan"], "there is no option --preset: the preset is the first word"),
        (["train", "dcgan", "--epochs=3"], "there is no option --epochs: the length of a run is --steps"),
        (["train", "--data", "mnist-10"], "mnist-10k"),
        (["train", "--data", "/nowhere/x-images-idx3-ubyte"], "minigan: /nowhere/x-images-idx3-ubyte: no such"),
        (["train", "--batch-size", "20000"], "batch_size 20000 is larger than the data: mnist-10k has 10000 images"),
        (["train", "--steps", "0"], "steps must be at least 1, got 0"),
        (["train", "--penalty", "r1"], "critic_norm couples the samples"),
        (["train", "--augment", "colour"], "unknown transformation 'colour'; did you mean 'color'"),
        (["train", "--device", "cpu", "--precision", "tf32"], "precision tf32 is for a GPU, got device=cpu"),
        (["train", "--out", "/proc/run"], "cannot write the run folder /proc/run"),
        (["sample", "/nowhere", "--n", "3", "--out", "x.npy"], "/nowhere holds no run"),
        (["sample", "run", "--n", "0", "--out", "x.npy"], "--n must be at least 1, got 0"),
        (["sample", "run", "--n", "3", "--out", "no/x.npy"], "--out no/x.npy: there is no folder no"),
        (["sample", "run", "--n", "3", "--out", "x.jpg"], "--out must end in .npy or .png, got x.jpg"),
        (["presets", "all"], "presets takes no arguments, got all"),
        (["trian"], "unknown command 'trian'; there are train, sample, presets"),
    ],
)
def test_bad_input_is_one_sentence(capsys, tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.startswith("minigan: ")
    assert error.count("\n") == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("option", ["--stepz", "--learning-rate"])
def test_an_unknown_option_is_refused(capsys, option):
    with pytest.raises(SystemExit) as exit_:
        main(["train", option, "3"])
    assert exit_.value.code == 2
    assert option in capsys.readouterr().err


def test_a_mistyped_option_gets_the_nearest_name(capsys):
    with pytest.raises(SystemExit):
        main(["train", "--generator-widht", "3"])
    assert "--generator-width" in capsys.readouterr().err


def test_presets_and_help_and_version(capsys):
    assert main(["presets"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == list(PRESETS)
    assert main(["presets", "--help"]) == 0
    assert capsys.readouterr().out.startswith("usage: minigan presets\n\nList what can be trained")
    assert main([]) == 0
    assert "minigan train" in capsys.readouterr().out
    assert main(["--version"]) == 0


def test_a_protocol_prints_its_table_and_writes_it(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(dirac, "run", lambda: [{"method": "GAN", "radius": 1 / 3, "expected": 0.3333}])
    assert main(["protocol", "dirac", "--out", str(tmp_path / "rows.json")]) == 0
    assert capsys.readouterr().out == "method  radius  expected\nGAN     0.3333    0.3333\n"
    assert json.loads((tmp_path / "rows.json").read_text()) == [{"method": "GAN", "radius": 1 / 3, "expected": 0.3333}]


def test_importing_needs_numpy_only():
    code = (
        "import sys, minigan; "
        "heavy = {'matplotlib', 'PIL', 'cupy', 'tqdm', 'tyro', 'safetensors', 'scipy'} & set(sys.modules); "
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
