"""Rules for all tests: in parallel where the whole suite runs, one BLAS thread per process then, and Ctrl-C heard."""

import gc
import os
import signal

import pytest

WORKER = "PYTEST_XDIST_WORKER" in os.environ
if WORKER:  # before anything imports NumPy, as the workers fill the cores already
    for library in ("OPENBLAS", "OMP", "MKL", "VECLIB"):
        os.environ.setdefault(f"{library}_NUM_THREADS", "1")


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config):
    """Use all cores when no path was given and pytest-xdist is installed; -n and --dist decide where given."""
    whole = config.args_source is pytest.Config.ArgsSource.TESTPATHS and not WORKER  # a worker starts no others
    if whole and config.pluginmanager.hasplugin("xdist") and config.option.numprocesses is None:
        config.option.numprocesses = "auto"
        if config.option.dist == "no":
            config.option.dist = "worksteal"  # neighbours stay together, and with them the fixtures of a module


def pytest_collection_finish():
    """Spare the garbage collector what lives to the end, modules and tests: many tests call it or wait for it."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True, scope="session")
def _ctrl_c():
    """Let SIGINT interrupt, as some tests send it: a shell that runs pytest in the background makes it deaf."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)
