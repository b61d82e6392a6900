"""The notebooks of the tutorials: make tutorials/notebooks/*.ipynb from the scripts, and run them for their outputs.

    python docs/scripts/notebooks.py            all of them
    python docs/scripts/notebooks.py 4 errata   some of them

Never edit a notebook: edit its script.  A second run on one machine writes the same bytes.
Needs `pip install -e ".[docs]"`.
"""

import base64
import io
import os
import sys

import jupytext
import nbformat
from contents import REPOSITORY, TUTORIALS, colab
from nbclient import NotebookClient
from PIL import Image

from minigan import verify
from minigan.files import replacing

NOTEBOOKS = TUTORIALS / "notebooks"
KERNEL = {"name": "python3", "display_name": "Python 3", "language": "python"}
BADGE = "[![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)]({})"
FOLDED = "<details><summary>Show the solution</summary>\n\n{}\n\n</details>"
BOOTSTRAP = f"""\
# On Colab, this installs minigan.  If it is installed already, nothing happens.
import importlib.util

if importlib.util.find_spec("minigan") is None:
    %pip install -q git+https://github.com/{REPOSITORY}"""


def notebook(script):
    """Return a chapter as a notebook that has not been run."""
    book = jupytext.reads(script.read_text(), fmt="py:percent")
    book.cells[1:1] = [bootstrap()]
    book.cells[:0] = [nbformat.v4.new_markdown_cell(BADGE.format(colab(script.stem)))]
    for i, cell in enumerate(book.cells):
        cell.id = f"cell-{i}"  # nbformat's own ids are random
        cell.source = cell.source.strip("\n")
        if "solution" in cell.metadata.get("tags", ()):
            collapse(cell)
    book.metadata = nbformat.NotebookNode(kernelspec=KERNEL, language_info={"name": "python"}, colab=folded(book))
    book.nbformat, book.nbformat_minor = 4, 5
    return book


def bootstrap():
    """Return the cell that installs minigan where it is missing; the site does not show it."""
    return nbformat.v4.new_code_cell(BOOTSTRAP, metadata={"tags": ["bootstrap", "remove-cell"]})


def collapse(cell):
    """Fold a solution away: the source of code in Jupyter, the whole cell on the site, and text as HTML details."""
    if cell.cell_type == "markdown":
        cell.metadata = nbformat.NotebookNode(tags=["solution"])
        cell.source = FOLDED.format(cell.source)
    else:
        cell.metadata = nbformat.NotebookNode(tags=["solution", "hide-cell"], jupyter={"source_hidden": True})


def folded(book):
    """Return the metadata with which Colab, which folds sections and not cells, folds the section of the solutions."""
    sections = [cell for cell in book.cells if cell.source.startswith("## Solutions")]
    for cell in sections:
        cell.metadata["id"] = cell.id
    return {"collapsed_sections": [cell.id for cell in sections]}


def run(book):
    """Execute a notebook in place.

    Raises:
        RuntimeError: a cell writes to stderr, such as a warning, which readers should not see.
    """
    client = NotebookClient(book, timeout=120, record_timing=False, coalesce_streams=True)
    client.execute(cwd=TUTORIALS, env=os.environ | {"OPENBLAS_NUM_THREADS": "1"})
    book.metadata.language_info = {"name": "python"}  # without the version of this machine's Python
    for output in (output for cell in book.cells for output in cell.get("outputs", ())):
        if output.get("name") == "stderr":
            raise RuntimeError(f"on stderr: {output.text}")
        if "image/png" in output.get("data", {}):
            output.data["image/png"] = smaller(output.data["image/png"])


def smaller(png):
    """Return a picture (base64) in at most 256 colours: a third of the bytes, without a visible difference."""
    picture = Image.open(io.BytesIO(base64.b64decode(png))).convert("RGB")
    file = io.BytesIO()
    picture.quantize(256, dither=Image.Dither.NONE).save(file, "png", optimize=True)
    return base64.b64encode(file.getvalue()).decode()


def main(wanted):
    """Make, run and write the notebooks of the chapters `wanted`, or of all."""
    NOTEBOOKS.mkdir(exist_ok=True)
    for script in verify.chapters(TUTORIALS, wanted):
        book = notebook(script)
        run(book)
        with replacing(NOTEBOOKS / f"{script.stem}.ipynb") as file:
            file.write((nbformat.writes(book) + "\n").encode())
        print(f"{script.stem}: {len(book.cells)} cells")


if __name__ == "__main__":
    main(sys.argv[1:])
