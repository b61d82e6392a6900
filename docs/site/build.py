"""Build the site: docs/site/_build/html.

    python docs/site/build.py

Needs `pip install -e ".[docs]"` and npm.  Once npm has fetched MathJax, neither this nor the site needs a network.
Every warning is an error.
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

from minigan import verify  # noqa: E402

BUILD = HERE / "_build"
SOURCE, HTML = BUILD / "source", BUILD / "html"
PACKAGES = HERE / "node_modules"


def main():
    shutil.rmtree(BUILD, ignore_errors=True)
    assemble(SOURCE)
    vendor(BUILD / "vendored" / "mathjax")
    status = sphinx(["-b", "html", "-c", str(HERE), "-W", "--keep-going", "-q", str(SOURCE), str(HTML)])
    if status == 0:
        print(f"site: {HTML / 'index.html'}")
    return status


def assemble(folder):
    """The pages, laid out as in the repository, so that the links between them hold; and the reference."""
    (folder / "docs").mkdir(parents=True)
    for page in [*(ROOT / "docs").glob("*.md"), *(ROOT / "docs").glob("*.png")]:
        shutil.copy(page, folder / "docs")
    shutil.copytree(TUTORIALS, folder / "tutorials", ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    for notebook in (folder / "tutorials" / "notebooks").glob("*.ipynb"):
        without_badge(notebook)
    readme = (ROOT / "README.md").read_text()
    (folder / "index.md").write_text(f"{readme}\n{(HERE / 'index.md').read_text()}")
    contents = (TUTORIALS / "README.md").read_text().replace("](../README.md)", "](../index.md)")
    notebooks = [f"notebooks/{script.stem}" for script in verify.chapters(TUTORIALS)]
    toctree = ["```{toctree}", ":hidden:", "", *notebooks, "NOTATION", "```", ""]
    (folder / "tutorials" / "README.md").write_text("\n".join([contents, *toctree]))
    api.write(folder / "api")


def without_badge(notebook):
    """The badge is a picture from elsewhere, above the title: the site has a link below it instead."""
    book = nbformat.read(notebook, 4)
    chapter = book.cells[1]
    heading, rest = chapter.source.split("\n", 1)
    chapter.source = f"{heading}\n\n[Open in Colab]({colab(notebook.stem)})\n{rest}"
    del book.cells[0]
    nbformat.write(book, notebook)


def vendor(folder):
    """MathJax and its font, as the pages load them; from npm, at the versions in package.json."""
    if not PACKAGES.exists():
        subprocess.run(["npm", "install", "--no-package-lock", "--no-audit", "--no-fund"], cwd=HERE, check=True)
    for file in ("tex-chtml.js", "a11y/assistive-mml.js"):
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(PACKAGES / "mathjax" / file, folder / file)
    font = PACKAGES / "@mathjax" / "mathjax-newcm-font"
    shutil.copytree(font / "chtml", folder / "newcm" / "chtml")


if __name__ == "__main__":
    sys.exit(main())
