"""minigan beside PyTorch eager, in one process: the cost of an operation, and the steps of DCGAN-28 with WGAN-GP.

    python benchmarks/against_pytorch.py [--repeat N] [--json FILE]

Runs are interleaved; a row gives both medians and their ratio (below 1: minigan is faster).  Needs `torch`.
"""

import argparse
import json
import platform
import statistics
import time

import numpy as np
import torch
from torch import nn as tnn

import minigan as mg
from minigan.gan import Game, losses, penalties
from minigan.random import Generator

CHAIN = 2000
BATCH, LATENT = 64, 100


def chain_rows():
    """A chain of multiplications of 8 float64: microseconds for one operation, by how much of the calculus is asked."""

    def forward(x):
        y = x
        for _ in range(CHAIN):
            y = y * x
        return y

    def ours(order):
        x = mg.tensor(np.full(8, 1.0001), requires_grad=True)
        y, ones = forward(x), np.ones(8)
        if order == 1:
            mg.grad(y, [x], ones)
        if order == 2:
            mg.grad(mg.grad(y, [x], ones, create_graph=True)[0], [x], ones)

    def theirs(order):
        x = torch.full((8,), 1.0001, dtype=torch.float64, requires_grad=True)
        y, ones = forward(x), torch.ones(8, dtype=torch.float64)
        if order == 1:
            torch.autograd.grad(y, x, ones)
        if order == 2:
            torch.autograd.grad(torch.autograd.grad(y, x, ones, create_graph=True)[0], x, ones)

    names = ("forward", "forward + backward", "forward + create_graph + second backward")
    return [
        (f"chain, {n}, us/op", lambda k=k: ours(k), lambda k=k: theirs(k), 1e6 / CHAIN) for k, n in enumerate(names)
    ]


def dcgan_rows():
    """Critic step (with gradient penalty) and generator step of the 28x28 DCGAN, batch 64, float32, Adam included."""
    rng = Generator(0)
    real = rng.uniform((BATCH, 28, 28, 1), -1, 1)
    game = _our_game(rng)
    critic, generator = _their_steps(torch.tensor(real.transpose(0, 3, 1, 2)).contiguous())
    return [
        ("DCGAN-28 WGAN-GP critic step, ms", lambda: game.critic_step(real, rng.normal((BATCH, LATENT))), critic, 1e3),
        (
            "DCGAN-28 WGAN-GP generator step, ms",
            lambda: game.generator_step(rng.normal((BATCH, LATENT))),
            generator,
            1e3,
        ),
    ]


def _our_game(rng):
    generator, critic = mg.models.dcgan.generator(refine=True, rng=rng), mg.models.dcgan.discriminator(rng=rng)
    return Game(
        generator, critic,
        mg.optim.Adam(generator.parameters(), 1e-4, (0.5, 0.9)), mg.optim.Adam(critic.parameters(), 1e-4, (0.5, 0.9)),
        losses.wasserstein, penalty=lambda c, r, f: 10 * penalties.gradient_penalty(c, r, f, rng),
    )  # fmt: skip


def _their_steps(real):
    generator = tnn.Sequential(
        tnn.Linear(LATENT, 7 * 7 * 256, bias=False),
        tnn.Unflatten(1, (256, 7, 7)), tnn.BatchNorm2d(256), tnn.LeakyReLU(0.2),
        tnn.ConvTranspose2d(256, 128, 5, 1, 2, bias=False), tnn.BatchNorm2d(128), tnn.LeakyReLU(0.2),
        tnn.ConvTranspose2d(128, 64, 5, 2, 2, 1, bias=False), tnn.BatchNorm2d(64), tnn.LeakyReLU(0.2),
        tnn.ConvTranspose2d(64, 1, 5, 2, 2, 1, bias=False), tnn.Tanh(),
    )  # fmt: skip
    critic = tnn.Sequential(
        tnn.Conv2d(1, 64, 5, 2, 2), tnn.LeakyReLU(0.2), tnn.Conv2d(64, 128, 5, 2, 2), tnn.LeakyReLU(0.2),
        tnn.Flatten(), tnn.Linear(128 * 49, 1),
    )  # fmt: skip
    g_adam = torch.optim.Adam(generator.parameters(), 1e-4, (0.5, 0.9))
    c_adam = torch.optim.Adam(critic.parameters(), 1e-4, (0.5, 0.9))

    def critic_step():
        with torch.no_grad():
            fake = generator(torch.randn(BATCH, LATENT))
        e = torch.rand(BATCH, 1, 1, 1)
        between = (e * real + (1 - e) * fake).requires_grad_(True)
        (slope,) = torch.autograd.grad(critic(between).sum(), between, create_graph=True)
        loss = critic(fake).mean() - critic(real).mean() + 10 * ((slope.flatten(1).norm(dim=1) - 1) ** 2).mean()
        c_adam.zero_grad()
        loss.backward()
        c_adam.step()

    def generator_step():
        loss = -critic(generator(torch.randn(BATCH, LATENT))).mean()
        g_adam.zero_grad()
        loss.backward()
        g_adam.step()

    return critic_step, generator_step


def measure(rows, repeat):
    """For each row (name, ours, theirs, scale): medians over interleaved runs after one warm-up, and their ratio."""
    times = {name: ([], []) for name, *_ in rows}
    for _ in range(repeat + 1):
        for name, ours, theirs, scale in rows:
            for function, found in zip((ours, theirs), times[name], strict=True):
                start = time.perf_counter()
                function()
                found.append((time.perf_counter() - start) * scale)
    medians = {name: [statistics.median(t[1:]) for t in pair] for name, pair in times.items()}
    return {name: {"minigan": a, "pytorch": b, "ratio": a / b} for name, (a, b) in medians.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeat", type=int, default=15, help="interleaved runs of each row")
    parser.add_argument("--json", help="also write the figures here")
    options = parser.parse_args()
    results = measure(chain_rows(), options.repeat) | measure(dcgan_rows(), options.repeat)
    print(f"{'':52}{'minigan':>9}{'PyTorch':>9}{'ratio':>7}")
    for name, r in results.items():
        print(f"{name:52}{r['minigan']:9.2f}{r['pytorch']:9.2f}{r['ratio']:7.2f}")
    if options.json:
        about = {
            "minigan": mg.__version__, "torch": torch.__version__, "numpy": np.__version__,
            "python": platform.python_version(), "machine": platform.machine(),
            "threads": torch.get_num_threads(), "repeat": options.repeat,
        }  # fmt: skip
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump({"about": about, "results": results}, file, indent=2)


if __name__ == "__main__":
    main()
