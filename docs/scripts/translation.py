"""L1 alone against L1 with a critic, on held-out digits: the table and the picture of docs/translation.md.

    python docs/scripts/translation.py PICTURE.png tanh|linear STEPS

Trains the preset `translate` four times with this output and number of steps, in a few minutes on two cores.
"""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
from tqdm import tqdm

from minigan import metrics, viz
from minigan.data import load
from minigan.data.paired import PALETTE
from minigan.presets import preset
from minigan.random import Generator
from minigan.trainers.translation import TranslationTrainer

ROWS = 10


def main(path, output, steps):
    """Train both tasks with and without a critic, print the table, and save the picture."""
    config = replace(preset("translate"), output=output, steps=steps)
    digits, blocks = load("mnist-10k"), []
    print("| task | trained by | L1 error | sharpness | of targets | in the right color |")
    print("|---|---|---|---|---|---|")
    for task in ("edges", "color"):
        trainers = [trained(replace(config, task=task, adversary=adversary), digits) for adversary in (False, True)]
        x, y = trainers[0].held_out
        outputs = [trainer.translate(x) for trainer in trainers]
        for name, output in zip(("L1", "L1 + critic"), outputs, strict=True):
            report(task, name, output, y)
        blocks.append([np.broadcast_to(image, (*image.shape[:3], 3)) for image in (x, *outputs, y)])
    picture(path, blocks)


def trained(config, digits):
    """Return a trainer after `config.steps` steps."""
    trainer = TranslationTrainer(config, digits)
    for _ in tqdm(range(config.steps), f"{config.task}, {'with' if config.adversary else 'without'} a critic"):
        trainer.step()
    return trainer


def report(task, name, output, target):
    """Print a row of the table."""
    error = abs(output - target).mean(axis=(1, 2, 3))
    sharp = metrics.sharpness(target, output, Generator(0))
    right = f"{(hue(output) == hue(target)).mean():.1%}" if task == "color" else ""
    print(
        f"| {task} | {name} | {error.mean():.4f} +- {error.std() / len(error) ** 0.5:.4f} "
        f"| {sharp.value:.4f} +- {sharp.standard_error:.4f} | {sharp.floor:.4f} | {right} |",
        flush=True,
    )


def hue(images):
    """Return the index of the PALETTE color closest in direction to an image's summed color, (N, H, W, 3) -> (N,)."""
    color = (images + 1).sum(axis=(1, 2))
    return (color @ (PALETTE / np.linalg.norm(PALETTE, axis=1, keepdims=True)).T).argmax(axis=1)


def picture(path, blocks):
    """Save a picture with four columns for each task: input, L1 alone, L1 and critic, target."""
    cells = np.stack([image[:ROWS] for block in blocks for image in block], axis=1)
    viz.save_grid(path, cells.reshape(-1, *cells.shape[2:]), cells.shape[1])


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
