"""The table of commands: what it feeds agrees, and nothing is imported before a command runs."""

import importlib
import itertools
import re
import subprocess
import sys
from pathlib import Path

import pytest

from minigan.cli import main, usage
from minigan.commands import COMMANDS

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_a_module_a_line_of_usage_and_a_line_of_the_readme(name):
    module_name = name.replace("-", "_")
    module = importlib.import_module(f"minigan.commands.{module_name}")
    assert callable(module.main)
    line = str(COMMANDS[name])
    assert f"\n  {line}\n" in usage()
    assert f"\n    {line}\n" in README
    assert len(line) <= 116


def test_the_readme_lists_no_other_command():
    after_minigan = [line.split()[1] for line in README.splitlines() if line.startswith("    minigan ")]
    assert set(after_minigan) == set(COMMANDS)


@pytest.mark.parametrize("name", sorted(set(COMMANDS) - {"presets"}))
def test_every_command_explains_itself(name, capsys):
    with pytest.raises(SystemExit) as exit_:
        main([name, "--help"])
    assert exit_.value.code == 0
    assert f"usage: minigan {name}" in capsys.readouterr().out


@pytest.mark.parametrize("columns", [80, 120])
@pytest.mark.parametrize("name", sorted(set(COMMANDS) - {"presets", "bench"}))
def test_the_lines_of_help_are_filled_and_no_default_is_none(name, columns, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(columns))
    with pytest.raises(SystemExit):
        main([name, "--help"])
    text = capsys.readouterr().out
    assert "None" not in text
    assert "(default: )" not in text
    lines = [line for line in text.splitlines() if not line.startswith("usage: ")]
    assert max(map(len, lines)) <= columns
    inside = max(map(len, lines)) - 8  # without the frame, and what some versions leave free
    for line, after in itertools.pairwise(line[1:-1].rstrip() for line in lines if line[:1] in ("│", "|")):
        words = after.split()
        within = after.startswith(" " * 8) and line.strip() and not line.lstrip().startswith("--")
        if words and within:  # the second line of a text, or a later one
            assert len(f"{line} {words[0]}") > inside, (line, after)


def fresh(script):
    """The output of a new Python process, which has imported nothing."""
    return subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)


@pytest.mark.parametrize("argument", ["--version", "--help", "trian"])
def test_what_needs_no_command_imports_none(argument):
    script = f"import sys; from minigan.cli import main; main([{argument!r}]); print(*sys.modules, file=sys.stderr)"
    imported = set(fresh(script).stderr.split())
    assert not {"tyro", "tqdm", "filelock", "safetensors", "minigan.data", "minigan.presets", "minigan.nn"} & imported
    assert not [name for name in imported if name.startswith("minigan.commands.")]


@pytest.mark.parametrize(("module", "package"), [("tyro", "tyro"), ("filelock", "filelock"), ("PIL", "Pillow")])
def test_a_package_that_is_missing_is_named_in_one_sentence(module, package, tmp_path):
    script = (
        f"import sys; sys.modules[{module!r}] = None; from minigan.cli import main\n"
        "options = ['--data', 'digits-8x8', '--steps', '1', '--generator-width', '2', '--critic-width', '2']\n"
        f"sys.exit(main(['train', *options, '--out', {str(tmp_path / 'run')!r}]))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 2
    *_, last = done.stderr.splitlines()
    assert re.fullmatch(rf"minigan: .+ needs {package}.*: pip install {package}", last)
    assert "Traceback" not in done.stderr


def test_numpy_alone_lists_the_presets():
    missing = ["tyro", "tqdm", "filelock", "safetensors", "matplotlib", "PIL", "threadpoolctl"]
    script = (
        f"import sys; sys.modules.update(dict.fromkeys({missing})); from minigan.cli import main\n"
        "sys.exit(main(['presets']))"
    )
    assert fresh(script).stdout.startswith("digits ")


def test_an_import_error_of_the_library_is_its_own_sentence(tmp_path):
    script = (
        "import sys; sys.modules['PIL'] = None; from minigan.cli import main\n"
        f"sys.exit(main(['train', '--data', {str(tmp_path)!r}]))"
    )
    (tmp_path / "a.png").touch()
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr == "minigan: reading a folder of images needs Pillow: pip install pillow\n"


def test_a_module_of_the_package_that_is_missing_is_not_the_users_mistake(monkeypatch):
    monkeypatch.setitem(sys.modules, "minigan.commands.presets", None)
    with pytest.raises(ModuleNotFoundError):
        main(["presets"])
