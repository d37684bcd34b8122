"""Damaged copies of a file: bytes turned, moved and lost, and files put together again with other content.

All draws come from the generator that is handed in, so a seed and a number name a mutant for ever.
"""

from __future__ import annotations

import gzip
import io
import re
import struct
import warnings
import zipfile
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from fuzz.reseal import is_ours, reseal

Random = np.random.Generator
Mutator = Callable[[Random, bytes], bytes]

# What a number in a text is replaced by, and what a field of bytes is set to.
_NUMBERS = (
    b"0", b"-1", b"1", b"7", b"255", b"65536", b"2147483647", b"2147483648", b"4294967295", b"50000000",
    b"9223372036854775807", b"99999999999999999999999", b"1e999", b"-1e300", b"1e-320", b"nan", b"inf", b"0x7",
    b"1_0", b"\xd9\xa3", b"", b" ", b"3.5", b"true", b"null", b'"1"', b"[1]", b"{}",
)  # fmt: skip
_FIELDS = (
    0,
    1,
    0x7F,
    0x80,
    0xFF,
    0x7FFF,
    0xFFFF,
    2**31 - 1,
    2**31,
    2**32 - 1,
    50_000_000,
    2**63 - 1,
    2**64 - 1,
)
_WORDS = (
    b"\0",
    b"\n",
    b"\r",
    b" ",
    b":",
    b"#",
    b",",
    b"[",
    b"{",
    b'"',
    b"\\",
    b"\x1b[31m",
    b"\xff\xfe",
    b"(",
    b"'",
    b"qid:1 ",
)
_MOST = 1 << 22  # bytes of a mutant
_WINDOW = 1 << 14  # bytes that are searched for what to replace


@dataclass(frozen=True)
class Mutant:
    """A damaged file.

    Attributes
    ----------
    content : bytes
    resealed : bool
        Whether it was put together again with checksums that fit, so that no reader can see the change.
    """

    content: bytes
    resealed: bool


def mutate(random: Random, content: bytes) -> Mutant:
    """Damage a file once to three times."""
    resealed = False
    for _ in range(int(random.integers(1, 4))):
        rebuilders = [rebuild for known, rebuild in _REBUILDERS if known(content)]
        if rebuilders and random.random() < 0.5:
            content, resealed = rebuilders[0](random, content), True
        else:
            damaged = _damage(random, content)
            # Packed text twice over is text twice as long, as gzip sees it.
            resealed |= content[:2] == b"\x1f\x8b" and damaged == content * 2
            content = damaged
    return Mutant(content[:_MOST], resealed)


def mutant(content: bytes, seed: int, number: int) -> Mutant:
    """The mutant of this number."""
    return mutate(np.random.default_rng([seed, number]), content)


def _damage(random: Random, content: bytes) -> bytes:
    mutators = TEXT if random.random() < 0.3 else BYTES
    return mutators[random.integers(len(mutators))](random, content)


def _place(random: Random, content: bytes) -> int:
    """A place, the ends of the file (where headers and directories are) more often than others."""
    n = len(content)
    if n > 400 and random.random() < 0.5:
        near = int(random.integers(200))
        return near if random.random() < 0.5 else n - 1 - near
    return int(random.integers(n + 1))


# ---- bytes ------------------------------------------------------------------------------------------


def flip_bits(random: Random, content: bytes) -> bytes:
    """Turn one to eight bits over."""
    changed = bytearray(content)
    for _ in range(int(random.integers(1, 9))):
        if changed:
            changed[min(_place(random, content), len(changed) - 1)] ^= 1 << int(random.integers(8))
    return bytes(changed)


def set_bytes(random: Random, content: bytes) -> bytes:
    """Write noise over some bytes."""
    at, n = _place(random, content), int(random.integers(1, 17))
    return content[:at] + random.bytes(n) + content[at + n :]


def truncate(random: Random, content: bytes) -> bytes:
    """Cut the file off."""
    return content[: _place(random, content)]


def remove(random: Random, content: bytes) -> bytes:
    """Leave some bytes out."""
    at = _place(random, content)
    return content[:at] + content[at + int(random.integers(1, 65)) :]


def insert(random: Random, content: bytes) -> bytes:
    """Put some bytes in."""
    at = _place(random, content)
    return content[:at] + random.bytes(int(random.integers(1, 65))) + content[at:]


def splice(random: Random, content: bytes) -> bytes:
    """Copy a part of the file over another, or between."""
    start, at, n = _place(random, content), _place(random, content), int(random.integers(1, 257))
    part = content[start : start + n]
    return content[:at] + part + content[at + (len(part) if random.random() < 0.5 else 0) :]


def append(random: Random, content: bytes) -> bytes:
    """Go on after the end: with itself, or with noise."""
    return content + (content if random.random() < 0.5 else random.bytes(int(random.integers(1, 999))))


def set_field(random: Random, content: bytes) -> bytes:
    """Set what may be a length or a count, of either byte order, to an extreme."""
    at, value = _place(random, content), _FIELDS[random.integers(len(_FIELDS))]
    size, order = int(random.choice([1, 2, 4, 8])), "<>"[random.integers(2)]
    field = struct.pack(f"{order}Q", value % 2 ** (8 * size))
    return content[:at] + (field[:size] if order == "<" else field[-size:]) + content[at + size :]


# ---- text -------------------------------------------------------------------------------------------


def set_number(random: Random, content: bytes) -> bytes:
    """Write another number for one of those that the file spells."""
    return _replaced(random, content, rb"[+-]?\d+(?:\.\d+)?", _NUMBERS)


def set_word(random: Random, content: bytes) -> bytes:
    """Write another word of the file, or a sign that means something, for one of its words."""
    words = [match[0] for match in re.finditer(rb"[A-Za-z_]{1,40}", content[:_WINDOW])][:1000]
    return _replaced(random, content, rb"[A-Za-z_]{1,40}", (*_WORDS, *words))


def put_sign(random: Random, content: bytes) -> bytes:
    """Put a sign in that means something."""
    at = _place(random, content)
    return content[:at] + _WORDS[random.integers(len(_WORDS))] + content[at:]


def nest(random: Random, content: bytes) -> bytes:
    """Put very many brackets in, or one line or word without end."""
    at, piece = (
        _place(random, content),
        (b"[", b'{"a":', b"(", b"a", b"1", b"1:1 ", b"\n")[random.integers(7)],
    )
    return content[:at] + piece * int(random.choice([50, 5000, 200_000])) + content[at:]


def move_line(random: Random, content: bytes) -> bytes:
    """Repeat a line elsewhere."""
    lines = content.split(b"\n")
    lines.insert(int(random.integers(len(lines))), lines[random.integers(len(lines))])
    return b"\n".join(lines)


def _replaced(random: Random, content: bytes, pattern: bytes, by: tuple[bytes, ...]) -> bytes:
    first = int(random.integers(max(len(content) - _WINDOW, 0) + 1))
    found = list(re.finditer(pattern, content[first : first + _WINDOW]))
    if not found:
        return set_bytes(random, content)
    one = found[random.integers(len(found))]
    return content[: first + one.start()] + by[random.integers(len(by))] + content[first + one.end() :]


BYTES: tuple[Mutator, ...] = (flip_bits, set_bytes, truncate, remove, insert, splice, append, set_field)
TEXT: tuple[Mutator, ...] = (set_number, set_number, set_word, put_sign, nest, move_line)


# ---- files put together again, with checksums that fit ----------------------------------------------


def rebuild_gzip(random: Random, content: bytes) -> bytes:
    """Damage what is compressed, and compress it again."""
    try:
        return gzip.compress(_damage(random, gzip.decompress(content)), mtime=0)
    except (OSError, EOFError, ValueError):
        return flip_bits(random, content)
    except Exception:  # whatever else a damaged file makes of the module
        return content


def rebuild_zip(random: Random, content: bytes) -> bytes:
    """Damage, drop, repeat or rename a member, or say that it is another kind; write the archive again."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as file:
            members = [(info, file.read(info)) for info in file.infolist()]
    except Exception:  # it is damaged already
        return flip_bits(random, content)
    if not members:
        return content
    at = int(random.integers(len(members)))
    info, inner = members[at]
    names = [other.filename for other, _ in members]
    kind, name, method, flags = int(random.integers(10)), info.filename, info.compress_type, 0
    if kind < 4:
        inner = (
            _edit_header(random, inner) if inner[:6] == b"\x93NUMPY" and kind < 3 else _damage(random, inner)
        )
    elif kind == 4:
        inner = members[random.integers(len(members))][1]
    elif kind == 5:
        name = names[random.integers(len(names))]
    elif kind == 6:
        name = ("y.npy", "X.npy", "X_test.npy", "\x1b[31mX.npy", "X", "../X.npy", "n" * 60_000)[
            random.integers(7)
        ]
    elif kind == 7:
        method = int(
            random.choice([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
        )
    elif kind == 8:
        inner = inner[:128] + bytes(int(random.choice([1000, 3_000_000])))
    members[at] = (info, inner)
    if kind == 9:
        members = [other for other in members if other[0] is not info]
    out = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(out, "w") as file:
        warnings.simplefilter("ignore")  # two members of one name are meant
        for other, inside in members:
            entry = zipfile.ZipInfo(name if other is info else other.filename)
            entry.compress_type = method if other is info else zipfile.ZIP_DEFLATED
            entry.flag_bits |= flags
            file.writestr(entry, inside)
    return out.getvalue()


def _edit_header(random: Random, member: bytes) -> bytes:
    """Change the text that says dtype, order and shape of an array; its length still fits."""
    if len(member) < 10:
        return member
    n = int.from_bytes(member[8:10], "little")
    text = member[10 : 10 + n].rstrip()
    choices = (
        (rb"'[<>|=]?[a-zA-Z]\d*'", (b"'|O'", b"'<f4'", b"'>f8'", b"'<i8'", b"'|u1'", b"'<U3'", b"'|S0'", b"'<c16'",
                                   b"'<M8[s]'", b"'|V8'", b"[('a', '<f4')]", b"'<U999999999'", b"'f4,f4'", b"'<f16'", b"7")),
        (rb"True|False", (b"True", b"False", b"None", b"1")),
        (rb"\([\d, ]*\)", (b"()", b"(0,)", b"(1,)", b"(-1,)", b"(2, -3)", b"(50000000000,)", b"(4, 0)", b"(1, 1, 1)",
                           b"(1," * 300 + b")" * 300, b"(9" * 40 + b",)", b"(2**9,)", b"(1.5,)", b"[3]", b"(99999999999999999999,)")),
    )  # fmt: skip
    pattern, by = choices[random.integers(3)]
    text = (set_number if random.random() < 0.3 else lambda r, t: _replaced(r, t, pattern, by))(random, text)
    text += b" " * (63 - (10 + len(text)) % 64) + b"\n"
    return member[:8] + struct.pack("<H", min(len(text), 65535)) + text[:65535] + member[10 + n :]


_REBUILDERS: tuple[tuple[Callable[[bytes], bool], Mutator], ...] = (
    (lambda content: content[:2] == b"\x1f\x8b", rebuild_gzip),
    (lambda content: content[:2] == b"PK", rebuild_zip),
    (is_ours, reseal),
)
