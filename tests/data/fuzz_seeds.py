"""What the fuzzer starts from: genuine files of every format, taken apart, and files made to do harm.

A seed is (pieces, assemble): the bytes that are changed, and what makes a file of them, with checksums, lengths and
compression as they should be. Without that, nearly every change would be caught by the first checksum.
"""

import gzip
import io
import json
import pickle
import struct
import tarfile
import tempfile
import warnings
import zipfile
import zlib
from pathlib import Path

import numpy as np
from PIL import Image, PngImagePlugin

from minigan.presets import DEFAULT, PRESETS
from minigan.runs import Run

MB = 1 << 20
ZEROS = bytes(8 * MB)  # a bomb, packed to a thousandth
DEPTH = 96 * MB  # of one that nobody may unpack
PACKED_ZEROS = zlib.compress(ZEROS, 9)
RNG = np.random.default_rng(0)


def seeds():
    """{format: [seed, ...]}; harmful ones are last."""
    return {
        "idx": idx_seeds(),
        "npy": npy_seeds(),
        "npz": npz_seeds(),
        "image": image_seeds(),
        "cifar": [whole(cifar(count)) for count in (1, 3)],
        "tar": tar_seeds(),
        "config": config_seeds(),
        "checkpoint": checkpoint_seeds(),
        "manifest": manifest_seeds(),
        "log": log_seeds(),
    }


def whole(data):
    return [data], b"".join


def pixels(*shape):
    return RNG.integers(0, 256, shape, dtype=np.uint8)


# --- IDX ---------------------------------------------------------------------------------------------------


def idx_seeds():
    plain = [idx(pixels(5, 4, 3)), idx(pixels(2, 4, 3, 3)), idx(np.arange(7, dtype=np.uint8)), idx(pixels(2, 0, 3))]
    plain += [idx(RNG.normal(size=(3, 2, 2)).astype(kind)) for kind in (np.float32, np.float64, np.int16)]
    bombs = [idx_header(8, 64), idx_header(8, len(ZEROS)), idx_header(8, 2**31, 2**31, 0)]
    return [
        *((pieces, b"".join) for pieces in plain),
        *((pieces, packed_idx) for pieces in plain[:4]),
        *(whole(gzip.compress(header + ZEROS)) for header in bombs),
        whole(gzip.compress(idx_header(8, 64)) + gzip.compress(bytes(MB)) * (DEPTH // MB)),
        whole(idx_header(8, 1 << 15, 1 << 15, 2) + b"xy"),
        ([idx_header(8, 4), gzip.compress(bytes(4))], packed_idx),
    ]


def idx(array):
    code = {"uint8": 8, "int16": 11, "float32": 13, "float64": 14}[array.dtype.name]
    return [idx_header(code, *array.shape), array.astype(array.dtype.newbyteorder(">")).tobytes()]


def idx_header(code, *shape):
    return bytes([0, 0, code, len(shape)]) + b"".join(struct.pack(">I", axis) for axis in shape)


def packed_idx(pieces):
    return gzip.compress(b"".join(pieces), 1, mtime=0)


# --- NumPy -------------------------------------------------------------------------------------------------


class Payload:
    """Unpickled, it writes a file."""

    def __reduce__(self):
        return exec, ("open('executed', 'w').close()",)


def npy_seeds():
    arrays = [pixels(3, 4, 5), pixels(2, 3, 3, 3), np.asfortranarray(pixels(4, 3, 2)), np.arange(5), np.zeros((0, 3))]
    arrays += [RNG.random((2, 3, 3)).astype(kind) for kind in (np.float16, np.float32, ">f8")]
    arrays += [np.array(["a", "b"]), np.zeros(2, [("x", "u1")])]
    objects = npy_header("|O", (1,)), pickle.dumps([Payload()])
    huge = [npy_header("|u1", shape) for shape in ((2**40,), (2**31, 2**31, 0), (1 << 15, 1 << 15, 2), (1,) * 40)]
    huge += [b"-" * 9000 + b"1", b"[" * 500]
    return [*(npy(array) for array in arrays), (list(objects), npy_file), *(([h, b"xy"], npy_file) for h in huge)]


def npy(array):
    buffer = io.BytesIO()
    np.save(buffer, array)
    data = buffer.getvalue()
    length = 10 + int.from_bytes(data[8:10], "little")
    return [data[10:length], data[length:]], npy_file


def npy_header(descr, shape):
    return str({"descr": descr, "fortran_order": False, "shape": shape}).encode() + b"\n"


def npy_file(pieces):
    header, body = pieces
    version, width = (1, "<H") if len(header) < 1 << 16 else (2, "<I")
    return b"\x93NUMPY" + bytes([version, 0]) + struct.pack(width, len(header)) + header + body


def npz_seeds():
    images, labels = npy_file(npy(pixels(3, 4, 4))[0]), npy_file(npy(np.arange(3))[0])
    objects = npy_file([npy_header("|O", (1,)), pickle.dumps([Payload()])])
    bomb = npy_file([npy_header("|u1", (1, 2048, 4096)), ZEROS])
    deep_bomb = npy_file([npy_header("|u1", (1, 4, 4)), bytes(DEPTH)])
    found = [
        ([b"images.npy", images, b"labels.npy", labels], archive)
        for archive in (zip_stored, zip_deflated, zip_deflated, zip_twice)
    ]
    found += [([b"x_train.npy", images, b"x_test.npy", images], zip_deflated), ([b"arr_0.npy", objects], zip_stored)]
    fewer = npy_file(npy(np.arange(2))[0])
    found += [([b"images.npy", images, b"labels.npy", fewer], zip_stored)]
    names = (b"../../outside.npy", b"/tmp/outside.npy", b"a\0.npy", b"images.npy/", b".npy")
    found += [([name, images], zip_stored) for name in names]
    return found + [whole(zip_deflated([b"images.npy", content])) for content in (bomb, deep_bomb)]


def zip_file(pieces, method):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method, compresslevel=1) as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of names that come twice
        for name, content in zip(pieces[::2], pieces[1::2], strict=True):
            archive.writestr(zipfile.ZipInfo(name.decode("latin-1")), content, method)
    return buffer.getvalue()


def zip_stored(pieces):
    return zip_file(pieces, zipfile.ZIP_STORED)


def zip_deflated(pieces):
    return zip_file(pieces, zipfile.ZIP_DEFLATED)


def zip_twice(pieces):
    return zip_file(pieces[:2] * 2, zipfile.ZIP_DEFLATED)


# --- images ------------------------------------------------------------------------------------------------


def image_seeds():
    Image.init()  # or not all formats are known
    color, gray = Image.fromarray(pixels(6, 5, 3)), Image.fromarray(pixels(6, 5))
    pngs = [color, gray, color.convert("P"), color.convert("RGBA"), gray.convert("1"), gray.convert("LA")]
    pngs.append(Image.fromarray(RNG.integers(0, 65536, (6, 5), dtype=np.uint16)))
    notes = PngImagePlugin.PngInfo()
    notes.add_text("note", "x" * 500, zip=True)
    found = [png_seed(saved(image, "PNG")) for image in pngs]
    found.append(png_seed(saved(color, "PNG", pnginfo=notes, exif=exif(), icc_profile=b"profile" * 9, dpi=(9, 9))))
    found += [png_seed(saved(color.convert("P"), "PNG", transparency=3)), png_seed(animated("PNG"))]
    kinds = "AVIF BMP DDS DIB GIF ICNS ICO IM JPEG2000 PCX PPM QOI SGI TGA WEBP"
    found += [whole(saved(color, kind)) for kind in kinds.split() if kind in Image.SAVE]
    found += [whole(saved(color, "JPEG", exif=exif())), whole(saved(gray, "JPEG", progressive=True))]
    compressions = (None, "tiff_lzw", "tiff_deflate", "packbits", "jpeg")
    found += [whole(saved(color, "TIFF", compression=compression)) for compression in compressions]
    found += [whole(saved(gray.convert("1"), kind)) for kind in ("XBM", "MSP")]
    found += [whole(animated("GIF")), whole(animated("WEBP")), whole(b"P3 2 1 255 1 2 3 4 5 6")]
    found += map(whole, UNWRITTEN)
    found += [png_bomb(65500, 65500), png_bomb(6000, 6000), png_bomb(2**31 - 1, 1, 1, 0), png_bomb(0, 5)]
    return found + [png_bomb(99, 99, extra=kind + PACKED_ZEROS) for kind in (b"zTXtnote\0\0", b"iCCPname\0\0")]


FITS = "SIMPLE  = T", "BITPIX  = 8", "NAXIS   = 2", "NAXIS1  = 2", "NAXIS2  = 1", "END"
UNWRITTEN = (  # by Pillow, which reads them: PSD, XPM, SUN, FITS, FLI, and two that promise blocks of 2 GiB
    b"8BPS" + struct.pack(">H6xHIIHH", 1, 3, 2, 2, 8, 3) + bytes(12) + struct.pack(">H", 0) + bytes(12),
    b'/* XPM */\nstatic char *a[] = {\n"2 1 2 1",\n"a c #ff0000",\n"b c #0000ff",\n"ab"\n};\n',
    struct.pack(">8I", 0x59A66A95, 2, 2, 24, 12, 1, 0, 0) + bytes(12),
    "".join(f"{line:80}" for line in FITS).encode().ljust(2880) + bytes(2880),
    struct.pack("<I7H", 146, 0xAF11, 1, 2, 2, 8, 3, 5).ljust(128, b"\0") + struct.pack("<I3H", 18, 0xF1FA, 0, 0),
    b"8BPS" + struct.pack(">H6xHIIHHI", 1, 3, 2, 2, 8, 3, 0) + struct.pack(">I4sHHI", 99, b"8BIM", 1, 0, 2**31 - 16),
    struct.pack(">I4sI", 12, b"jP  ", 0x0D0A870A) + struct.pack(">I4s", 2**31 - 1, b"jp2h") + bytes(30),
)


def saved(image, kind, **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def exif():
    found = Image.Exif()
    found[0x0112], found[0x010E] = 6, "upright"
    return found


def animated(kind):
    frames = [Image.fromarray(pixels(4, 4, 3)) for _ in range(3)]
    return saved(frames[0], kind, save_all=True, append_images=frames[1:], duration=10)


def png_seed(data):
    """A PNG in chunks, those of pixels unpacked."""
    pieces, place = [], 8
    while place < len(data):
        (length,) = struct.unpack(">I", data[place : place + 4])
        kind, content = data[place + 4 : place + 8], data[place + 8 : place + 8 + length]
        pieces.append(kind + (zlib.decompress(content) if kind == b"IDAT" else content))
        place += 12 + length
    return pieces, png_file


def png_bomb(width, height, bits=8, kind=2, extra=b"tEXtnote\0"):
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, bits, kind, 0, 0, 0)
    return [header, extra, b"IDAT" + bytes(MB), b"IEND"], png_file


def png_file(pieces):
    out = b"\x89PNG\r\n\x1a\n"
    for piece in pieces:
        content = piece[:4] + zlib.compress(piece[4:], 1) if piece[:4] == b"IDAT" else piece
        out += struct.pack(">I", max(0, len(content) - 4)) + content + struct.pack(">I", zlib.crc32(content))
    return out


# --- CIFAR-10 ----------------------------------------------------------------------------------------------


def cifar(count):
    records = pixels(count, 3073)
    records[:, 0] %= 10
    return records.tobytes()


def tar_seeds():
    stems = [*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]
    names = [f"cifar-10-batches-bin/{stem}.bin".encode() for stem in stems]
    genuine = [piece for name in names for piece in (name, cifar(1))]
    outside = [b"../outside", b"x", b"/tmp/outside", b"x", b"cifar-10-batches-bin/../../outside", b"x"]
    bomb = [names[0], ZEROS]
    links = [b"S:" + names[0], b"../../outside", b"L:" + names[1], b"/etc/passwd", b"F:" + names[2], b""]
    harmful = [outside + genuine, links + genuine[6:], genuine[2:] + outside]
    return [(genuine, tar_file), *((pieces, tar_file) for pieces in harmful), ([tar_file(bomb)], b"".join)]


def tar_file(pieces):
    """A gzipped tar of names and contents. "S:", "L:" and "F:" before a name make links to the content, and a pipe."""
    kinds = {b"S:": tarfile.SYMTYPE, b"L:": tarfile.LNKTYPE, b"F:": tarfile.FIFOTYPE}
    buffer = io.BytesIO()
    for name, content in zip(pieces[::2], pieces[1::2], strict=True):
        info = tarfile.TarInfo(name.removeprefix(name[:2] if name[:2] in kinds else b"").decode("latin-1"))
        if name[:2] in kinds:
            info.type, info.linkname, content = kinds[name[:2]], content.decode("latin-1"), b""
        info.size = len(content)
        buffer.write(info.tobuf(tarfile.GNU_FORMAT) + content + bytes(-len(content) % 512))
    return gzip.compress(buffer.getvalue() + bytes(1024), 1, mtime=0)


# --- run folders -------------------------------------------------------------------------------------------


def genuine_run(folder):
    """A run of the default preset in `folder`, with a checkpoint of two small arrays."""
    run = Run.create(folder, DEFAULT, PRESETS[DEFAULT].config)
    run.save_checkpoint(3, {"a": np.arange(6, dtype=np.float32).reshape(2, 3), "b": np.arange(4)}, {"rng": [1, 2]})
    return run


def from_run(take):
    with tempfile.TemporaryDirectory() as folder:
        return take(genuine_run(Path(folder) / "run"))


def config_seeds():
    genuine = from_run(lambda run: run.config_file.read_bytes())
    nested = b'{"preset": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    huge = b'{"preset": 1e999, "steps": ' + b"9" * 5000 + b"}"
    return [*[whole(genuine)] * 6, whole(b"[]"), whole(b"5"), whole(nested), whole(huge)]


def log_seeds():
    lines = [json.dumps({"step": step, "critic": 0.5, "seconds": step / 9}) for step in range(1, 6)]
    odd = ["5", "[]", "{}", '{"step": null}', '{"step": "x"}', '{"step": 1e999}', '{"step": NaN}', "[" * 100_000]
    return [*[whole("\n".join([*lines, ""]).encode())] * 4, whole("\n".join([*odd, *lines]).encode())]


def checkpoint_seeds():
    """A header of JSON, and what it describes."""
    genuine = from_run(lambda run: next(run.checkpoints.glob("*.safetensors")).read_bytes())
    length = 8 + int.from_bytes(genuine[:8], "little")
    pieces = [genuine[8:length], genuine[length:]]
    nested = [json.dumps({"__metadata__": {"minigan": "[" * 100_000, "config": "{}"}}).encode(), b""]
    huge = [json.dumps({"a": {"dtype": "F32", "shape": [2**40], "data_offsets": [0, 2**42]}}).encode(), b"x"]
    return [*[(pieces, safetensors_file)] * 6, (nested, safetensors_file), (huge, safetensors_file)]


def safetensors_file(pieces):
    return struct.pack("<Q", len(pieces[0])) + pieces[0] + pieces[1]


def manifest_seeds():
    genuine = from_run(lambda run: next(run.checkpoints.glob("*.json")).read_bytes())
    return [*[whole(genuine)] * 3, whole(b"[" * 4000), whole(b'{"sha256": "x"}'), whole(b'{"sha256": [1]}')]
