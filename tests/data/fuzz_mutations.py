"""Random changes to bytes, of the kinds that break readers: damage, extreme sizes, joined files, changed text."""

import re
import struct

TOKENS = (
    b"NaN", b"-Infinity", b"1e999", b"null", b"true", b"[]", b"{}", b'""', b"-1", b"0.5", b"'|O'", b"'<U4'", b"'<f8'",
    b"\0", b"\xff\xfe", b"../", b"/etc/passwd", b"__import__('os').system('touch executed')", b"(" * 300, b"[" * 5000,
    b"9" * 40, b"\xf0\x9f\x92\xa5", b"\\ud800", b"(1,)*10**9",
)  # fmt: skip
EXTREMES = (0, 1, 2, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 2**31 - 1, 2**31, 2**32 - 1, 2**62, 2**63 - 1, 2**64 - 1)
NUMBER = re.compile(rb"\d+")


def mutated(rng, data, others):
    """`data` after one to four random changes. others: what may be spliced in."""
    for _ in range(rng.choice((1, 1, 2, 4))):
        data = rng.choice(CHANGES)(rng, data, others)
    return data


def flip(rng, data, _):
    data = bytearray(data)
    for _ in range(min(len(data), rng.choice((1, 2, 8)))):
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    return bytes(data)


def set_field(rng, data, _):
    """An integer of 1, 2, 4 or 8 bytes becomes extreme; mostly near the start or the end, where headers are."""
    code = rng.choice("BHIQ")
    size = struct.calcsize(code)
    if len(data) < size:
        return data
    last = len(data) - size
    place = rng.choice((rng.randint(0, min(last, 64)), rng.randint(max(0, last - 128), last), rng.randint(0, last)))
    value = rng.choice(EXTREMES) & (1 << 8 * size) - 1
    return data[:place] + struct.pack(rng.choice("<>") + code, value) + data[place + size :]


def cut(rng, data, _):
    return data[: rng.randint(0, len(data))]


def delete(rng, data, _):
    start = rng.randint(0, len(data))
    return data[:start] + data[start + rng.choice((1, 4, 100)) :]


def insert(rng, data, _):
    place = rng.randint(0, len(data))
    return data[:place] + rng.randbytes(rng.choice((1, 4, 100))) + data[place:]


def repeat(rng, data, _):
    start = rng.randint(0, len(data))
    stop = start + rng.choice((1, 16, 300))
    return data[:stop] + data[start:stop] * rng.choice((1, 3, 100)) + data[stop:]


def splice(rng, data, others):
    other = rng.choice(others)
    return data[: rng.randint(0, len(data))] + other[rng.randint(0, len(other)) :]


def change_number(rng, data, _):
    """A number in text becomes another."""
    found = list(NUMBER.finditer(data, 0, 1 << 16))
    if not found:
        return data
    start, stop = rng.choice(found).span()
    number = rng.choice((rng.choice(EXTREMES), -rng.choice(EXTREMES), rng.randrange(20)))
    return data[:start] + str(number).encode() + data[stop:]


def put_token(rng, data, _):
    place = rng.randint(0, min(len(data), 1 << 12))
    return data[:place] + rng.choice(TOKENS) + data[place + rng.choice((0, 0, 1, 4)) :]


CHANGES = (flip, flip, set_field, set_field, cut, delete, insert, repeat, splice, change_number, put_token)
