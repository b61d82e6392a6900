"""Spherical interpolation in latent space, and the images along it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from ..metrics.inputs import array
from .images import GAP, checked_images, image_grid, image_page
from .style import save

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ..types import Array, ArrayLike, PathLike, Tensor

__all__ = ["interpolation", "slerp"]

_PARALLEL = 1e-7  # the sine below which two directions count as parallel


def __dir__() -> list[str]:
    return sorted(__all__)


def slerp(a: Tensor | ArrayLike, b: Tensor | ArrayLike, t: ArrayLike) -> Array:
    """Interpolate on the sphere from a (t = 0) to b (t = 1).

    It is (sin((1 - t) w) a + sin(t w) b) / sin w, with w the angle between a and b. If a and b have the same length,
    every point between them has it too. That matters for normal latents of many dimensions: nearly all of them lie
    close to the sphere of radius sqrt(d), and a straight line would pass through its empty inside. Vectors that are
    parallel, opposite (there is no unique shortest way on the sphere) or 0 are joined by the line a + t (b - a).

    Args:
        a: Points (..., d), floats.
        b: Points of the same shape.
        t: Numbers of any shape S, from 0 to 1.

    Returns:
        An array (..., *S, d).

    Raises:
        ValueError: If the shapes of a and b differ, or a number is not finite.

    Sources: K. Shoemake, "Animating rotation with quaternion curves", 1985; T. White, "Sampling generative networks",
    2016, section 2.1.
    """
    a, b = _latents(a=a, b=b)
    t = np.asarray(t, np.float64)
    if not np.isfinite(t).all():
        raise ValueError("t must be finite, from 0 (a) to 1 (b)")
    expand: tuple[Any, ...] = (..., *(None,) * t.ndim)
    angle = _angle(a, b)[expand]
    sine = np.sin(angle)
    straight = sine < _PARALLEL
    sine = np.where(straight, 1.0, sine)
    of_a = np.where(straight, 1 - t, np.sin((1 - t) * angle) / sine)[..., None]
    of_b = np.where(straight, t, np.sin(t * angle) / sine)[..., None]
    expand = (*expand, slice(None))
    return (of_a * a[expand] + of_b * b[expand]).astype(np.result_type(a, b))


def interpolation(
    path: PathLike | None,
    draw: Callable[[Array], Tensor | ArrayLike],
    a: Tensor | ArrayLike,
    b: Tensor | ArrayLike,
    steps: int = 11,
    *,
    title: str = "Spherical interpolation",
    caption: str | None = None,
) -> Figure:
    """Draw the images between pairs of latent points, a row for each pair.

    Args:
        path: The .png, .svg or .pdf file to write; None writes no file.
        draw: Function from latent points (N, d) to images (N, H, W, C) in [-1, 1].
        a: Latent points (rows, d) at which the rows start.
        b: Latent points (rows, d) at which they end.
        steps: The number of images in a row, at least 2.
        title: Title of the figure.
        caption: Text below the figure; None explains what is drawn.

    Raises:
        ValueError: If the shape or the values of a, b or the images are wrong.
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
    """Return the angle between a and b, accurate also near 0 and pi (W. Kahan's formula); 0 if one of them is 0."""
    a, b = (x.astype(np.float64) for x in (a, b))
    lengths = [np.linalg.norm(x, axis=-1, keepdims=True) for x in (a, b)]
    u, v = (np.divide(x, n, out=np.zeros_like(x), where=n > 0) for x, n in zip((a, b), lengths, strict=True))
    angle = 2 * np.arctan2(np.linalg.norm(u - v, axis=-1), np.linalg.norm(u + v, axis=-1))
    return np.where((lengths[0] > 0) & (lengths[1] > 0), angle[..., None], 0)[..., 0]


def _latents(**named: Tensor | ArrayLike) -> list[Array]:
    arrays = {name: array(x) for name, x in named.items()}
    shapes = [x.shape for x in arrays.values()]
    if shapes[0] != shapes[1] or not shapes[0]:
        raise ValueError(f"a and b must be latent points of one shape (..., d), got {shapes[0]} and {shapes[1]}")
    for name, x in arrays.items():
        if x.dtype.kind != "f" or not np.isfinite(x).all():
            raise ValueError(f"{name} must hold floats, none of them NaN or infinite, got an array of {x.dtype}")
    return list(arrays.values())
