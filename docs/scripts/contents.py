"""The contents page of the tutorials, tutorials/README.md: of each chapter the title, the opening and the picture.

    python docs/scripts/contents.py

Writes what stands between the page's two comments anew, from the chapters themselves.
"""

import re
from pathlib import Path

from minigan import verify
from minigan.files import replacing

REPOSITORY = "minigan/minigan"  # on GitHub; the one place where it is named: notebooks and site take it from here

ROOT = Path(__file__).resolve().parents[2]
TUTORIALS = ROOT / "tutorials"
PAGE = TUTORIALS / "README.md"
FIRST, LAST = "<!-- chapters -->", "<!-- end of the chapters -->"
LONGEST = 200  # characters of an opening, whole sentences


def colab(name):
    """The address at which Colab opens a chapter's notebook."""
    return f"https://colab.research.google.com/github/{REPOSITORY}/blob/main/tutorials/notebooks/{name}.ipynb"


def title(script):
    """A chapter's title, as its first heading has it."""
    return re.search(r"^# # (.+)$", script.read_text(), re.M)[1]


def opening(script):
    """The first sentences of a chapter's introduction, the paragraph after "What you need"."""
    introduction = re.search(r"^# \*\*What you need\*\*.*?\n#\n(.*?)\n#\n", script.read_text(), re.M | re.S)[1]
    text = " ".join(line.removeprefix("# ") for line in introduction.splitlines())
    first, *others = re.split(r"(?<=[.?!]) (?=[A-Z*])", text)
    for sentence in others:
        if len(first) + len(sentence) >= LONGEST:
            break
        first += f" {sentence}"
    return first


def entry(script):
    """A chapter's lines on the page."""
    name = script.stem
    yield f"### {title(script)}"
    yield f"{opening(script)}\n[notebook](notebooks/{name}.ipynb) · [script]({name}.py) · [Colab]({colab(name)})"
    for figure in sorted((TUTORIALS / "figures").glob(f"{name}*.png")):
        yield f"![The picture of: {title(script)}](figures/{figure.name})"


def page():
    """The whole text of the page, its chapters from the scripts, all else as it is."""
    before, rest = PAGE.read_text().split(FIRST)
    entries = [line for script in verify.chapters(TUTORIALS) for line in entry(script)]
    return "\n\n".join([before + FIRST, *entries, LAST + rest.split(LAST)[1]])


if __name__ == "__main__":
    text = page()
    with replacing(PAGE) as file:
        file.write(text.encode())
