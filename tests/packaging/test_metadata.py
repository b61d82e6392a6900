"""Facts that several files state agree: versions, addresses, lower bounds, the supported Pythons."""

import re
import tomllib
from pathlib import Path

import pytest

import minigan as mg

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
TESTED = ("data", "mpi", "onnx", "slurm", "tensorboard", "test")  # extras that .ci/lowest installs


def text(name):
    return (ROOT / name).read_text(encoding="utf-8")


def bounds():
    """Yield (package, lower bound) of each dependency that the lowest versions are tested for."""
    extras = [line for name in TESTED for line in PROJECT["optional-dependencies"][name]]
    for requirement in PROJECT["dependencies"] + extras:
        if not requirement.startswith("minigan["):
            yield re.match(r"([\w-]+)>=([\d.]+)", requirement).groups()


def padded(version):
    """Return the version as numbers, so that 2.0 and 2.0.0 are equal."""
    numbers = [int(number) for number in version.split(".")]
    return (*numbers, *[0] * (4 - len(numbers)))


def test_the_lowest_versions_that_are_tested_are_the_lower_bounds():
    tested = dict(re.findall(r"^([\w-]+)==([\d.]+)", text("tests/packaging/lowest.txt"), re.M))
    claimed = dict(bounds())
    assert {name: padded(v) for name, v in tested.items()} == {name: padded(v) for name, v in claimed.items()}


def test_the_supported_pythons_are_those_that_are_tested():
    workflow = re.search(r"^ +python: \[(.*)\]$", text(".github/workflows/ci.yml"), re.M)[1]
    tested = re.findall(r"3\.\d+", workflow)
    assert [f"Programming Language :: Python :: {v}" in PROJECT["classifiers"] for v in tested] == [True] * len(tested)
    assert PROJECT["requires-python"] == f">={tested[0]}"


def test_the_repository_has_one_address():
    repository = re.search(r'^REPOSITORY = "(.*)"', text("docs/scripts/contents.py"), re.M)[1]
    addresses = list(PROJECT["urls"].values())
    for name in ("CITATION.cff", "SECURITY.md", "CHANGELOG.md"):
        addresses += re.findall(r"https://github\.com/[^\s)\"]+", text(name))
    assert len(addresses) > len(PROJECT["urls"])
    assert {"/".join(address.split("/")[3:5]) for address in addresses} == {repository}


def test_the_version_is_the_same_everywhere():
    assert re.search(r"^version: (.*)$", text("CITATION.cff"), re.M)[1] == mg.__version__
    assert re.search(r"^## \[([\d.]+)\]", text("CHANGELOG.md"), re.M)[1] == mg.__version__


@pytest.mark.parametrize("name", ["CHANGELOG.md", "CONTRIBUTING.md", "README.md", "SECURITY.md"])
def test_links_lead_somewhere(name):
    links = re.findall(r"\]\((?!\w+:|#)([^)#]+)", text(name))
    assert [link for link in links if not (ROOT / link).exists()] == []
