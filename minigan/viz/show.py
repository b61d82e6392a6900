"""Display of a figure: in a file beside the running script, or in the notebook."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from ..check.claims import is_collecting
from .style import png, save

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["show"]


def __dir__() -> list[str]:
    return sorted(__all__)


def show(draw: Callable[[], Figure], name: str) -> None:
    """Draw a figure and show it to the reader of a script or a notebook.

    A script writes figures/NAME.png beside itself and prints the path; a notebook displays the figure. Nothing is
    drawn at a plain Python prompt, or while `minigan verify` runs the script.

    Args:
        draw: Function without arguments that draws the figure.
        name: Name of the file, without its ending.
    """
    script = _script()
    if is_collecting() or (script is None and "IPython" not in sys.modules):
        return
    if script is None:
        _display(draw())
        return
    path = script.parent / "figures" / f"{name}.png"
    path.parent.mkdir(exist_ok=True)
    save(path, draw())
    print(f"picture: {path}")


def _script():
    """Return the path of the running script, or None in a notebook and at a prompt."""
    import __main__

    file = getattr(__main__, "__file__", None)
    return None if file is None else Path(file).resolve()


def _display(figure):
    from IPython.display import Image, display

    picture, width = png(figure)
    display(Image(picture, width=width))
