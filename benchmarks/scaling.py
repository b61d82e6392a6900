"""Growth of the cost of a step with the batch and with the number of pixels, which should be linear."""

import numpy as np

from .workloads import dcgan

BATCHES = (16, 32, 64, 128, 256, 512)  # of 28x28 images
SIDES = (28, 36, 44, 52, 64)  # pixels, for batches of 64 images; every network has the same layers


def series(quick=False):
    """Return {"batch" or "pixels": {number of them: workload}}, all of them WGAN-GP critic steps of DCGAN."""
    batches, sides, small = ((2, 4), (8, 12), {"width": 2, "side": 8, "batch": 2}) if quick else (BATCHES, SIDES, {})
    return {
        "batch": {n: _step(**small | {"batch": n}) for n in batches},
        "pixels": {side**2: _step(**small | {"side": side}) for side in sides},
    }


def exponent(seconds):
    """Return the exponent p for which {size: seconds} fits size ** p best: 1 if the cost is linear."""
    return float(np.polyfit(np.log(list(seconds)), np.log(list(seconds.values())), 1)[0])


def _step(side=28, batch=64, width=64):
    about = f"DCGAN-{side} WGAN-GP critic step, batch {batch}"
    return dcgan(f"dcgan-critic-{side}-{batch}", about, side=side, batch=batch, width=width)
