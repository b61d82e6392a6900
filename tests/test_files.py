"""Files appear complete or not at all, also where a folder cannot be synced."""

import errno
import os

import pytest

from minigan.files import replacing, write_json


def refusing(monkeypatch, name, code):
    """Make os.open or os.fsync (of a descriptor) fail for folders, as they do on platforms that cannot sync one."""
    genuine = getattr(os, name)

    def call(target, *arguments, **options):
        if os.path.isdir(target):
            raise OSError(code, os.strerror(code), str(target))
        return genuine(target, *arguments, **options)

    monkeypatch.setattr(os, name, call)


@pytest.mark.parametrize(
    ("name", "code"),
    [("open", errno.EACCES), ("open", errno.EISDIR), ("fsync", errno.EBADF), ("fsync", errno.EINVAL),
     ("fsync", errno.ENOSYS), ("fsync", errno.ENOTSUP)],
)  # fmt: skip
def test_a_folder_that_cannot_be_synced_does_not_keep_a_file_from_appearing(tmp_path, monkeypatch, name, code):
    refusing(monkeypatch, name, code)
    write_json(tmp_path / "a.json", {"loss": float("nan")})
    assert (tmp_path / "a.json").read_text() == '{\n "loss": "nan"\n}'
    assert os.listdir(tmp_path) == ["a.json"]


@pytest.mark.parametrize("code", [errno.EIO, errno.ENOSPC, errno.EROFS])
def test_a_failing_disk_is_not_a_folder_that_cannot_be_synced(tmp_path, monkeypatch, code):
    refusing(monkeypatch, "fsync", code)
    with pytest.raises(OSError, match=f"Errno {code}"), replacing(tmp_path / "a") as file:
        file.write(b"x")


def test_a_file_that_cannot_be_synced_is_an_error(tmp_path, monkeypatch):
    def fail(_):
        raise OSError(errno.EINVAL, "no sync")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="no sync"), replacing(tmp_path / "a") as file:
        file.write(b"x")
    assert os.listdir(tmp_path) == []
