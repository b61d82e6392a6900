"""Every chapter runs, makes its checks and rejects every wrong variant."""

import ast
import functools
import subprocess
import sys
from pathlib import Path

import pytest

from minigan import verify

FOLDER = Path(__file__).parent
CHAPTERS = verify.chapters(FOLDER)
run = functools.cache(verify.run)
NAMES = [script.stem for script in CHAPTERS]


@pytest.mark.parametrize("script", CHAPTERS, ids=NAMES)
def test_chapter(script, capsys):
    chapter = run(script)
    rejected = sum(len(result.controls) for result in chapter.results)
    with capsys.disabled():
        print(
            f" {len(chapter.results)} checks, {rejected} wrong variants, "
            f"{chapter.seconds:.1f} s ",
            end="",
        )
    assert chapter.error is None
    assert chapter.results, "it checks nothing"
    for result in chapter.results:
        assert result.holds, "\n".join(result.lines())


@pytest.mark.parametrize("script", CHAPTERS, ids=NAMES)
def test_every_claim_is_checked_and_its_number_is_its_own(script):
    numbers = [result.number for result in run(script).results]
    assert numbers == sorted(set(numbers), key=numbers.index)
    assert script.read_text().count("\n@claim(") == len(numbers)
    prefix = str(int(script.stem[2:4])) if script.stem.startswith("ch") else "E"
    assert all(number.startswith(f"{prefix}.") for number in numbers)


@pytest.mark.parametrize("script", CHAPTERS, ids=NAMES)
def test_chapter_uses_only_what_a_reader_has(script):
    tree = ast.parse(script.read_text())
    imported = {
        name.split(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in (
            [node.module]
            if isinstance(node, ast.ImportFrom)
            else [alias.name for alias in node.names]
        )
    }
    assert imported <= {"numpy", "matplotlib", "minigan"} | set(sys.stdlib_module_names)
    private = {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and node.attr.startswith("_")
    }
    assert {name for name in private if not name.endswith("__")} == set()


def test_a_chapter_is_a_script_that_runs_from_any_folder(tmp_path):
    shortest = min(CHAPTERS, key=lambda script: script.stat().st_size)
    done = subprocess.run(
        [sys.executable, shortest],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "holds" in done.stdout
