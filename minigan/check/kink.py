"""Is there a derivative at all?  Five points on a line, and a parabola through them.

Within a small h a smooth function is a parabola up to h^3 f'''; where the slope jumps by J, a parabola misses by
a share of h J.  Source: Chainer's `gradient_check.numerical_grad(detect_nondifferentiable=True)`.
"""

import numpy as np

from .arguments import on_line
from .differences import EPS, STEP

POINTS = np.array([0.0, -1.0, -0.5, 0.5, 1.0])
_PARABOLAS = np.stack([np.ones(5), POINTS, POINTS**2], 1)
_MISFIT = np.eye(5) - _PARABOLAS @ np.linalg.pinv(_PARABOLAS)  # five values to what the best parabola leaves of them


def kinks(f, x, v, *, h=STEP, rtol=1e-4, atol=1e-6):
    """Where f has a kink or a jump on the segment from x - h v to x + h v: booleans in the shape of f(x).

    f, x, v: one array or Tensor, or a sequence of them; f gets Tensors where x holds Tensors.  A sequence of outputs
        gives a list.
    An output has a kink where its five values miss the best parabola by more than `rtol` of their spread, plus `atol`
    times h (a change of slope below which nobody cares), plus round-off.  A smooth f looks the same
    where h^2 |f'''| is more than about 0.004 |f'|: a smaller h tells them apart.
    """
    found = bends(on_line(f, x, v), h, rtol, atol)
    return found[0] if len(found) == 1 else found


def bends(line, h, rtol=1e-4, atol=1e-6):
    """`kinks` for a function `line` of one number, whose result is a list of arrays: a list of boolean arrays."""
    samples = [line(t * h) for t in POINTS]
    return [_misfits(np.stack(values), h, rtol, atol) for values in zip(*samples, strict=True)]


def _misfits(values, h, rtol, atol):
    left = np.abs(np.tensordot(_MISFIT, values, 1)).max(0)
    return left > rtol * np.ptp(values, axis=0) + atol * h + 32 * EPS * np.abs(values).max(0)
