"""Files that appear complete or not at all, and where the platform keeps what can be made again."""

import errno
import json
import math
import os
import secrets
import sys
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(path):
    """A binary file to write that takes the name `path` once all is on disk, and vanishes if anything fails."""
    path = Path(path)
    if not path.parent.is_dir():
        raise FileNotFoundError(errno.ENOENT, "there is no such folder to write into", str(path.parent))
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        with open(temporary, "xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
        sync_folder(path.parent)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def sync_folder(folder):
    """Make the names in `folder` outlast a power cut; Windows has no call for it."""
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def write_json(path, content):
    """Write `content`, see `as_json`, complete or not at all."""
    with replacing(path) as file:
        file.write(as_json(content).encode())


def as_json(content):
    """`content` as JSON; infinity and NaN become strings, which float() reads."""
    return json.dumps(_plain(content), indent=1, allow_nan=False)


def _plain(x):
    if isinstance(x, dict):
        return {key: _plain(value) for key, value in x.items()}
    if isinstance(x, (list, tuple)):
        return [_plain(value) for value in x]
    return str(x) if isinstance(x, float) and not math.isfinite(x) else x


def cache_folder():
    """Where the platform keeps what can be made again: ~/.cache/minigan, ~/Library/Caches/minigan, or on Windows
    %LOCALAPPDATA%/minigan."""
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData/Local") / "minigan"
    if sys.platform == "darwin":
        return Path.home() / "Library/Caches/minigan"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "minigan"
