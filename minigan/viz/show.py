"""A picture where its reader is: beside the script that draws it, or in the notebook."""

import io
import sys
from pathlib import Path

from ..check.claims import is_collecting
from .style import save


def show(draw, name):
    """Draw a picture, draw() -> Figure, and show it.

    Of a script it becomes figures/NAME.png beside it, and the path is printed; in a notebook it is displayed.  Nothing
    is drawn where claims are only verified, and where there is neither.
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
    """The running script, or None in a notebook and at a prompt."""
    import __main__

    file = getattr(__main__, "__file__", None)
    return None if file is None else Path(file).resolve()


def _display(figure):
    from IPython.display import Image, display

    png = io.BytesIO()
    figure.savefig(png, format="png")
    display(Image(png.getvalue(), width=int(figure.get_figwidth() * 100)))
