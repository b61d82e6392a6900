"""First measurements on a GPU: `python -m benchmarks.gpu_first FOLDER` writes FOLDER/first.json as it goes.

A section is a list of measurements, see `gpu_measurements`. Each section has a process of its own, so that neither an
error that ends a CUDA context nor a kernel that hangs takes the next section with it.
"""

import argparse
import signal
import sys
import time
from importlib import import_module
from multiprocessing import get_context
from pathlib import Path

from minigan.files import write_json
from minigan.protocols.clone import commit

from .gpu_worker import sentence

SECTIONS = ("device", "numbers", "steps", "kernels", "chunks")  # the most informative first
LIMIT = 35  # seconds of a section, of which there are five in a stage of 180
MEASUREMENTS = "benchmarks.gpu_measurements"


def main(folder, quick=False, limit=LIMIT, measurements=MEASUREMENTS):
    """Run all sections, write first.json after every measurement, and return the exit status: 1 if any failed."""
    folder.mkdir(parents=True, exist_ok=True)
    found = {"about": {"date": time.strftime("%Y-%m-%d"), "commit": commit(), "quick": quick}}
    for section in SECTIONS:
        found[section] = {}
        for name, value in measured(section, quick, limit, measurements):
            print(f"{section}: {name}: {value}", flush=True)
            found[section][name] = value
            write_json(folder / "first.json", found)
    return int(bool(failures(found)))


def failures(found):
    """Return the names of the measurements that failed."""
    values = {f"{section}: {name}": value for section in SECTIONS for name, value in found[section].items()}
    return [name for name, value in values.items() if (isinstance(value, dict) and "failed" in value) or value is False]


def measured(section, quick, limit=LIMIT, measurements=MEASUREMENTS):
    """Yield (name, value) of each measurement of a section; the value of a failure is {"failed": the reason}."""
    context = get_context("spawn")
    pipe, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_measure, args=(theirs, section, quick, measurements), daemon=True)
    process.start()
    theirs.close()
    deadline = time.monotonic() + limit
    try:
        while pipe.poll(max(0, deadline - time.monotonic())):
            yield pipe.recv()
        yield "the rest", {"failed": f"the section was stopped after {limit} s"}
    except EOFError:  # it has ended
        process.join()
        if process.exitcode:
            yield "the rest", {"failed": f"the process of the section ended with status {process.exitcode}"}
    finally:
        process.kill()
        process.join()
        pipe.close()


def _measure(pipe, section, quick, measurements):
    """Send (name, value) of each measurement of a section."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent handles it
    try:
        measures = getattr(import_module(measurements), section)(quick)
    except Exception as error:  # no CuPy, or no device
        pipe.send(("the section", {"failed": sentence(error)}))
        return
    for name, measure in measures.items():
        try:
            value = measure()
        except Exception as error:  # a device may raise anything
            value = {"failed": sentence(error)}
        pipe.send((name, value))


def command(arguments=None):
    """Run `python -m benchmarks.gpu_first` and return the exit status."""
    parser = argparse.ArgumentParser("python -m benchmarks.gpu_first", description="First measurements on a GPU.")
    parser.add_argument("folder", type=Path, help="folder for first.json, which is there after each measurement")
    parser.add_argument("--quick", action="store_true", help="tiny sizes, with times that mean nothing")
    parser.add_argument("--limit", type=float, default=LIMIT, help="seconds after which a section ends (%(default)s)")
    return main(**vars(parser.parse_args(arguments)))


if __name__ == "__main__":
    sys.exit(command())
