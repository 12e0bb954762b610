"""Make a media file unique, or as large as wanted, without touching what it shows.

Every format of ours has a place for data that decoders pass over. A note there makes each link's bytes its own,
though many links share one drawing; noise there makes a file of a chosen size out of a small one.
"""

import struct
import zlib
from collections.abc import Callable, Iterator, Mapping
from typing import Final

CHUNK: Final = b"saNd"  # PNG: ancillary, private, safe to copy
SEGMENT: Final = 65_000  # a JPEG comment's length is a 16-bit number
MOST_PADDING: Final = 256 * 1024 * 1024


def stamp(data: bytes, extension: str, note: bytes) -> bytes:
    """The same file with `note` where decoders do not look; of an unknown format, the file as it is."""
    add = WAYS.get(extension)
    return data if add is None or not note else add(data, note)


def padding(data: bytes, wanted: int) -> int:
    """How many bytes are missing to the size wanted; never negative, and bounded."""
    return max(0, min(wanted, MOST_PADDING) - len(data))


def _png(data: bytes, note: bytes) -> bytes:
    end = data.rindex(b"IEND") - 4
    body = CHUNK + note
    return b"".join((data[:end], struct.pack(">I", len(note)), body, struct.pack(">I", zlib.crc32(body)), data[end:]))


def _jpeg(data: bytes, note: bytes) -> bytes:
    return b"".join((data[:2], *_comments(note), data[2:]))


def _comments(note: bytes) -> Iterator[bytes]:
    for start in range(0, len(note), SEGMENT):
        piece = note[start : start + SEGMENT]
        yield b"\xff\xfe" + struct.pack(">H", len(piece) + 2) + piece


def _riff(data: bytes, note: bytes) -> bytes:
    # Chunks lie on even addresses, and the size at the head counts everything after itself.
    chunk = b"junk" + struct.pack("<I", len(note)) + note + b"\0" * (len(note) % 2)
    return b"".join((data[:4], struct.pack("<I", len(data) + len(chunk) - 8), data[8:], chunk))


def _box(data: bytes, note: bytes) -> bytes:
    return data + struct.pack(">I", len(note) + 8) + b"free" + note


def _midi(data: bytes, note: bytes) -> bytes:
    return data + b"sand" + struct.pack(">I", len(note)) + note


WAYS: Final[Mapping[str, Callable[[bytes, bytes], bytes]]] = {
    "png": _png,
    "jpeg": _jpeg,
    "webp": _riff,
    "wav": _riff,
    "mp4": _box,
    "mid": _midi,
}
