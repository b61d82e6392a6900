"""Child processes that run to their end, and training in them that is killed."""

import json
import os
import subprocess
import sys
from pathlib import Path

SUPPORT = Path(__file__).parent


def importing(*folders):
    """Return an environment in which a child process finds the modules of these folders."""
    before = filter(None, [os.environ.get("PYTHONPATH")])
    return os.environ | {"PYTHONPATH": os.pathsep.join([*map(str, folders), *before])}


def child(*command, **options):
    """Run a process to its end: return the last line it printed, its exit status and its standard error."""
    environment = importing(SUPPORT) | {"OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run([*command], capture_output=True, text=True, env=environment, **options)
    return done.stdout.strip().rpartition("\n")[2], done.returncode, done.stderr


def killed(*arguments):
    """Run `killed.py` with these arguments and return what it found."""
    printed, status, error = child(sys.executable, str(SUPPORT / "killed.py"), *map(str, arguments))
    assert status == 0, error
    return json.loads(printed)
