"""Pictures of a GAN: what it draws, how it got there, and how it compares.

| picture | shows |
|---|---|
| `image_grid`, `save_grid` | samples, pixel for pixel |
| `interpolation`, with `slerp` | the images between pairs of latent points |
| `neighbours` | generated images, each beside the nearest real ones |
| `curves` | losses, penalty and gradient norms over the steps of a run |
| `plane` | points in the plane over the critic's surface, and the generator's image of a latent grid |
| `save_gif`, `training_gif` | training from fixed noise, animated |
| `seeds` | every seed's number for every method, with the floor and the published value |

`show` puts a figure where its reader is: beside the script that draws it, or in the notebook.
`interpolation`, `neighbours`, `curves`, `plane` and `seeds` write a .png, .svg or .pdf file, complete or not at all,
and return the matplotlib Figure; a path of None only draws.  `pixels` turns a figure into a frame of an animation.  All
share the look of `style`, and none touches pyplot or any other global state: threads and processes may draw at once.
"""

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
