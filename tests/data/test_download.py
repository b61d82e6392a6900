"""Downloads from servers on this machine that are slow, stop short, lie, fail or do not exist: verified, or nothing."""

import contextlib
import errno
import gzip
import hashlib
import io
import os
import subprocess
import sys
import tarfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from minigan import cli, data
from minigan.data import DownloadError, FormatError, load, write_idx

pytest.importorskip("pooch", reason='downloads need pooch: pip install "minigan[data]"')
import pooch

module = sys.modules["minigan.data.download"]
NAME = "train-images-idx3-ubyte.gz"
REST = ("train-labels-idx1-ubyte.gz", "t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz")


# --- servers -----------------------------------------------------------------------------------------------


def whole(handler, content):
    handler.answer(content)


def slow(handler, content):
    handler.head(len(content))
    for i in range(0, len(content), 200):
        handler.wfile.write(content[i : i + 200])
        handler.wfile.flush()
        time.sleep(0.001)


def breaks_off(handler, content):
    handler.answer(content[: len(content) // 2], length=len(content))


def truncates(handler, content):
    handler.answer(content[:-1])


def claims_less(handler, content):
    handler.answer(content, length=len(content) - 10)


def claims_more(handler, content):
    handler.answer(content, length=len(content) + 10)


def claims_nonsense(handler, content):
    handler.answer(content, length="many")


def serves_another_file(handler, content):
    handler.answer(bytes(len(content)))


def serves_a_page(handler, content):
    handler.answer(b"<html>log in first</html>")


def unpacks(handler, content):
    handler.answer(gzip.decompress(content))


def unpacks_if_it_may(handler, content):
    """Says that .gz is how it sends the file, not what the file is, as some do."""
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(content)))
    if "gzip" in handler.headers.get("Accept-Encoding", ""):
        handler.send_header("Content-Encoding", "gzip")
    handler.end_headers()
    handler.wfile.write(content)


def says_500(handler, content):
    handler.send_error(500)


def says_404(handler, content):
    handler.send_error(404)


def redirects_to_itself(handler, content):
    handler.send_response(302)
    handler.send_header("Location", handler.path)
    handler.end_headers()


def speaks_no_http(handler, content):
    handler.wfile.write(b"220 smtp ready\r\n")


def hangs_up(handler, content):
    handler.connection.close()


def says_nothing(handler, content):
    handler.server.closing.wait(20)


def never_ends(handler, content):
    """Until the client hangs up; without a length, which would end it."""
    handler.send_response(200)
    handler.end_headers()
    with contextlib.suppress(OSError):
        while not handler.server.closing.is_set():
            handler.wfile.write(bytes(1 << 16))
            handler.server.endless += 1 << 16


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        path = self.path.removeprefix("/")
        self.server.asked.append(path)
        manners = self.server.manners
        manner = manners.pop(0) if len(manners) > 1 else manners[0]
        with contextlib.suppress(OSError):  # the client may have gone
            manner(self, self.server.files[path])

    def head(self, length):
        self.send_response(200)
        self.send_header("Content-Length", str(length))
        self.end_headers()

    def answer(self, content, length=None):
        self.head(len(content) if length is None else length)
        self.wfile.write(content)

    def log_message(self, *_):
        pass


class Server(ThreadingHTTPServer):
    """Answers requests in the given manners, one after the other; the last one for ever."""

    daemon_threads = True

    def __init__(self, files, *manners):
        super().__init__(("127.0.0.1", 0), Handler)
        self.files, self.manners, self.asked, self.endless = files, list(manners), [], 0
        self.closing = threading.Event()
        self.url = f"http://127.0.0.1:{self.server_port}/"
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()

    def handle_error(self, *_):
        pass

    def stop(self):
        self.closing.set()
        self.shutdown()
        self.server_close()


@pytest.fixture
def serve(files):
    """Starts a server with these manners, all of whose files are `files`."""
    with contextlib.ExitStack() as stack:

        def start(*manners):
            server = Server(files, *manners)
            stack.callback(server.stop)
            return server

        yield start


def idx_bytes(array, folder):
    write_idx(folder / "x.gz", array)
    return (folder / "x.gz").read_bytes()


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """{name: content} of a small set in the classic four files."""
    folder, rng = tmp_path_factory.mktemp("published"), np.random.default_rng(0)
    found = {}
    for part, count in (("train", 60), ("t10k", 20)):
        images = rng.integers(0, 4, (count, 28, 28), dtype=np.uint8)
        found[f"{part}-images-idx3-ubyte.gz"] = idx_bytes(images, folder)
        found[f"{part}-labels-idx1-ubyte.gz"] = idx_bytes(np.arange(count, dtype=np.uint8) % 10, folder)
    return found


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("MINIGAN_DATA", str(tmp_path / "home"))
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(module, "_PAUSE", 0)
    return tmp_path / "home"


def published(files, *mirrors):
    entries = [module._File(name, len(content), hashlib.sha256(content).hexdigest()) for name, content in files.items()]
    return module._Published(mirrors, tuple(entries))


@pytest.fixture
def mirrored(home, files, monkeypatch):
    """Gives "mnist" these mirrors, which are URLs or servers."""

    def by(*servers):
        mirrors = [getattr(server, "url", server) for server in servers]
        monkeypatch.setitem(module._SETS, "mnist", published(files, *mirrors))

    return by


@pytest.fixture(scope="module")
def nowhere():
    """The URL of a port where nobody listens."""
    server = Server({}, whole)
    server.stop()
    return server.url


def content_of(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


# --- what is downloaded ------------------------------------------------------------------------------------


def test_a_set_is_downloaded_once_verified_and_loaded(home, serve, mirrored, files, capfd):
    server = serve(whole)
    mirrored(server)
    assert data.download("mnist") == home / "mnist"
    assert content_of(home / "mnist") == files
    assert sorted(server.asked) == sorted(files)
    assert len(load("mnist")) == 60
    assert load("mnist", "test").labels.tolist() == [*range(10), *range(10)]
    size = sum(map(len, files.values())) / 1e6
    out, err = capfd.readouterr()
    assert out == ""
    assert f"mnist: 4 files, {size:.1f} MB, into {home / 'mnist'}" in err
    data.download("mnist")
    assert len(server.asked) == 4


@pytest.mark.parametrize("manner", [slow, unpacks_if_it_may])
def test_what_is_no_fault(home, serve, mirrored, files, manner):
    server = serve(manner)
    mirrored(server)
    data.download("mnist")
    assert content_of(home / "mnist") == files
    assert len(server.asked) == 4


FAULTS = {
    breaks_off: "the connection broke off|bytes",
    truncates: r"\d+ of \d+ bytes",
    claims_less: r"\d+ of \d+ bytes",
    claims_nonsense: "",
    serves_another_file: "another file than the published one",
    serves_a_page: r"25 of \d+ bytes",
    unpacks: "more than the",
    says_500: "status 500",
    says_404: "status 404",
    redirects_to_itself: "redirect",
    speaks_no_http: "broke off|no connection",
    hangs_up: "no connection",
    never_ends: "more than the",
}


@pytest.mark.parametrize("fault", FAULTS, ids=lambda f: f.__name__)
def test_a_fault_costs_a_retry_and_leaves_nothing_behind(home, serve, mirrored, files, fault):
    bad = serve(fault)
    mirrored(bad)
    with pytest.raises(DownloadError, match=f"mnist: cannot download {NAME} .*{FAULTS[fault]}.*minigan download mnist"):
        data.download("mnist")
    assert list((home / "mnist").iterdir()) == []
    with pytest.raises(FileNotFoundError, match="minigan download mnist"):
        load("mnist")
    mirrored(serve(fault, whole))
    data.download("mnist")
    assert content_of(home / "mnist") == files


@pytest.mark.parametrize("fault", FAULTS, ids=lambda f: f.__name__)
def test_the_next_mirror_is_asked(home, serve, mirrored, files, fault):
    bad, good = serve(fault), serve(whole)
    mirrored(bad, good)
    data.download("mnist")
    assert content_of(home / "mnist") == files
    assert {*bad.asked} == {*good.asked} == {*files}


def test_a_length_that_is_too_large_is_a_fault_though_the_bytes_are_all_there(home, serve, mirrored, files):
    mirrored(serve(claims_more), serve(whole))
    data.download("mnist")
    assert content_of(home / "mnist") == files


def test_a_server_that_sends_without_end_is_cut_off(home, serve, mirrored, files):
    server = serve(never_ends)
    mirrored(server)
    with pytest.raises(DownloadError):
        data.download("mnist")
    assert server.endless < 64 << 20  # what the sockets may hold


def test_a_silent_server_is_given_up(home, serve, mirrored, files, monkeypatch):
    monkeypatch.setattr(module, "_TIMEOUT", 0.2)
    mirrored(serve(says_nothing), serve(whole))
    data.download("mnist")
    assert content_of(home / "mnist") == files
    mirrored(serve(says_nothing))
    with pytest.raises(DownloadError, match=r"no answer within 0.2 s"):
        data.download("mnist", home / "elsewhere")


def test_without_a_server_one_sentence_says_what_to_put_where(home, mirrored, nowhere, files):
    mirrored(nowhere, nowhere + "second/")
    with pytest.raises(DownloadError) as caught:
        data.download("mnist")
    message = str(caught.value)
    for part in (nowhere, nowhere + "second/", "no connection", str(home / "mnist"), *files):
        assert part in message
    assert "\n" not in message
    assert list((home / "mnist").iterdir()) == []


def test_a_download_that_is_killed_leaves_nothing_under_the_final_name(home, serve, mirrored, files, monkeypatch):
    server = serve(whole)
    mirrored(server)
    monkeypatch.setattr(pooch.core.shutil, "move", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        data.download("mnist")
    assert list((home / "mnist").iterdir()) == []


def test_files_that_arrived_before_a_failure_are_not_fetched_again(home, serve, mirrored, files):
    server = serve(whole, whole, says_500)
    mirrored(server)
    with pytest.raises(DownloadError, match=REST[1]):
        data.download("mnist")
    assert content_of(home / "mnist") == {name: files[name] for name in (NAME, REST[0])}
    server.manners, server.asked = [whole], []
    data.download("mnist")
    assert server.asked == [*REST[1:]]


def test_what_is_there_is_kept(home, serve, mirrored, files, capfd):
    server = serve(whole)
    mirrored(server)
    (home / "mnist").mkdir(parents=True)
    own = {NAME: b"my own", REST[0].removesuffix(".gz"): gzip.decompress(files[REST[0]])}
    for name, content in own.items():
        (home / "mnist" / name).write_bytes(content)
    data.download("mnist")
    assert server.asked == [*REST[1:]]
    assert content_of(home / "mnist") == own | {name: files[name] for name in REST[1:]}
    assert f"{home / 'mnist' / NAME} is kept, but is not the published file" in capfd.readouterr().err


def test_a_full_disk_is_not_the_servers_fault(home, serve, mirrored, files, monkeypatch):
    def full(self, chunk):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    server = serve(whole)
    mirrored(server, server)
    monkeypatch.setattr(module._Counted, "write", full)
    with pytest.raises(DownloadError, match=f"cannot write into {home / 'mnist'}: No space left"):
        data.download("mnist")
    assert len(server.asked) == 1


def test_a_folder_that_cannot_be_made(home, serve, mirrored):
    home.write_bytes(b"a file")
    mirrored(serve(whole))
    with pytest.raises(DownloadError, match=f"cannot write into {home / 'mnist'}: Not a directory"):
        data.download("mnist")


def test_the_cache_folder_is_used_unless_told_otherwise(home, serve, mirrored, monkeypatch, tmp_path, files):
    monkeypatch.delenv("MINIGAN_DATA")
    monkeypatch.setattr(module, "cache_folder", lambda: tmp_path / "cache")
    mirrored(serve(whole))
    with pytest.raises(FileNotFoundError, match=str(tmp_path / "cache" / "data" / "mnist")):
        load("mnist")
    assert data.download("mnist") == tmp_path / "cache" / "data" / "mnist"
    assert len(load("mnist")) == 60
    monkeypatch.setenv("MINIGAN_DATA", str(home))
    with pytest.raises(FileNotFoundError):  # what the user sets is all that counts
        load("mnist")


def test_load_never_asks_the_network(home, serve, mirrored):
    server = serve(whole)
    mirrored(server)
    with pytest.raises(FileNotFoundError):
        load("mnist")
    assert server.asked == []


def test_names_without_a_download(home):
    for name in ("mnist-10k", "imagenet", "../mnist"):
        with pytest.raises(ValueError, match=f"unknown data set '{name}'; those with mirrors are mnist, fashion-mnist"):
            data.download(name)


def test_without_pooch_one_sentence_says_what_to_install(home, monkeypatch):
    monkeypatch.setitem(sys.modules, "pooch", None)
    with pytest.raises(DownloadError, match=r'needs pooch \(pip install "minigan\[data\]"\).*without a network, put'):
        data.download("mnist")


# --- the command -------------------------------------------------------------------------------------------


def test_the_command_prints_the_folders(home, serve, mirrored, capsys):
    mirrored(serve(whole))
    assert cli.main(["download", "mnist"]) == 0
    assert capsys.readouterr().out == f"{home / 'mnist'}\n"


def test_the_command_says_in_one_line_what_went_wrong(home, mirrored, nowhere, capsys):
    mirrored(nowhere)
    assert cli.main(["download", "mnist"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines()[-1].startswith("minigan: mnist: cannot download")
    assert cli.main(["download", "minst"]) == 2
    assert "unknown data set 'minst'" in capsys.readouterr().err
    assert cli.main(["download"]) == 2
    assert "give at least one NAME" in capsys.readouterr().err


# --- CIFAR-10, an archive ----------------------------------------------------------------------------------


@pytest.fixture
def batches(monkeypatch):
    """{member name: content} of a CIFAR-10 with two images in each batch."""
    monkeypatch.setattr(module, "_BATCH_BYTES", 2 * 3073)
    rng = np.random.default_rng(1)
    records = [rng.integers(0, 10, (2, 3073), dtype=np.uint8).tobytes() for _ in range(6)]
    return {f"cifar-10-batches-bin/{name}": records[i] for i, name in enumerate(batch_names())}


def batch_names():
    return [f"data_batch_{i}.bin" for i in range(1, 6)] + ["test_batch.bin"]


def member(name, content=b"", **fields):
    info = tarfile.TarInfo(name)
    info.size = len(content)
    for field, value in fields.items():
        setattr(info, field, value)
    return info, content


def packed(*members):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for info, content in members:
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


@pytest.fixture
def cifar(home, monkeypatch, files, serve):
    """Publishes an archive with these members as CIFAR-10; returns its server."""

    def by(*members):
        content = packed(*members)
        server = serve(whole)
        server.files = {"cifar-10-binary.tar.gz": content}
        monkeypatch.setitem(module._SETS, "cifar-10", published(server.files, server.url))
        return server

    return by


def everything_below(folder):
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*")}


def test_cifar10_is_unpacked_and_its_archive_removed(home, cifar, batches):
    server = cifar(member("cifar-10-batches-bin", type=tarfile.DIRTYPE), *(member(*item) for item in batches.items()))
    data.download("cifar-10")
    assert content_of(home / "cifar-10" / "cifar-10-batches-bin") == {
        name.split("/")[1]: content for name, content in batches.items()
    }
    assert [path.name for path in (home / "cifar-10").iterdir()] == ["cifar-10-batches-bin"]
    assert load("cifar-10").images.shape == (10, 32, 32, 3)
    assert load("cifar-10", "test").images.shape == (2, 32, 32, 3)
    data.download("cifar-10")
    assert len(server.asked) == 1


def test_cifar10_unpacked_by_hand_is_found(home, cifar, batches):
    server = cifar()
    (home / "cifar-10").mkdir(parents=True)
    for name, content in batches.items():
        (home / "cifar-10" / name.split("/")[1]).write_bytes(content)
    data.download("cifar-10")
    assert server.asked == []


def test_an_archive_put_there_is_unpacked_without_a_network_and_kept(home, cifar, batches, monkeypatch):
    server = cifar(*(member(*item) for item in batches.items()))
    monkeypatch.setitem(sys.modules, "pooch", None)
    (home / "cifar-10").mkdir(parents=True)
    archive = home / "cifar-10" / "cifar-10-binary.tar.gz"
    archive.write_bytes(server.files[archive.name][:-1])
    with pytest.raises(ValueError, match=f"{archive} is not the published archive"):
        data.download("cifar-10")
    archive.write_bytes(server.files[archive.name])
    data.download("cifar-10")
    assert load("cifar-10").images.shape == (10, 32, 32, 3)
    assert archive.is_file()


def test_members_cannot_leave_their_folder(home, cifar, batches, tmp_path):
    genuine = [member(*item) for item in batches.items()]
    outside = str(tmp_path / "outside")
    hostile = [
        member("../outside", b"x"),
        member("cifar-10-batches-bin/../../outside", b"x"),
        member(outside, b"x"),
        member("cifar-10-batches-bin/link", type=tarfile.SYMTYPE, linkname=outside),
        member("cifar-10-batches-bin/hard", type=tarfile.LNKTYPE, linkname="../../outside"),
        member("cifar-10-batches-bin/pipe", type=tarfile.FIFOTYPE),
        member("cifar-10-batches-bin/readme.html", b"<html>"),
    ]
    cifar(*hostile, *genuine)
    data.download("cifar-10")
    inner = {f"home/cifar-10/{name}" for name in batches}
    assert everything_below(tmp_path) == {"home", "home/cifar-10", "home/cifar-10/cifar-10-batches-bin"} | inner


@pytest.mark.parametrize(
    "fields", [{"type": tarfile.SYMTYPE, "linkname": "/etc/passwd"}, {"type": tarfile.LNKTYPE, "linkname": "x"}]
)
def test_a_link_is_no_batch(home, cifar, batches, fields, tmp_path):
    first, *others = batches.items()
    cifar(member(first[0], **fields), *(member(*item) for item in others))
    with pytest.raises(FormatError, match=r"an archive without cifar-10-batches-bin/data_batch_1\.bin"):
        data.download("cifar-10")


def test_a_batch_of_another_size_is_refused(home, cifar, batches):
    first, *others = batches.items()
    cifar(member(first[0], first[1] + b"x"), *(member(*item) for item in others))
    with pytest.raises(FormatError, match=r"data_batch_1\.bin of another size"):
        data.download("cifar-10")
    assert list((home / "cifar-10" / "cifar-10-batches-bin").iterdir()) == []


# --- what is published -------------------------------------------------------------------------------------


def test_the_registry_is_well_formed():
    assert list(module._SETS) == ["mnist", "fashion-mnist", "kmnist", "cifar-10"]
    for published in module._SETS.values():
        assert len(published.mirrors) >= 2
        assert all(mirror.startswith("http") and mirror.endswith("/") for mirror in published.mirrors)
        for file in published.files:
            assert file.size > 4000
            assert len(bytes.fromhex(file.sha256)) == 32
    hashes = [file.sha256 for published in module._SETS.values() for file in published.files]
    assert len({*hashes}) == len(hashes) == 13


def test_the_documentation_has_every_hash_and_mirror():
    text = (Path(__file__).parents[2] / "docs" / "data.md").read_text()
    for name, published in module._SETS.items():
        assert f"| `{name}` | " in text
        assert all(f"`{mirror}`" in text for mirror in published.mirrors)
        for file in published.files:
            assert f"`{file.name}` | {file.size} | `{file.sha256}` |" in text


def test_pooch_is_imported_only_to_download():
    code = "import sys, minigan.data; minigan.data.load(); print({'pooch', 'requests', 'tqdm'} & {*sys.modules})"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "set()\n"
