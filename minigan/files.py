"""Write files that appear complete or not at all, and find the platform's cache folder."""

from __future__ import annotations

import errno
import json
import math
import os
import secrets
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any, BinaryIO

    from .types import PathLike

__all__ = ["as_json", "cache_folder", "replacing", "sync_folder", "write_json"]

# Error numbers on platforms where a folder cannot be opened (Windows) or synced (WebAssembly, some network file
# systems). Only WASI has ENOTCAPABLE. A failing disk gives other numbers, such as EIO.
_NO_FOLDER_SYNC = {
    getattr(errno, name)
    for name in ("EACCES", "EBADF", "EINVAL", "EISDIR", "ENOSYS", "ENOTCAPABLE", "ENOTSUP", "EOPNOTSUPP", "EPERM")
    if hasattr(errno, name)
}


@contextmanager
def replacing(path: PathLike) -> Iterator[BinaryIO]:
    """Open a binary file that gets the name `path` once all of it is on disk, and is removed if anything fails.

    Raises:
        FileNotFoundError: If the folder of `path` does not exist.
        OSError: If the file cannot be written.

    Example:
        with replacing("table.csv") as file:
            file.write(b"1,2")
    """
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


def sync_folder(folder: PathLike) -> None:
    """Make the names in `folder` survive a power failure, on platforms that can sync a folder."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        if error.errno not in _NO_FOLDER_SYNC:
            raise


def write_json(path: PathLike, content: Any) -> None:
    """Write `content` as JSON (see `as_json`) to a file that appears complete or not at all."""
    with replacing(path) as file:
        file.write(as_json(content).encode())


def as_json(content: Any) -> str:
    """Return `content` as JSON, with infinity and NaN as strings that float() reads."""
    return json.dumps(_plain(content), indent=1, allow_nan=False)


def _plain(x):
    if isinstance(x, dict):
        return {key: _plain(value) for key, value in x.items()}
    if isinstance(x, (list, tuple)):
        return [_plain(value) for value in x]
    return str(x) if isinstance(x, float) and not math.isfinite(x) else x


def cache_folder() -> Path:
    """Return the folder for data that can be made or fetched again.

    It is ~/.cache/minigan, on macOS ~/Library/Caches/minigan, and on Windows %LOCALAPPDATA%/minigan.
    """
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData/Local") / "minigan"
    if sys.platform == "darwin":
        return Path.home() / "Library/Caches/minigan"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "minigan"
