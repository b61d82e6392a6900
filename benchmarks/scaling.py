"""How the cost of a step grows with the batch and with the pixels: linearly, or something is wrong."""

import numpy as np

from .workloads import dcgan

BATCHES = (16, 32, 64, 128, 256, 512)  # of 28x28 images
SIDES = (28, 36, 44, 52, 64)  # of 64 images; the networks keep their layers, dense ones included


def series(quick=False):
    """{"batch" or "pixels": {how many: workload}}, the WGAN-GP critic step of DCGAN."""
    batches, sides, small = ((2, 4), (8, 12), {"width": 2, "side": 8, "batch": 2}) if quick else (BATCHES, SIDES, {})
    return {
        "batch": {n: _step(**small | {"batch": n}) for n in batches},
        "pixels": {side**2: _step(**small | {"side": side}) for side in sides},
    }


def exponent(seconds):
    """The slope of log seconds in log size, {size: seconds}: 1 where the cost is linear."""
    return float(np.polyfit(np.log(list(seconds)), np.log(list(seconds.values())), 1)[0])


def _step(side=28, batch=64, width=64):
    about = f"DCGAN-{side} WGAN-GP critic step, batch {batch}"
    return dcgan(f"dcgan-critic-{side}-{batch}", about, side=side, batch=batch, width=width)
