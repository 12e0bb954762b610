"""Base64 as upstreams send it: with or without a data URL's prefix, padding, line breaks, in either alphabet."""

import binascii
from typing import Final

import pybase64

from orchestrator.blobs.media import Flaw, NotMedia

_URLSAFE: Final = bytes.maketrans(b"-_", b"+/")
_BLANKS: Final = b" \t\r\n"


def decode_base64(text: str | bytes) -> bytes:
    """The bytes that `text` stands for; NotMedia when it is not base64. 20 MB take about 10 ms: call it in a thread."""
    try:
        data = text.encode("ascii") if isinstance(text, str) else text
        return _decode(_payload(data))
    except (binascii.Error, UnicodeEncodeError) as exc:
        raise NotMedia(Flaw.CORRUPT, "The embedded file is not base64.") from exc


def _payload(data: bytes) -> bytes:
    """What follows the comma of a data URL (RFC 2397)."""
    if data[:5].lower() != b"data:":
        return data
    head, comma, payload = data.partition(b",")
    if not comma or not head.lower().endswith(b";base64"):
        raise binascii.Error("a data URL without base64")
    return payload


def _decode(data: bytes) -> bytes:
    try:
        # Nearly always it is what the standard says.
        return pybase64.b64decode(data, validate=True)
    except binascii.Error:
        bare = data.translate(_URLSAFE, _BLANKS).rstrip(b"=")
        return pybase64.b64decode(bare + b"=" * (-len(bare) % 4), validate=True)
