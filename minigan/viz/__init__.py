"""Pictures of a GAN: its samples, its training, and its comparison with others.

| picture | shows |
|---|---|
| `image_grid`, `save_grid` | samples, pixel for pixel |
| `interpolation`, with `slerp` | the images between pairs of latent points |
| `neighbours` | generated images, each beside the nearest real images |
| `curves` | losses, penalty and gradient norms during a run |
| `plane` | points in the plane over the critic's surface, and the generator's image of a latent grid |
| `save_gif`, `training_gif` | samples during training, always from the same noise, as an animation |
| `seeds` | the value of every seed for every method, with the floor and the published value |

`interpolation`, `neighbours`, `curves`, `plane` and `seeds` write a .png, .svg or .pdf file, completely or not at all,
and return the matplotlib Figure, which a notebook shows; with a path of None they write no file. `show` saves a figure
beside the running script or displays it in the notebook, and `pixels` turns a figure into a frame of an animation. All
figures share the colours and sizes of `style`. They use neither pyplot nor any other global state, so threads and
processes may draw at the same time. matplotlib and Pillow are imported with the first picture.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .animation import save_gif, training_gif
from .curves import curves
from .images import image_grid, save_grid
from .latent import interpolation, slerp
from .neighbours import neighbours
from .plane import plane
from .seeds import seeds
from .show import show
from .style import Page, pixels, save

__all__ = [
    "Page",
    "curves",
    "image_grid",
    "interpolation",
    "neighbours",
    "pixels",
    "plane",
    "save",
    "save_gif",
    "save_grid",
    "seeds",
    "show",
    "slerp",
    "training_gif",
]


# Names of other libraries, with the way to do it here.
_ELSEWHERE = {
    "make_grid": "use viz.image_grid(images, columns)",
    "save_image": "use viz.save_grid(path, images, columns)",
}

if not TYPE_CHECKING:  # a type checker would take every misspelt name for an attribute

    def __getattr__(name):
        from ..suggest import missing

        raise missing(__name__, name, _ELSEWHERE)


def __dir__() -> list[str]:
    return sorted(__all__)
