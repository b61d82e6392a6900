"""Plugin of pytest that writes the result of each test to a file at once: `-p result_lines --result-lines FILE`.

A line is a JSON object. Tests that were not finished are not there; what a killed run had found is.
"""

import json


def pytest_addoption(parser):
    parser.addoption("--result-lines", metavar="FILE", help="file that gets a line of JSON for each test")


def pytest_configure(config):
    path = config.getoption("--result-lines")
    if path and not hasattr(config, "workerinput"):  # workers of xdist send their reports to the main process
        config.pluginmanager.register(Lines(path))


class Lines:
    """The file, to which each report is flushed."""

    def __init__(self, path):
        self.file = open(path, "w", buffering=1)  # noqa: SIM115, pytest closes it

    def pytest_runtest_logreport(self, report):
        if report.when == "call" or not report.passed:
            line = {"test": report.nodeid, "outcome": report.outcome, "seconds": round(report.duration, 3)}
            if not report.passed:
                line["reason"] = str(report.longrepr)
            self.file.write(json.dumps(line) + "\n")

    def pytest_unconfigure(self):
        self.file.close()
