"""How much of what goes wrong the diagnosis finds, and how often it cries wolf: all kinds of failure, five seeds."""

import patients
import pytest

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::RuntimeWarning")]

SEEDS = range(5)


def test_recall():
    missed = []
    for ill, (name, word) in patients.ILL.items():
        for seed in SEEDS:
            found = patients.play(ill(seed), until=name)
            if not any(f.name == name and word in f.evidence for f in found):
                missed.append((ill.__name__, seed, [str(f) for f in found]))
    runs = len(patients.ILL) * len(SEEDS)
    print(f"recall {1 - len(missed) / runs:.1%} of {runs} failures of {len(patients.ILL)} kinds; missed: {missed}")
    assert len(patients.ILL) >= 12
    assert len(missed) <= 0.05 * runs


def test_false_alarms():
    alarms = {}
    for well in patients.HEALTHY:
        for seed in SEEDS:
            if found := patients.play(well(seed)):
                alarms[well.__name__, seed] = [str(f) for f in found]
    runs = len(patients.HEALTHY) * len(SEEDS)
    print(f"false alarms in {len(alarms) / runs:.1%} of {runs} healthy runs: {alarms}")
    assert len(patients.HEALTHY) >= 6
    assert len(alarms) <= 0.02 * runs
