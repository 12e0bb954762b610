"""Media for the tests: real pictures of every format, and the heads of what is only recognised."""

import io
import struct
import zlib
from typing import Final

from PIL import Image

IMAGES: Final = {
    "image/png": "PNG",
    "image/jpeg": "JPEG",
    "image/webp": "WEBP",
    "image/gif": "GIF",
    "image/avif": "AVIF",
    "image/bmp": "BMP",
    "image/tiff": "TIFF",
}


def picture(form: str = "PNG", size: tuple[int, int] = (48, 32)) -> bytes:
    """A picture with some structure, so that it does not compress to nothing."""
    buffer = io.BytesIO()
    Image.radial_gradient("L").resize(size).convert("RGB").save(buffer, form)
    return buffer.getvalue()


def animation(form: str, frames: int = 3) -> bytes:
    """A short film in an image format."""
    first, *rest = [Image.new("RGB", (20, 10), (shade * 40, 0, 0)) for shade in range(frames)]
    buffer = io.BytesIO()
    first.save(buffer, form, save_all=True, append_images=rest, duration=50)
    return buffer.getvalue()


def huge_png(width: int, height: int) -> bytes:
    """A few KiB of PNG that announce `width` times `height` black pixels, and would unfold to them."""
    packer = zlib.compressobj(9)
    row = bytes(1 + min(width, 10_000) // 8)
    rows = b"".join(packer.compress(row) for _ in range(min(height, 1000))) + packer.flush()
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", rows) + _chunk(b"IEND", b"")


def box(kind: bytes, content: bytes = b"") -> bytes:
    """A box of an ISO base media file."""
    return struct.pack(">I", 8 + len(content)) + kind + content


def film(brand: bytes, *compatible: bytes, tail: bytes = b"") -> bytes:
    """The skeleton of an ISO base media file."""
    return (
        box(b"ftyp", brand + bytes(4) + b"".join(compatible)) + box(b"moov", bytes(40)) + box(b"mdat", b"frames") + tail
    )


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
