"""Is it a picture, a film, a sound, and is it whole?

Bytes are looked at and never altered: a C2PA manifest signs them.

Images are decoded to the last row, because an upstream's half-written file looks like a file. Everything else is
recognised, and where its format announces its length, that is compared with what is there.

What would surprise you:

* The number of pixels is checked before anything is decoded: a few KiB can unfold to gigabytes. Pillow's own limit is
  set for the whole process; the lower of it and the caller's counts.
* Of an animation only the first frame is decoded: a hostile one can have a million.
* Images above 16 megapixels are decoded one at a time, so that a dozen of them cannot take the memory together.

All of it is CPU work or file access: call it in a thread.
"""

import hashlib
import io
import os
import threading
import warnings
from contextlib import nullcontext
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import BinaryIO, Final

from PIL import Image, ImageFile

from orchestrator.blobs.sniff import HEAD_BYTES, Type, sniff
from orchestrator.domain.outcome import AssetKind

MAX_PIXELS: Final = 100_000_000
_LARGE_PIXELS: Final = 16_000_000
_large = threading.Lock()
_TAIL_BYTES: Final = 1 << 16
_ENDINGS: Final = {"image/png": b"IEND\xaeB`\x82", "image/jpeg": b"\xff\xd9"}
_BOXED: Final = frozenset({"image/avif", "image/heic", "video/mp4", "video/quicktime", "audio/mp4"})
_MAX_BOXES: Final = 100_000

Image.MAX_IMAGE_PIXELS = MAX_PIXELS
warnings.filterwarnings("error", category=Image.DecompressionBombWarning)


class Flaw(StrEnum):
    """What is wrong with bytes that should have been media."""

    TRUNCATED = "truncated"
    """The end is missing."""
    CORRUPT = "corrupt"
    """It begins like an image and cannot be decoded."""
    NOT_MEDIA = "not_media"
    """Text, a web page, an error message, or not the kind that was promised."""
    TOO_MANY_PIXELS = "too_many_pixels"
    """It would unfold to more pixels than allowed."""


class NotMedia(Exception):
    """These bytes are not the media that they should be; `reason` is the word, the message a sentence."""

    def __init__(self, reason: Flaw, message: str) -> None:
        super().__init__(message)
        self.reason = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Media:
    """What some bytes are."""

    content_type: str
    kind: AssetKind
    width: int | None
    """In pixels, of images that were decoded; None otherwise."""
    height: int | None


def inspect(data: bytes | Path, *, max_pixels: int = MAX_PIXELS) -> Media:
    """Say what `data` is, or raise NotMedia. Blocking. Raises OSError when a file cannot be read."""
    with io.BytesIO(data) if isinstance(data, bytes) else data.open("rb") as file:
        found = sniff(file.read(HEAD_BYTES))
        if found is None:
            raise _no_media(file)
        _check_end(file, found)
        width, height = _decoded(file, found, max_pixels) if found.decoder is not None else (None, None)
    return Media(content_type=found.content_type, kind=found.kind, width=width, height=height)


def digest(data: bytes | Path) -> str:
    """SHA-256 in hex. Blocking."""
    if isinstance(data, bytes):
        return hashlib.sha256(data).hexdigest()
    with data.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _no_media(file: BinaryIO) -> NotMedia:
    if _length(file) == 0:
        return NotMedia(Flaw.TRUNCATED, "The file is empty.")
    return NotMedia(Flaw.NOT_MEDIA, "The file is text, not media.")


def _check_end(file: BinaryIO, found: Type) -> None:
    """Raise NotMedia when the format itself says that something is missing."""
    length = _length(file)
    if found.content_type in _ENDINGS:
        file.seek(max(0, length - _TAIL_BYTES))
        whole = _ENDINGS[found.content_type] in file.read()
    elif found.content_type == "image/webp":
        file.seek(4)
        whole = int.from_bytes(file.read(4), "little") + 8 <= length
    else:
        whole = found.content_type not in _BOXED or _boxes_fit(file, length)
    if not whole:
        raise NotMedia(Flaw.TRUNCATED, f"The {found.content_type} file ends before its end.")


def _boxes_fit(file: BinaryIO, length: int) -> bool:
    """Whether the top-level boxes of an ISO base media file end where the file ends (ISO 14496-12, 4.2)."""
    at = 0
    for _ in range(_MAX_BOXES):
        if at >= length:
            break
        file.seek(at)
        header = file.read(16)
        size = int.from_bytes(header[:4])
        if size == 1:
            size = int.from_bytes(header[8:16])
        if size == 0:
            return True
        if size < 8:
            # Not a box: some writers append what they like.
            return at > 0
        at += size
    return at <= length


def _decoded(file: BinaryIO, found: Type, max_pixels: int) -> tuple[int, int]:
    assert found.decoder is not None
    file.seek(0)
    try:
        with Image.open(file, formats=[found.decoder]) as image:
            _check_pixels(image, max_pixels)
            with _large if image.width * image.height > _LARGE_PIXELS else nullcontext():
                image.load()
            return image.size
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as exc:
        raise _too_many(MAX_PIXELS) from exc
    except (NotMedia, MemoryError):
        raise
    except Exception as exc:
        # Decoders fail in a dozen ways, and each of them is the file's fault, save one that the system reports.
        if isinstance(exc, OSError) and exc.errno is not None:
            raise
        flaw = Flaw.TRUNCATED if "truncated" in str(exc).lower() else Flaw.CORRUPT
        raise NotMedia(flaw, f"The {found.content_type} file cannot be decoded.") from exc


def _check_pixels(image: Image.Image, limit: int) -> None:
    if image.width * image.height > limit:
        raise _too_many(limit)


def _too_many(limit: int) -> NotMedia:
    return NotMedia(Flaw.TOO_MANY_PIXELS, f"The image has more than the {limit} pixels that are allowed.")


def _length(file: BinaryIO) -> int:
    return file.seek(0, os.SEEK_END)


# A setting of Pillow's that other code in the process could have changed; a half image must not pass here.
assert not ImageFile.LOAD_TRUNCATED_IMAGES
