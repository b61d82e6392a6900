"""A GAN in the plane: samples over the critic's surface, and the generator's image of a grid in its latent space."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from ..metrics.inputs import array, feature_sets
from .style import FAKE, GREEN, MUTED, ORANGE, REAL, SMALL, WIDTH, Page, legend, number_axis, save

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ..types import Array, ArrayLike, PathLike, Tensor

__all__ = ["plane"]

_SIDE, _LEFT, _TOP, _GAP = 2.78, 0.5, 0.28, 0.32  # inches
_CELLS = 160  # cells of the critic's surface along each axis
_LINES, _FINE = 21, 241  # lines of the latent grid in each direction, and points along a line
_SURFACE = ("#8C8C8C", "#FFFFFF")


def __dir__() -> list[str]:
    return sorted(__all__)


def plane(
    path: PathLike | None,
    real: Tensor | ArrayLike,
    fake: Tensor | ArrayLike,
    critic: Callable[[Array], Tensor | ArrayLike] | None = None,
    generator: Callable[[Array], Tensor | ArrayLike] | None = None,
    *,
    latent: int = 2,
    limits: tuple[float, float] | None = None,
    title: str = "Samples in the plane",
    caption: str | None = None,
) -> Figure:
    """Draw real and generated points over the critic's surface, and beside it the generator's image of a latent grid.

    The points that `critic` takes and `generator` returns are in the units of the data; wrap a network that was trained
    on scaled points in a function that scales. The grid is the square [-r, r]^2 with r = max(2, sqrt(latent)), which
    reaches the typical length of a normal z. With more than two latent numbers, all except the first two are 0 on it.

    Args:
        path: The .png, .svg or .pdf file to write; None writes no file.
        real: Points (N, 2).
        fake: Generated points (M, 2).
        critic: Function from float32 points (K, 2) to values (K,) or (K, 1); None draws no surface.
        generator: Function from float32 latent points (K, latent) to points (K, 2); None draws no grid.
        latent: The number of latent numbers, at least 2.
        limits: (low, high) of both axes, the same for all frames of an animation; None for a square around the real
            points.
        title: Title of the figure.
        caption: Text below the figure; None explains what is drawn.

    Raises:
        ValueError: If a shape does not fit, or a value is not finite.

    Example:
        viz.plane("plane.png", real, fake, lambda x: critic(mg.Tensor(x)), lambda z: generator(mg.Tensor(z)))
    """
    real, fake = _points(real, fake)
    if latent < 2:
        raise ValueError(f"latent must be at least 2, got {latent}: there is no plane to draw a grid on")
    window = _window(real, limits)
    caption = caption or _caption(real, fake, window, critic, generator and latent)
    height = _TOP + _SIDE + (0.58 if critic else 0.28)
    page = Page(height, title, caption, WIDTH if generator else _LEFT + _SIDE + _LEFT)
    axes = _square(page, _LEFT, window)
    if critic:
        bar = page.axes(_LEFT + 0.68, _TOP + _SIDE + 0.34, _SIDE - 0.68, 0.09)
        page.text(_LEFT, _TOP + _SIDE + 0.33, "critic D(x)", SMALL)
        _surface(axes, bar, critic, window)
    _scatter(axes, real, fake)
    if generator:
        axes = _square(page, _LEFT + _SIDE + _GAP, window)
        axes.tick_params(labelleft=False)
        _latent_grid(axes, generator, latent, real)
    return save(path, page.figure)


def _square(page, left, window):
    axes = page.axes(left, _TOP, _SIDE, _SIDE)
    (x_low, x_high), (y_low, y_high) = window
    axes.set(xlim=(x_low, x_high), ylim=(y_low, y_high))
    number_axis(axes.xaxis)
    number_axis(axes.yaxis)
    return axes


def _surface(axes, bar, critic, window):
    x, y = (np.linspace(low, high, _CELLS) for low, high in window)
    points = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2).astype(np.float32)
    values = _values("critic", critic, points, (len(points),)).reshape(len(y), len(x))
    low, high = np.quantile(values, (0.1, 0.98))  # the lowest values are in the corners, far from all data
    if high - low < 1e-6 * max(abs(low), 1e-6):
        low, high = low - 0.5, high + 0.5
    levels = np.linspace(low, high, 13)
    axes.contourf(x, y, values, levels, cmap=_shades(), extend="both")
    axes.contour(x, y, values, levels, colors="white", linewidths=0.4, linestyles="solid")
    axes.grid(False)
    bar.imshow(np.linspace(0, 1, len(levels) - 1)[None], cmap=_shades(), extent=(low, high, 0, 1), aspect="auto")
    bar.grid(False)
    bar.spines[:].set(visible=True, color=MUTED, linewidth=0.6)
    bar.set_yticks([])
    number_axis(bar.xaxis)


def _scatter(axes, real, fake):
    axes.plot(*real.T, ".", color=REAL, markersize=5, markeredgewidth=0, alpha=0.45, label="real")
    axes.plot(*fake.T, ".", color=FAKE, markersize=3, markeredgewidth=0, alpha=0.8, label="generated")
    _opaque(legend(axes))


def _latent_grid(axes, generator, latent, real):
    radius = _radius(latent)
    step, fine = np.linspace(-radius, radius, _LINES), np.linspace(-radius, radius, _FINE)
    z = np.zeros((2, _LINES, _FINE, latent), np.float32)
    z[0, :, :, 0], z[0, :, :, 1] = step[:, None], fine
    z[1, :, :, 1], z[1, :, :, 0] = step[:, None], fine
    points = _values("generator", generator, z.reshape(-1, latent), (z.size // latent, 2))
    axes.plot(*real.T, ".", color=REAL, markersize=5, markeredgewidth=0, alpha=0.25, label="real")
    families = points.reshape(2, _LINES, _FINE, 2)
    for lines, color, name in zip(families, (GREEN, ORANGE), ("z₁ constant", "z₂ constant"), strict=True):
        axes.plot(*lines.transpose(2, 1, 0), color=color, linewidth=0.5, label=[name] + ["_"] * (_LINES - 1))
    _opaque(legend(axes))


def _opaque(made):
    for handle in made.legend_handles:
        handle.set(alpha=1, linewidth=1.2)
        handle.set_markersize(7)


def _shades():
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("critic", _SURFACE)


def _values(name, function, inputs, shape):
    """Return the values of the caller's function, checked for their shape and for NaN and infinity."""
    values = array(function(inputs))
    if values.size != math.prod(shape) or len(values) != shape[0]:
        raise ValueError(f"{name} was given {inputs.shape} and returned {values.shape}, expected {shape}")
    if not np.isfinite(values).all():
        raise ValueError(f"{name} returned NaN or infinity: has the training diverged?")
    return values.reshape(shape)


def _points(real, fake):
    real, fake = feature_sets(1, real=real, fake=fake)
    if real.shape[1] != 2:
        raise ValueError(f"real and fake must be points in the plane, (N, 2), got {real.shape} and {fake.shape}")
    return real, fake


def _window(real, limits):
    """Return the limits of both axes: a square around the real points, with a margin."""
    if limits is not None:
        low, high = limits
        if not -math.inf < low < high < math.inf:
            raise ValueError(f"limits must be (low, high), two finite numbers in ascending order, got {limits}")
        return (low, high), (low, high)
    low, high = real.min(axis=0), real.max(axis=0)
    half = 0.65 * ((high - low).max() or 1.0)
    return tuple((centre - half, centre + half) for centre in (low + high) / 2)


def _radius(latent):
    return max(2.0, math.sqrt(latent))


def _outside(points, window):
    low, high = np.transpose(window)
    return np.count_nonzero(((points < low) | (points > high)).any(axis=1))


def _caption(real, fake, window, critic, latent):
    text = f"{len(real):,} real and {len(fake):,} generated points"
    text += f", {_outside(fake, window):,} of these beyond the frame." if _outside(fake, window) else "."
    if critic:
        text += "  Shading: the critic's value; lighter means more real."
    if latent:
        radius = f"{_radius(latent):.3g}"
        text += f"  Right: the generator's image of a square grid, from −{radius} to {radius}, of "
        text += "its latent plane." if latent == 2 else f"the plane z = (z₁, z₂, 0, …, 0) of {latent} latent numbers."
    return text
