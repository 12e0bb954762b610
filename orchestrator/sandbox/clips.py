"""The smallest files that are what they say: a second of sound, a film's header, a bar of music, a picture that bites.

Nothing here depends on the request; what makes a file one's own is stamped on later.
"""

import io
import struct
import wave
import zlib
from functools import cache
from math import pi, sin
from typing import Final

RATE: Final = 8000  # samples per second
PITCH: Final = 440  # hertz
BOMB_SIDE: Final = 20_000  # pixels: 400 megapixels out of some 50 kB

PAGE: Final = b"<!doctype html><html><head><title>Sign in</title></head><body><p>Please sign in.</p></body></html>"


@cache
def sound() -> bytes:
    """One second of a fading note: WAV, mono, 8 kHz, 16 bits."""
    samples = (int(12_000 * sin(2 * pi * PITCH * i / RATE) * (1 - i / RATE)) for i in range(RATE))
    target = io.BytesIO()
    with wave.open(target, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(struct.pack(f"<{RATE}h", *samples))
    return target.getvalue()


@cache
def film() -> bytes:
    """An MP4 that every sniffer recognises and no player can play: a type box and an empty media box."""
    brand = b"isom" + struct.pack(">I", 512) + b"isomiso2avc1mp41"
    return struct.pack(">I", len(brand) + 8) + b"ftyp" + brand + struct.pack(">I", 8) + b"mdat"


@cache
def tune() -> bytes:
    """A MIDI file of one quarter note."""
    events = b"\x00\x90\x45\x60" + b"\x60\x80\x45\x40" + b"\x00\xff\x2f\x00"
    return b"MThd" + struct.pack(">IHHH", 6, 0, 1, 96) + b"MTrk" + struct.pack(">I", len(events)) + events


@cache
def bomb() -> bytes:
    """A valid PNG of 400 megapixels in some 50 kB: who decodes it without looking at its head first is sorry."""
    row = b"\0" * (1 + BOMB_SIDE // 8)
    packer = zlib.compressobj(9)
    pixels = b"".join(packer.compress(row) for _ in range(BOMB_SIDE)) + packer.flush()
    head = struct.pack(">IIBBBBB", BOMB_SIDE, BOMB_SIDE, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", head) + _chunk(b"IDAT", pixels) + _chunk(b"IEND", b"")


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
