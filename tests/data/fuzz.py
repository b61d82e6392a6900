"""Feeds mutated files to every reader of files; run as a script, since it restricts its own process.

    python tests/data/fuzz.py --count 100000        inputs, all formats in turn
    python tests/data/fuzz.py --only npz:1234       this one again; its file is left in --folder

The seed, the format and the number of an input decide it. The reader must give arrays within its limit, or refuse by an
exception that it documents and whose message names the file. All the while the process may take `HEADROOM`
beyond what it had before, a watchdog ends it when an input takes `PATIENCE`, and an audit hook notes every attempt to
run code, to start a process, to use the network, and to write elsewhere.
Prints as JSON how many inputs of each format were read and refused, and what was found.
"""

import argparse
import faulthandler
import hashlib
import json
import os
import random
import resource
import struct
import sys
import tempfile
import warnings
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

LIMIT = 4 << 20  # bytes of arrays
HEADROOM = 48 << 20  # bytes of address space: a buffer is copied while it grows, to at most 8 MB here
PATIENCE = 60  # seconds; an input takes about one thousandth of one
REPORTED = 3  # of each format

FORBIDDEN = (
    "compile", "pickle.find_class", "os.system", "os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "os.spawn",
    "subprocess.Popen", "socket.connect", "socket.bind", "socket.getaddrinfo",
)  # fmt: skip
CHANGING = ("os.remove", "os.rename", "os.mkdir", "os.rmdir", "os.symlink", "os.link", "os.truncate", "os.chmod")


@dataclass(frozen=True)
class Reader:
    """file: the path of an input in the folder of its format. read: from the whole path to arrays."""

    file: str
    read: Callable
    refusals: tuple = (ValueError, OSError)
    limit: int = LIMIT


def readers():
    from minigan import data
    from minigan.data.download import _unpack_cifar10
    from minigan.runs import Run, RunError

    sys.modules[_unpack_cifar10.__module__]._BATCH_BYTES = 3073  # instead of 10,000 images
    os.fsync = lambda _: None  # takes the disk's time, and nobody pulls the plug here

    def folder(path):
        return [data.read_folder(path.parent, max_pixels=1 << 20).images]

    def unpack(path):
        _unpack_cifar10(path, path.parent / "unpacked")
        return data.read_cifar(path.parent / "unpacked" / "test_batch.bin")

    def config(path):
        Run.open(path.parent).read_config()
        return []

    def log(path):
        run = Run(path.parent)
        run.seconds()
        assert all(isinstance(record, dict) for record in run.read_log())
        return []

    def checkpoint(path):
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        path.with_suffix(".json").write_text(json.dumps({"sha256": {path.name: digest}}))
        return manifest(path)

    def manifest(path):
        return Run.open(path.parents[1]).load_checkpoint(say=str)[0].values()

    saved, refused = "checkpoints/step-0000003", (RunError,)
    return {
        "idx": Reader("hostile", lambda path: [data.read_idx(path, max_bytes=LIMIT)]),
        "idx-images": Reader("hostile-idx", lambda path: [data.load(path).images], limit=HEADROOM),
        "npy": Reader("hostile", lambda path: [data.read_npy(path, max_bytes=LIMIT)]),
        "npy-images": Reader("hostile", lambda path: [data.load(path).images], limit=HEADROOM),
        "npz": Reader("hostile", lambda path: data.read_npz(path, max_bytes=LIMIT).values()),
        "npz-images": Reader("hostile", lambda path: [data.load(path).images], limit=HEADROOM),
        "image": Reader("hostile.png", folder),
        "cifar": Reader("hostile", lambda path: data.read_cifar(path, max_bytes=LIMIT)),
        "tar": Reader("hostile", unpack),
        "config": Reader("config.json", config, refused),
        "log": Reader("metrics.jsonl", log, refused),
        "checkpoint": Reader(f"{saved}.safetensors", checkpoint, refused),
        "manifest": Reader(f"{saved}.json", manifest, refused),
    }


def prepare(folder, form):
    """The folder of a format, with what its reader needs besides the input."""
    if form in ("config", "log", "checkpoint", "manifest"):
        from fuzz_seeds import genuine_run

        genuine_run(folder)
    folder.mkdir(exist_ok=True)


# --- inputs ------------------------------------------------------------------------------------------------


def make_input(seeds, seed, form, number):
    """The first inputs of a format are its seeds as they are; each of the others is one that was changed."""
    from fuzz_mutations import mutated

    if number < len(seeds):
        pieces, assemble = seeds[number]
        return assemble(pieces)
    rng = random.Random(f"{seed} {form} {number}")
    pieces, assemble = rng.choice(seeds)
    others = [rng.choice(rng.choice(seeds)[0]) for _ in range(2)]
    inside = rng.random() < 0.6
    if inside:
        pieces, which = list(pieces), rng.randrange(len(pieces))
        pieces[which] = mutated(rng, pieces[which], others)
    try:
        data = assemble(pieces)
    except (ValueError, OverflowError, struct.error):  # what cannot be written down, such as an endless name
        data = b"".join(pieces)
    return data if inside else mutated(rng, data, others)


def write(path, data):
    """Without cutting the file to nothing first, after which some file systems flush it."""
    path.touch()
    with open(path, "r+b") as file:
        file.write(data)
        file.truncate()


# --- judgement ---------------------------------------------------------------------------------------------


class Audit:
    """What was attempted that reading needs not, while `watching`."""

    def __init__(self, folder):
        self.folder, self.attempts, self.watching = f"{folder}{os.sep}", [], False
        sys.addaudithook(self._hook)

    def _hook(self, event, arguments):
        if self.watching and self._forbidden(event, arguments):
            self.attempts.append(f"{event} {str(arguments)[:200]}")

    def _forbidden(self, event, arguments):
        if event == "exec":  # also of modules, when they are imported
            return arguments[0].co_filename.startswith(("<string", "<unknown"))
        if event == "compile" and arguments[1] == "<unknown>":
            return False  # ast.literal_eval, which parses the header of a NumPy file and runs nothing
        if event == "open":
            return arguments[2] & (os.O_WRONLY | os.O_RDWR) and not self._inside(arguments[0])
        return event in FORBIDDEN or (event in CHANGING and not self._inside(arguments[0]))

    def _inside(self, path):
        return isinstance(path, int) or os.path.abspath(os.fsdecode(path)).startswith(self.folder)


def judge(reader, path, folder):
    """("read" or "refused", what is wrong or None)."""
    try:
        arrays = list(reader.read(path))
    except reader.refusals as error:
        message = str(error)
        if str(folder) not in message and path.name not in message:
            return "refused", f"the message does not name the file: {type(error).__name__}: {message:.300}"
        return "refused", f"out of memory: {message:.300}" if "MemoryError" in message else None
    except BaseException as error:
        return "failed", f"{type(error).__name__}: {str(error)[:300]} at {place(error)}"
    taken = sum(array.nbytes for array in arrays)
    if any(array.dtype.hasobject for array in arrays) or taken > reader.limit:
        return "read", f"{taken} bytes of {[array.dtype for array in arrays]}"
    return "read", None


def place(error):
    frames = []
    trace = error.__traceback__
    while trace:
        frames.append(f"{Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}")
        trace = trace.tb_next
    return " ".join(frames[-4:])


def restrict():
    """No more memory than now and `HEADROOM`, and no threads, whose stacks would count."""
    with suppress(ImportError):  # Pillow reads AVIF since 11.3
        from PIL import AvifImagePlugin

        AvifImagePlugin.DEFAULT_MAX_THREADS = 1
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * resource.getpagesize() + HEADROOM
    resource.setrlimit(resource.RLIMIT_AS, (most, most))


def run(table, seeds, seed, numbers, folder):
    """(Counter of (format, outcome), findings). folder/last tells the parent of a process that died what it read."""
    outcomes, findings, audit = Counter(), [], Audit(folder)
    for form in table:
        prepare(folder / form, form)
    with open(folder / "last", "wb", buffering=0) as last:
        for number in numbers:
            for form, reader in table.items():
                path, genuine = folder / form / reader.file, len(seeds[form.split("-")[0]])
                write(path, make_input(seeds[form.split("-")[0]], seed, form, number))
                os.pwrite(last.fileno(), f"{form}:{number}".ljust(40).encode(), 0)
                faulthandler.dump_traceback_later(PATIENCE, exit=True)
                audit.watching = number >= genuine  # until then, code is run to import what formats need
                outcome, wrong = judge(reader, path, folder)
                audit.watching = False
                outcomes[form, outcome] += 1
                findings += [(f"{form}:{number}", what) for what in (wrong, *audit.attempts) if what]
                audit.attempts.clear()
    faulthandler.cancel_dump_traceback_later()
    return outcomes, findings


def strangers(folder):
    """Files that no reader has a reason to make: a payload's, or an archive member's that left its folder."""
    made = {path.relative_to(folder).parts[0] for path in folder.rglob("*") if path.name in ("executed", "outside")}
    return [("files", name) for name in (*made, *os.listdir("."))]


def main(table=None, seeds=None):
    options = parse()
    if table is None:
        import fuzz_seeds

        table, seeds = readers(), fuzz_seeds.seeds()
    numbers = range(-(-options.count // len(table)))
    if options.only:
        form, number = options.only.split(":")
        table, numbers = {form: table[form]}, [int(number)]
    folder = Path(options.folder or tempfile.mkdtemp(prefix="fuzz-")).resolve()
    (folder / "empty").mkdir()
    os.chdir(folder / "empty")  # where a payload would write
    warnings.simplefilter("error")
    faulthandler.enable()
    restrict()
    outcomes, findings = run(table, seeds, options.seed, numbers, folder)
    counts = {form: {outcome: n for (f, outcome), n in sorted(outcomes.items()) if f == form} for form in table}
    findings += strangers(folder)
    report = {"inputs": outcomes.total(), "counts": counts, "found": len(findings), "findings": some(findings)}
    print(json.dumps(report, indent=1))


def some(findings):
    of = {}
    for found in findings:
        of.setdefault(found[0].split(":")[0], []).append(found)
    return [found for same in of.values() for found in same[:REPORTED]]


def parse():
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only")
    parser.add_argument("--folder")
    return parser.parse_args()


if __name__ == "__main__":
    main()
