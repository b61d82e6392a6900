"""The main job, judged: digits drawn by the default command, read by a classifier that has seen real ones only."""

import os
import subprocess
import sys

import numpy as np
import pytest

import minigan as mg
from minigan import data, nn, ops
from minigan.random import Generator

pytestmark = pytest.mark.slow

if not os.environ.get("MINIGAN_DATA"):
    pytest.skip("$MINIGAN_DATA is not set: the judge needs the MNIST training images", allow_module_level=True)


def cross_entropy(logits, labels):
    return -ops.log_softmax(logits)[np.arange(len(labels)), labels].mean()


@pytest.fixture(scope="module")
def judge():
    """A small convolutional classifier trained on MNIST's training images.

    Returns a function to class probabilities.
    """
    rng = Generator(0)
    net = nn.Sequential(
        nn.Conv2d(1, 16, 5, 2, "same", init=nn.init.he, rng=rng), nn.ReLU(),
        nn.Conv2d(16, 32, 5, 2, "same", init=nn.init.he, rng=rng), nn.ReLU(),
        nn.Flatten(), nn.Linear(7 * 7 * 32, 128, init=nn.init.he, rng=rng), nn.ReLU(),
        nn.Linear(128, 10, init=nn.init.xavier, rng=rng),
    )  # fmt: skip
    train = data.load("mnist")
    loader = data.Loader((train.images, train.labels), 100, rng, transform=lambda b: (data.scale(b[0]), b[1]))
    optimizer, steps = mg.optim.Adam(net.parameters()), 4 * len(loader)
    for step in range(steps):
        optimizer.lr = 2e-3 * mg.optim.cosine(step, steps)
        images, labels = loader.next_batch()
        optimizer.step(mg.grad(cross_entropy(net(mg.Tensor(images)), labels), net.parameters()))

    def probabilities(images):
        with mg.no_grad():
            return np.concatenate(
                [ops.softmax(net(mg.Tensor(images[i : i + 500]))).numpy() for i in range(0, len(images), 500)]
            )

    test = data.load("mnist", part="test")
    assert (probabilities(data.scale(test.images)).argmax(1) == test.labels).mean() >= 0.985
    return probabilities


def test_the_default_command_draws_digits_that_a_classifier_accepts(tmp_path, judge):
    run, out = str(tmp_path / "run"), str(tmp_path / "x.npy")
    subprocess.run([sys.executable, "-m", "minigan", "train", "--out", run], check=True)
    subprocess.run([sys.executable, "-m", "minigan", "sample", run, "--n", "2000", "--out", out], check=True)
    images = np.load(out, allow_pickle=False)
    assert (images.shape, images.dtype) == ((2000, 28, 28, 1), np.float32)
    p = judge(images)
    accepted = (p.max(1) >= 0.9).mean()
    counts = np.bincount(p.argmax(1), minlength=10)
    print(f"accepted {accepted:.1%}, classes {counts.tolist()}")
    assert accepted >= 0.75
    assert counts.min() >= 100
