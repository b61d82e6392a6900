"""Every error of the list is planted, and its catcher, which passes on the library as it is, fails for it."""

from pathlib import Path

import pytest
from mutants import MUTANTS, table
from planting import Mutant

from minigan.gan import penalties

ROOT = Path(__file__).parents[2]
# Plugins with effects on the whole process; the last collects all garbage at the end of every session.
OFF = [f"-pno:{plugin}" for plugin in ("cacheprovider", "faulthandler", "unraisableexception")]


class Outcomes:
    """A pytest plugin that keeps which tests of a session passed, and what the others raised."""

    def __init__(self):
        self.passed, self.raised = [], []

    def pytest_runtest_makereport(self, item, call):
        if call.excinfo:
            self.raised.append(call.excinfo.value)
        elif call.when == "call":
            self.passed.append(item.nodeid.partition("[")[0])


def outcomes(*tests):
    """Of these tests, in a pytest session of their own within this process."""
    plugin = Outcomes()
    options = ["-s", "-q", "--no-header", "--tb=line", *OFF, f"--rootdir={ROOT}"]
    code = pytest.main([*options, *(f"{ROOT}/{test}" for test in tests)], plugins=[plugin])
    if code == pytest.ExitCode.INTERRUPTED:
        raise KeyboardInterrupt
    assert code in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED), "a catcher does not exist: see the output"
    return plugin


@pytest.fixture(scope="module")
def passed():
    """The catchers that pass with nothing planted; what they import is then what is written."""
    unplanted = outcomes(*dict.fromkeys(m.catcher for m in MUTANTS))
    assert not unplanted.raised
    return unplanted.passed


@pytest.mark.slow
@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda m: f"{m.number} {m.error}")
def test_the_catcher_passes_without_the_error_and_fails_for_it(mutant, passed, monkeypatch):
    assert mutant.catcher in passed
    mutant.plant(monkeypatch)
    raised = outcomes(mutant.catcher).raised
    assert raised, "the mutant survives"
    for error in raised:
        if mutant.says:
            assert mutant.says in str(error)
        else:  # an assertion of the test, or its complaint that nothing was raised
            assert isinstance(error, AssertionError | pytest.fail.Exception), repr(error)


def test_every_error_of_the_list_is_planted():
    assert sorted({m.number for m in MUTANTS}) == list(range(1, 30))
    assert len({m.error for m in MUTANTS}) == len(MUTANTS)


def test_the_table_is_that_of_the_mutants():
    readme = (Path(__file__).parent / "README.md").read_text(encoding="utf-8")
    assert readme.endswith(f"\n\n{table()}\n"), "python tests/support/mutants.py prints the table as it should be"


def test_what_is_planted_is_taken_out_again(monkeypatch):
    mutant = next(m for m in MUTANTS if m.names == ["clip_weights"])
    before = penalties.clip_weights.__code__
    with monkeypatch.context() as patch:
        mutant.plant(patch)
        assert penalties.clip_weights.__code__ != before
    assert penalties.clip_weights.__code__ is before


@pytest.mark.parametrize("text", ["no such line", "return"])
def test_a_mutant_that_no_longer_fits_the_code_says_so(text, monkeypatch):
    mutant = Mutant(1, "an error", "gan.penalties", ["r1"], [(text, "")], "")
    with pytest.raises(LookupError, match=rf"has \d+ times, expected once, the text '{text}': the code has changed"):
        mutant.plant(monkeypatch)
