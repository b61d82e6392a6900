"""A lint for all formulas of the chapters and pages: it finds those that GitHub, Jupyter, Colab and the site differ on.

    python docs/scripts/formulas.py

It first looks for formulas that Markdown changes before TeX reads them, then checks each formula with KaTeX in strict
mode.  Needs node, and KaTeX from `npm install` in docs/site.
"""

import json
import re
import subprocess
import sys
from pathlib import Path

from contents import ROOT, TUTORIALS

JUDGE = Path(__file__).with_suffix(".cjs")
KATEX = ROOT / "docs" / "site" / "node_modules" / "katex"


def texts():
    """Return {name: Markdown} of each page, and of the text cells of each chapter."""
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), *sorted(TUTORIALS.glob("*.md"))]
    found = {str(page.relative_to(ROOT)): page.read_text() for page in pages}
    for script in [*sorted(TUTORIALS.glob("ch*.py")), *TUTORIALS.glob("errata.py")]:
        cells = re.split(r"^# %%", script.read_text(), flags=re.M)
        text = "\n\n".join(cell.partition("\n")[2] for cell in cells if cell.startswith(" [markdown]"))
        found[script.name] = re.sub(r"^# ?", "", text, flags=re.M)
    return found


def formulas(text):
    """Return the formulas of a text, [(TeX, whether it is display math)], and a list of the mistakes in Markdown."""
    found, wrong = [], []
    for block in blocks(text):
        for i, part in enumerate(re.split(r"^ *\$\$(.+?)\$\$ *$", block, flags=re.M | re.S)):
            if i % 2:
                found.append((part.strip(), True))
            else:
                found += [(tex, False) for tex in re.findall(r"\$([^$]+)\$", part)]
                wrong += list(complaints(part))
    wrong += [rf"\* in {tex!r}: write * or \ast" for tex, _ in found if r"\*" in tex]
    return found, wrong


def blocks(text):
    """Yield the blocks of Markdown, without code: paragraphs and the items of lists."""
    text = re.sub(r"^```.*?^```$", "", text, flags=re.M | re.S)
    for paragraph in re.split(r"\n\s*\n", text):
        if not paragraph.startswith("    "):
            prose = re.sub(r"`[^`]*`", "code", paragraph)
            in_display = prose.lstrip().startswith("$$")
            yield from [prose] if in_display else re.split(r"\n(?=\s*(?:[*+-]|\d+[.)]|#+|>)\s)", prose)


def complaints(part):
    """Yield the mistakes in text that should have no formulas except those between single dollars."""
    if "$$" in part:
        yield f"display math needs lines of its own: {part.strip()!r}"
    elif part.count("$") % 2:
        yield f"a formula is cut in two, by a line in it that starts a list or by a missing $: {part.strip()!r}"
    for tex in re.findall(r"\$([^$]+)\$", part):
        if tex != tex.strip():
            yield f"a space inside the dollars: ${tex}$"
        if part.lstrip().startswith("|") and ("|" in tex or "\\|" in tex):
            yield rf"a bar in a table cuts its cell: ${tex}$; write \lvert, \mid or \lVert"


def judged(found):
    """Return a message for each formula that KaTeX refuses."""
    given = json.dumps([{"tex": tex, "display": display} for tex, display in found])
    done = subprocess.run(["node", JUDGE], input=given, capture_output=True, text=True, check=True)
    return [f"{message} in {found[i][0]!r}" for i, message in json.loads(done.stdout)]


def lint(text, judge=judged):
    """Return the messages about all mistakes in the formulas of a text."""
    found, wrong = formulas(text)
    return wrong + judge(found)


if __name__ == "__main__":
    wrong = [f"{name}: {line}" for name, text in texts().items() for line in lint(text)]
    sys.exit("\n".join(wrong) or None)
