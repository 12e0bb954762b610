"""What bytes are, by their own signature; never by a name or a header that somebody sent along.

Only the head is looked at. Text of any kind (HTML, JSON, XML, SVG) is recognised in order to be refused: an error page
with status 200 is no picture, and SVG is a program that a browser would run under our name. Binary data that nothing
here knows is `application/octet-stream`: raw PCM audio has no signature at all.
"""

import re
from dataclasses import dataclass
from typing import Final

from orchestrator.domain.outcome import AssetKind

HEAD_BYTES: Final = 4096
"""How much of the head `sniff` wants to see."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Type:
    """A kind of media."""

    content_type: str
    kind: AssetKind
    decoder: str | None = None
    """Pillow's name for the format, for images that can be checked."""


def _image(content_type: str, decoder: str | None) -> Type:
    return Type(content_type=content_type, kind=AssetKind.IMAGE, decoder=decoder)


def _video(content_type: str) -> Type:
    return Type(content_type=content_type, kind=AssetKind.VIDEO)


def _audio(content_type: str) -> Type:
    return Type(content_type=content_type, kind=AssetKind.AUDIO)


UNKNOWN: Final = Type(content_type="application/octet-stream", kind=AssetKind.FILE)

_AVIF: Final = _image("image/avif", "AVIF")
# Pillow has no decoder for it, so it is taken at its word.
_HEIC: Final = _image("image/heic", None)
_MP4: Final = _video("video/mp4")
_M4A: Final = _audio("audio/mp4")

# Bit rate 1 to 14 in the high half of the byte, sampling rate 0 to 2 in the next two bits.
_RATES: Final = b"[" + b"".join(rb"\x%x0-\x%xb" % (rate, rate) for rate in range(1, 15)) + b"]"

# In order: the first that matches counts. A dot is any byte.
_SIGNATURES: Final = tuple(
    (re.compile(pattern, re.DOTALL), found)
    for pattern, found in (
        (rb"\x89PNG\r\n\x1a\n", _image("image/png", "PNG")),
        (rb"\xff\xd8\xff", _image("image/jpeg", "JPEG")),
        (rb"RIFF....WEBP", _image("image/webp", "WEBP")),
        (rb"GIF8[79]a", _image("image/gif", "GIF")),
        (rb"BM....\x00\x00\x00\x00....[\x0c\x28\x34\x38\x40\x6c\x7c]\x00\x00\x00", _image("image/bmp", "BMP")),
        (rb"II\x2a\x00|MM\x00\x2a", _image("image/tiff", "TIFF")),
        (rb"\x1a\x45\xdf\xa3.{0,60}webm", _video("video/webm")),
        (rb"\x1a\x45\xdf\xa3", _video("video/x-matroska")),
        (rb"RIFF....AVI ", _video("video/x-msvideo")),
        (rb"\x00\x00\x01[\xb3\xba]", _video("video/mpeg")),
        (rb"RIFF....WAVE", _audio("audio/wav")),
        (rb"OggS.{0,60}theora", _video("video/ogg")),
        (rb"OggS", _audio("audio/ogg")),
        (rb"fLaC", _audio("audio/flac")),
        (rb"MThd\x00\x00\x00\x06", _audio("audio/midi")),
        (rb"FORM....AIF[FC]", _audio("audio/aiff")),
        (rb"ID3[\x02-\x04]", _audio("audio/mpeg")),
        # An MPEG audio frame: sync, version 1, 2 or 2.5, layer II or III, then rates that exist.
        (rb"\xff[\xfa-\xfd\xf2-\xf5\xe2-\xe5]" + _RATES, _audio("audio/mpeg")),
        (rb"\xff[\xf0\xf1\xf8\xf9]", _audio("audio/aac")),
    )
)
_BRANDS: Final = {
    b"avif": _AVIF,
    b"avis": _AVIF,
    b"heic": _HEIC,
    b"heix": _HEIC,
    b"heim": _HEIC,
    b"heis": _HEIC,
    b"hevc": _HEIC,
    b"qt  ": _video("video/quicktime"),
    b"M4A ": _M4A,
    b"M4B ": _M4A,
    b"M4P ": _M4A,
}
_BOX: Final = re.compile(rb"(....)ftyp(....)....", re.DOTALL)
_UNICODE_MARKS: Final = (b"\xff\xfe", b"\xfe\xff")
_CONTROLS: Final = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")


def sniff(head: bytes) -> Type | None:
    """What begins with `head` (its first `HEAD_BYTES`, or all of it); None for text and for nothing at all."""
    head = head[:HEAD_BYTES]
    if not head or _is_text(head):
        return None
    if (box := _BOX.match(head)) is not None:
        return _by_brand(head, box)
    return next((found for pattern, found in _SIGNATURES if pattern.match(head)), UNKNOWN)


def _by_brand(head: bytes, box: re.Match[bytes]) -> Type:
    """The ISO base media files: MP4 and its many cousins, told apart by brand, the major one first."""
    length = int.from_bytes(box[1])
    compatible = head[16 : min(length, HEAD_BYTES)]
    brands = [box[2], *(compatible[at : at + 4] for at in range(0, len(compatible), 4))]
    if box[2] in _BRANDS:
        return _BRANDS[box[2]]
    # "mif1" and "msf1" only say that it is a picture; which one, the compatible brands say.
    if box[2] in {b"mif1", b"msf1"}:
        return next((_BRANDS[brand] for brand in brands if brand in _BRANDS), _HEIC)
    return _MP4


def _is_text(head: bytes) -> bool:
    if head.startswith(_UNICODE_MARKS):
        return True
    if _CONTROLS.search(head):
        return False
    try:
        # A character may be cut off at the end of what we see.
        head[: -3 or None].decode() if len(head) == HEAD_BYTES else head.decode()
    except UnicodeDecodeError:
        return False
    return True
