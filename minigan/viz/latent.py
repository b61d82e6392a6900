"""The straightest ways through latent space, and the images along them."""

import numpy as np

from ..metrics.inputs import array
from .images import GAP, checked_images, image_grid, image_page
from .style import save

_PARALLEL = 1e-7  # the sine below which two directions span no plane


def slerp(a, b, t):
    """Spherical interpolation from a (t = 0) to b (t = 1), both (..., d), at the numbers t of shape S: (..., *S, d).

    (sin((1 - t) w) a + sin(t w) b) / sin w, w the angle between a and b.  Between vectors of one length the length is
    kept, as a normal latent of many dimensions needs: its mass lies near the sphere of radius sqrt(d), and a straight
    line cuts through the empty inside.  Vectors that are parallel, opposite (no shortest way on the sphere) or 0 are
    joined by the straight line a + t (b - a).
    Sources: K. Shoemake, "Animating rotation with quaternion curves", 1985; T. White, "Sampling generative networks",
    2016, section 2.1.
    """
    a, b = _latents(a=a, b=b)
    t = np.asarray(t, np.float64)
    if not np.isfinite(t).all():
        raise ValueError("t must be finite, from 0 (a) to 1 (b)")
    expand = (..., *(None,) * t.ndim)
    angle = _angle(a, b)[expand]
    sine = np.sin(angle)
    straight = sine < _PARALLEL
    sine = np.where(straight, 1.0, sine)
    of_a = np.where(straight, 1 - t, np.sin((1 - t) * angle) / sine)[..., None]
    of_b = np.where(straight, t, np.sin(t * angle) / sine)[..., None]
    expand = (*expand, slice(None))
    return (of_a * a[expand] + of_b * b[expand]).astype(np.result_type(a, b))


def interpolation(path, draw, a, b, steps=11, *, title="Spherical interpolation", caption=None):
    """The images between pairs of latent points: one row for each pair, `steps` columns from a to b.

    draw(z (N, d)) -> images (N, H, W, C) in [-1, 1].  a, b: latent points (rows, d).
    """
    a, b = _latents(a=a, b=b)
    if a.ndim != 2 or steps < 2:
        raise ValueError(f"interpolation: needs a and b of shape (rows, d) and steps >= 2, got {a.shape} and {steps}")
    t = np.linspace(0, 1, steps)
    images = checked_images("the images from draw", draw(slerp(a, b, t).reshape(-1, a.shape[1])))
    if len(images) != len(a) * steps:
        raise ValueError(f"draw was given {len(a) * steps} latent points and returned {len(images)} images")
    cell = images.shape[2] + GAP
    headings = {GAP + k * cell + images.shape[2] / 2: f"{t[k]:.2g}" for k in range(steps)}
    caption = caption or (
        f"Each row leads from one latent point (t = 0) to another (t = 1) along the sphere, in {steps} equal steps of "
        "the angle; the number above is t.  Images that change gradually and stay plausible speak against memorising."
    )
    return save(path, image_page(image_grid(images, steps, scale=1), headings, title, caption))


def _angle(a, b):
    """The angle between the directions of a and b, accurate also near 0 and pi (W. Kahan); 0 if one has none."""
    a, b = (x.astype(np.float64) for x in (a, b))
    lengths = [np.linalg.norm(x, axis=-1, keepdims=True) for x in (a, b)]
    u, v = (np.divide(x, n, out=np.zeros_like(x), where=n > 0) for x, n in zip((a, b), lengths, strict=True))
    angle = 2 * np.arctan2(np.linalg.norm(u - v, axis=-1), np.linalg.norm(u + v, axis=-1))
    return np.where((lengths[0] > 0) & (lengths[1] > 0), angle[..., None], 0)[..., 0]


def _latents(**named):
    arrays = {name: array(x) for name, x in named.items()}
    shapes = [x.shape for x in arrays.values()]
    if shapes[0] != shapes[1] or not shapes[0]:
        raise ValueError(f"a and b must be latent points of one shape (..., d), got {shapes[0]} and {shapes[1]}")
    for name, x in arrays.items():
        if x.dtype.kind != "f" or not np.isfinite(x).all():
            raise ValueError(f"{name} must hold floats, none of them NaN or infinite, got an array of {x.dtype}")
    return arrays.values()
