"""The notebooks of the tutorials: tutorials/notebooks/*.ipynb, made of the scripts, run, with their outputs.

    python docs/scripts/notebooks.py            all of them
    python docs/scripts/notebooks.py 4 errata   some

The scripts are the only source; nobody edits a notebook.  A second run on one machine writes the same bytes.
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
# On Colab, this installs minigan.  Where it is installed, nothing happens.
import importlib.util

if importlib.util.find_spec("minigan") is None:
    %pip install -q git+https://github.com/{REPOSITORY}"""


def notebook(script):
    """A chapter as a notebook that has not been run."""
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
    """The cell that makes `import minigan` work where nothing is installed; the site does not show it."""
    return nbformat.v4.new_code_cell(BOOTSTRAP, metadata={"tags": ["bootstrap", "remove-cell"]})


def collapse(cell):
    """Fold a solution away: code in Jupyter its source, on the site all of it; text everywhere, as HTML does it."""
    if cell.cell_type == "markdown":
        cell.metadata = nbformat.NotebookNode(tags=["solution"])
        cell.source = FOLDED.format(cell.source)
    else:
        cell.metadata = nbformat.NotebookNode(tags=["solution", "hide-cell"], jupyter={"source_hidden": True})


def folded(book):
    """Colab folds sections, not cells: that of the solutions, which it knows by its heading's id."""
    sections = [cell for cell in book.cells if cell.source.startswith("## Solutions")]
    for cell in sections:
        cell.metadata["id"] = cell.id
    return {"collapsed_sections": [cell.id for cell in sections]}


def run(book):
    """Execute a notebook in place.  RuntimeError for what no reader should see: a warning on stderr."""
    client = NotebookClient(book, timeout=120, record_timing=False, coalesce_streams=True)
    client.execute(cwd=TUTORIALS, env=os.environ | {"OPENBLAS_NUM_THREADS": "1"})
    book.metadata.language_info = {"name": "python"}  # without the version of this machine's Python
    for output in (output for cell in book.cells for output in cell.get("outputs", ())):
        if output.get("name") == "stderr":
            raise RuntimeError(f"on stderr: {output.text}")
        if "image/png" in output.get("data", {}):
            output.data["image/png"] = smaller(output.data["image/png"])


def smaller(png):
    """A picture, base64, in at most 256 colours: a third of the bytes, and no difference to see in a diagram."""
    picture = Image.open(io.BytesIO(base64.b64decode(png))).convert("RGB")
    file = io.BytesIO()
    picture.quantize(256, dither=Image.Dither.NONE).save(file, "png", optimize=True)
    return base64.b64encode(file.getvalue()).decode()


def main(wanted):
    NOTEBOOKS.mkdir(exist_ok=True)
    for script in verify.chapters(TUTORIALS, wanted):
        book = notebook(script)
        run(book)
        with replacing(NOTEBOOKS / f"{script.stem}.ipynb") as file:
            file.write((nbformat.writes(book) + "\n").encode())
        print(f"{script.stem}: {len(book.cells)} cells")


if __name__ == "__main__":
    main(sys.argv[1:])
