"""The presets `digits` (a GAN) and `vae` by the same metrics: table and picture of docs/vae-against-gan.md.

    python docs/scripts/vae_against_gan.py PICTURE.png

Trains both on all of mnist-10k, and the classifier if there is none in the cache yet, in a few minutes on two cores.
"""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
from tqdm import tqdm

from minigan import data, metrics, viz
from minigan.presets import preset
from minigan.random import Generator
from minigan.trainers import trainer_for

SAMPLES = 5000  # half of the data: the floor compares two halves
COMPARED = 2000  # for metrics by nearest neighbours


def main(path):
    """Train and measure both models, print the table, and save the picture."""
    digits = data.load("mnist-10k")
    real, judge = data.scale(digits.images), metrics.trained_classifier(digits)
    drawn, results = {}, {}
    for name in ("digits", "vae"):
        drawn[name] = samples(name, digits)
        results[name] = measured(drawn[name], real, judge)
    print("| metric | GAN | VAE | real against real |")
    print("|---|---|---|---|")
    for metric, gan in results["digits"].items():
        vae = results["vae"][metric]
        print(f"| {metric} | {number(gan)} | {number(vae)} | {gan.floor:.4g} |")
    rows = [drawn[name][:50].reshape(5, 10, *real.shape[1:]) for name in ("digits", "vae")]
    viz.save_grid(path, np.concatenate(rows, axis=1).reshape(-1, *real.shape[1:]), 20)


def samples(name, digits):
    """Return SAMPLES samples of a preset, as `minigan train` and `minigan sample` would make them."""
    config = replace(preset(name), held_out=0)
    trainer = trainer_for(config, digits)
    for _ in tqdm(range(config.steps), name):
        trainer.step()
    return trainer.samples(config, *trainer.state(), SAMPLES, Generator(0))


def measured(x, real, judge):
    """Return {name: Measurement}; every metric has a random generator of its own."""
    few = x[:COMPARED]
    found = metrics.class_balance(judge.probabilities(x), judge.probabilities(real), Generator(1))
    found["frechet, PCA-64"] = metrics.frechet_distance(real, x, Generator(2), space=64)
    found |= metrics.precision_recall(judge.features(real), judge.features(few), Generator(3))
    found["sharpness"] = metrics.sharpness(real, x, Generator(4))
    return found


def number(m):
    """Return a measurement as text, with its standard error."""
    return f"{m.value:.4g} +- {m.standard_error:.2g}"


if __name__ == "__main__":
    main(Path(sys.argv[1]))
