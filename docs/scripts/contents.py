"""The contents page of the tutorials, tutorials/README.md: title, opening and picture of each chapter.

    python docs/scripts/contents.py

Replaces the text between the page's two comments by text from the chapters themselves.
"""

import re
import textwrap
from pathlib import Path

from minigan import verify
from minigan.files import replacing

REPOSITORY = "minigan/minigan"  # on GitHub; the one place where it is named: notebooks and site take it from here

ROOT = Path(__file__).resolve().parents[2]
TUTORIALS = ROOT / "tutorials"
PAGE = TUTORIALS / "README.md"
FIRST, LAST = "<!-- chapters -->", "<!-- end of the chapters -->"
LONGEST = 200  # characters of an opening, whole sentences
COLUMNS = 88  # of the page's lines; a link that is longer stays whole


def colab(name):
    """Return the address at which Colab opens a chapter's notebook."""
    return f"https://colab.research.google.com/github/{REPOSITORY}/blob/main/tutorials/notebooks/{name}.ipynb"


def title(script):
    """Return a chapter's title, from its first heading."""
    return re.search(r"^# # (.+)$", script.read_text(), re.M)[1]


def opening(script):
    """Return the first sentences of a chapter's introduction, the paragraph after "What you need"."""
    introduction = re.search(r"^# \*\*What you need\*\*.*?\n#\n(.*?)\n#\n", script.read_text(), re.M | re.S)[1]
    text = " ".join(line.removeprefix("# ") for line in introduction.splitlines())
    first, *others = re.split(r"(?<=[.?!]) (?=[A-Z*])", text)
    for sentence in others:
        if len(first) + len(sentence) >= LONGEST:
            break
        first += f" {sentence}"
    return first


def entry(script):
    """Yield the paragraphs of a chapter on the page."""
    name = script.stem
    yield f"### {title(script)}"
    yield filled(opening(script))
    yield filled(f"[notebook](notebooks/{name}.ipynb) · [script]({name}.py) · [Colab]({colab(name)})")
    for figure in sorted((TUTORIALS / "figures").glob(f"{name}*.png")):
        yield filled(f"![The picture of: {title(script)}](figures/{figure.name})")


def filled(text):
    """Return a paragraph in lines of COLUMNS characters."""
    return textwrap.fill(text, COLUMNS, break_long_words=False, break_on_hyphens=False)


def page():
    """Return the whole text of the page: its chapters from the scripts, the rest as it is."""
    before, rest = PAGE.read_text().split(FIRST)
    entries = [line for script in verify.chapters(TUTORIALS) for line in entry(script)]
    return "\n\n".join([before + FIRST, *entries, LAST + rest.split(LAST)[1]])


if __name__ == "__main__":
    text = page()
    with replacing(PAGE) as file:
        file.write(text.encode())
