"""Build the site: docs/site/_build/html.

    python docs/site/build.py

Needs `pip install -e ".[docs]"`, and npm for MathJax.  Once npm has fetched that, neither this nor the site needs a
network.  Every warning is an error, and so is a public name without an entry in the reference.
"""

import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "scripts"))

import api  # noqa: E402
import nbformat  # noqa: E402
from contents import ROOT, TUTORIALS, colab  # noqa: E402
from sphinx.cmd.build import main as sphinx  # noqa: E402
from sphinx.util.inventory import InventoryFile  # noqa: E402

from minigan import verify  # noqa: E402

BUILD = HERE / "_build"
SOURCE, HTML = BUILD / "source", BUILD / "html"
PACKAGES = HERE / "node_modules"
FIGURES = {  # chapter: (what a reader can move there, the figure's name in static/figures)
    "ch04_optimal_discriminator": (
        "Move the generator, and see what the discriminator can tell.",
        "optimal-discriminator",
    ),
    "ch07_dirac_gan": ("Train it: which losses, steps and penalties find the goal?", "dirac-gan"),
    "ch11_convolutions": ("Step through both operations, product by product.", "convolution"),
}


def main():
    shutil.rmtree(BUILD, ignore_errors=True)
    assemble(SOURCE)
    if not vendor(BUILD / "vendored" / "mathjax"):
        print("npm is missing or cannot fetch MathJax: the site's formulas will be shown as TeX")
    status = sphinx(["-b", "html", "-c", str(HERE), "-W", "--keep-going", "-q", str(SOURCE), str(HTML)])
    if status == 0 and (absent := api.missing(inventory(HTML / "objects.inv"))):
        print(f"the reference has no entry for {', '.join(absent)}")
        return 1
    if status == 0:
        print(f"site: {HTML / 'index.html'}")
    return status


def inventory(path):
    """Return the names of everything in Python that the site has an entry for."""
    found = InventoryFile.loads(path.read_bytes(), uri="").data
    return {name for kind, entries in found.items() if kind.startswith("py:") for name in entries}


def assemble(folder):
    """Write the pages, laid out as in the repository so that the links between them hold, and the reference."""
    (folder / "docs").mkdir(parents=True)
    for page in [*(ROOT / "docs").glob("*.md"), *(ROOT / "docs").glob("*.png")]:
        shutil.copy(page, folder / "docs")
    shutil.copytree(ROOT / "docs" / "gallery", folder / "docs" / "gallery")
    shutil.copytree(TUTORIALS, folder / "tutorials", ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    for notebook in (folder / "tutorials" / "notebooks").glob("*.ipynb"):
        for_the_site(notebook)
    readme = (ROOT / "README.md").read_text()
    (folder / "index.md").write_text(f"{readme}\n{(HERE / 'index.md').read_text()}")
    contents = (TUTORIALS / "README.md").read_text().replace("](../README.md)", "](../index.md)")
    notebooks = [f"notebooks/{script.stem}" for script in verify.chapters(TUTORIALS)]
    toctree = ["```{toctree}", ":hidden:", "", *notebooks, "NOTATION", "NUMBERS", "```", ""]
    (folder / "tutorials" / "README.md").write_text("\n".join([contents, *toctree]))
    api.write(folder / "api")


def for_the_site(notebook):
    """Replace the badge, a picture from elsewhere, by a link, and insert the chapter's interactive figure."""
    book = nbformat.read(notebook, 4)
    chapter = book.cells[1]
    heading, rest = chapter.source.split("\n", 1)
    chapter.source = f"{heading}\n\n[Open in Colab]({colab(notebook.stem)})\n{rest}"
    del book.cells[0]
    if notebook.stem in FIGURES:
        place = next(i for i, cell in enumerate(book.cells) if cell.source.startswith("## What goes wrong"))
        book.cells.insert(place, nbformat.v4.new_markdown_cell(moving(*FIGURES[notebook.stem]), id="figure"))
    nbformat.write(book, notebook)


def moving(invitation, name):
    """Return the Markdown of a place in which a script draws a figure."""
    return f'{invitation}\n\n<div class="interactive" data-figure="{name}"></div>'


def vendor(folder):
    """Copy MathJax and its font to where the pages load them from; return whether npm has fetched them."""
    if not fetched():
        folder.mkdir(parents=True)
        return False
    for file in ("tex-chtml.js", "a11y/assistive-mml.js"):
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(PACKAGES / "mathjax" / file, folder / file)
    font = PACKAGES / "@mathjax" / "mathjax-newcm-font"
    shutil.copytree(font / "chtml", folder / "newcm" / "chtml")
    return True


def fetched():
    """Return whether the packages of package.json are here, after an attempt to fetch them from npm."""
    if (PACKAGES / "mathjax").exists():
        return True
    if shutil.which("npm") is None:
        return False
    install = ["npm", "install", "--no-package-lock", "--no-audit", "--no-fund", "--fetch-retries=1"]
    return subprocess.run(install, cwd=HERE).returncode == 0


if __name__ == "__main__":
    sys.exit(main())
