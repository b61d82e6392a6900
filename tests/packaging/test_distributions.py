"""The sdist and the wheel, built from the working tree: what is in them and what a package index makes of them."""

import email
import re
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

for module in ("build", "twine", "hatchling", "hatch_fancy_pypi_readme"):
    pytest.importorskip(module, reason=f'{module} is not installed: pip install -e ".[dev]"')

ROOT = Path(__file__).parents[2]
FOLDERS = {".ci", "benchmarks", "docs", "minigan", "tests", "tutorials"}
FILES = {
    ".gitignore", "CHANGELOG.md", "CITATION.cff", "CONTRIBUTING.md", "LICENSE", "PKG-INFO", "README.md", "SECURITY.md",
    "pyproject.toml",
}  # fmt: skip


def tracked(*folders):
    """Return the files below these folders that git tracks."""
    done = subprocess.run(["git", "ls-files", "-z", *folders], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip("this is no clone, so git does not know what belongs to it")
    return {name for name in done.stdout.split("\0") if name and (ROOT / name).exists()}


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Return the folder with the sdist, and with the wheel that is built from it."""
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def wheel(built):
    (path,) = built.glob("*.whl")
    with zipfile.ZipFile(path) as archive:
        yield archive


@pytest.fixture(scope="module")
def sdist(built, tmp_path_factory):
    """Return the folder of the unpacked sdist."""
    (path,) = built.glob("*.tar.gz")
    folder = tmp_path_factory.mktemp("sdist")
    with tarfile.open(path) as archive:
        archive.extractall(folder, filter="data")
    (unpacked,) = folder.iterdir()
    return unpacked


@pytest.fixture(scope="module")
def metadata(wheel):
    (name,) = [name for name in wheel.namelist() if name.endswith(".dist-info/METADATA")]
    return email.message_from_bytes(wheel.read(name))


def test_the_wheel_holds_the_package_and_nothing_else(wheel):
    package = {name for name in wheel.namelist() if ".dist-info/" not in name}
    assert package == tracked("minigan")
    assert {"minigan/py.typed", "minigan/data/files/ATTRIBUTION.md"} <= package


def test_the_wheel_brings_the_licences_of_code_and_data(wheel, metadata):
    assert metadata["License-Expression"] == "MIT AND CC-BY-SA-3.0 AND CC-BY-4.0"
    files = metadata.get_all("License-File")
    assert files == ["LICENSE", "minigan/data/files/ATTRIBUTION.md"]
    (folder,) = {name.split("/")[0] for name in wheel.namelist() if ".dist-info/" in name}
    for file in files:
        assert wheel.read(f"{folder}/licenses/{file}") == (ROOT / file).read_bytes()


def test_the_sdist_is_whole_and_has_no_strays(sdist):
    found = {str(path.relative_to(sdist)) for path in sdist.rglob("*") if path.is_file()}
    assert found == tracked(*FOLDERS) | FILES


def test_the_tests_in_the_sdist_can_be_collected(sdist):
    command = [sys.executable, "-m", "pytest", "-q", "--collect-only", "-n0", "-p", "no:cacheprovider"]
    done = subprocess.run(command, cwd=sdist, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:]


def test_twine_finds_no_fault(built):
    command = [sys.executable, "-m", "twine", "check", "--strict", *map(str, built.iterdir())]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_a_package_index_can_show_the_readme(metadata):
    """Every link and picture has a whole address, which ends in a file that exists here."""
    page = metadata.get_payload()
    targets = re.findall(r"\]\(([^)]+)\)", page)
    assert len(targets) == len(re.findall(r"\]\(([^)]+)\)", (ROOT / "README.md").read_text()))
    ours = re.compile(r"https://(?:raw\.githubusercontent|github)\.com/minigan/minigan/(?:blob/)?main/(.*)")
    for target in targets:
        address = ours.fullmatch(target)
        assert address, target
        assert (ROOT / address[1].partition("#")[0]).exists(), target
    assert page.count("![") == page.count("](https://raw.githubusercontent.com/") == 1
