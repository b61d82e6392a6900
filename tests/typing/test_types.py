"""Pyright and mypy on correct code, on planted mistakes, on the documentation and on the package itself."""

import json
import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HERE = ROOT / "tests" / "typing"
STUBS = sorted(".".join(path.relative_to(ROOT).with_suffix("").parts) for path in (ROOT / "minigan").rglob("*.pyi"))
# Rules that fragments of code break: they use names from the text around them, and packages that may be missing.
FRAGMENT = {"reportUndefinedVariable", "reportMissingImports", "reportMissingModuleSource", "name-defined"}

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not find_spec("mypy"), reason="mypy is not installed: pip install mypy"),
    pytest.mark.skipif(not find_spec("pyright"), reason='pyright is not installed: pip install "pyright[nodejs]"'),
]


def run(*command):
    environment = os.environ | {"MYPYPATH": str(ROOT), "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, "-m", *map(str, command)], cwd=ROOT, env=environment, capture_output=True, text=True
    )


def pyright(files, folder):
    """{(file name, line): message} for every error in `files`, in basic mode."""
    for file in files:  # a project holds its files: links and absolute paths are passed over
        (folder / file.name).write_text(file.read_text())
    settings = {"extraPaths": [str(ROOT), str(ROOT / "tutorials")], "typeCheckingMode": "basic"}
    (folder / "pyrightconfig.json").write_text(json.dumps(settings))
    answer = run("pyright", "--project", folder, "--pythonpath", sys.executable, "--outputjson")
    assert answer.stdout.startswith("{"), answer.stdout + answer.stderr
    report = json.loads(answer.stdout)
    assert report["summary"]["filesAnalyzed"] >= len(files)
    return {
        (Path(d["file"]).name, d["range"]["start"]["line"] + 1): f"{d.get('rule')}: {d['message']}"
        for d in report["generalDiagnostics"]
        if d["severity"] == "error"
    }


def mypy(files, folder):
    """{(file name, line): message} for every error in `files`."""
    options = ("--ignore-missing-imports", "--follow-imports=silent", "--show-absolute-path", "--no-error-summary")
    answer = run("mypy", *options, "--cache-dir", folder / "cache", "--scripts-are-modules", *files)
    found = re.findall(r"^(.*?):(\d+): error: (.*)$", answer.stdout, re.MULTILINE)
    assert answer.returncode == 0 or found, answer.stdout + answer.stderr
    return {(Path(path).name, int(line)): message for path, line, message in found}


def blocks(folder):
    """The Python blocks of README and docs as files, which may be fragments that use names of earlier blocks."""
    files = []
    for page in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]:
        for k, block in enumerate(re.findall(r"^```python\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)):
            files.append(folder / f"{page.stem.replace('-', '_')}_{k}.py")
            files[-1].write_text(block)
    return files


@pytest.fixture(params=[pyright, mypy], ids=["pyright", "mypy"])
def checker(request):
    return request.param


def test_a_users_script_has_no_false_error(checker, tmp_path):
    assert not checker([HERE / "user_script.py"], tmp_path)


def test_a_users_script_runs():
    script = (HERE / "user_script.py").read_text()
    assert [int(n) for n in re.findall(r"# (\d+)$", script, re.MULTILINE)] == [*range(1, 61)]
    answer = subprocess.run(
        [sys.executable, HERE / "user_script.py"],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert answer.returncode == 0, answer.stderr


def test_each_planted_mistake_is_reported(checker, tmp_path):
    path = HERE / "mistakes.py"
    planted = {n: line for n, line in enumerate(path.read_text().splitlines(), 1) if "# mistake: " in line}
    assert len(planted) == 5
    reported = {line for _, line in checker([path], tmp_path)}
    assert reported == planted.keys(), [line for n, line in planted.items() if n not in reported]


def test_documentation_has_no_false_error(checker, tmp_path):
    files = blocks(tmp_path)
    assert len(files) > 5
    found = checker(files, tmp_path)
    assert not {at: said for at, said in found.items() if not any(rule in said for rule in FRAGMENT)}


def test_chapters_have_no_false_error(checker, tmp_path):
    found = checker(sorted((ROOT / "tutorials").glob("ch*.py")), tmp_path)
    assert not {at: said for at, said in found.items() if not any(rule in said for rule in FRAGMENT)}


@pytest.mark.skipif(
    not (find_spec("torch") and find_spec("onnx")),
    reason='without PyTorch pyright takes minigan/interchange/torch.py for it: pip install -e ".[peers,onnx]"',
)
def test_the_package_has_no_error_for_pyright():
    answer = run("pyright", "--pythonpath", sys.executable)
    assert answer.returncode == 0, answer.stdout + answer.stderr


def test_the_package_has_no_error_for_mypy(tmp_path):
    answer = run("mypy", "--cache-dir", tmp_path)
    assert answer.returncode == 0, answer.stdout + answer.stderr


def test_public_types_are_complete():
    answer = run(
        "pyright", "--pythonpath", sys.executable, "--verifytypes", "minigan", "--ignoreexternal", "--outputjson"
    )
    report = json.loads(answer.stdout)["typeCompleteness"]
    unknown = [s["name"] for s in report["symbols"] if s["isExported"] and not s["isTypeKnown"]]
    assert report["completenessScore"] >= 0.95, unknown


def test_stubs_agree_with_their_modules():
    answer = run("mypy.stubtest", *STUBS, "--concise", "--allowlist", HERE / "stubtest_allowlist.txt")
    assert answer.returncode == 0, answer.stdout + answer.stderr
