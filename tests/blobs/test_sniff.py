"""Telling media by their signatures."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.blobs.sniff import HEAD_BYTES, UNKNOWN, sniff
from orchestrator.domain.outcome import AssetKind
from tests.blobs.samples import IMAGES, film, picture

IMAGE, VIDEO, AUDIO = AssetKind.IMAGE, AssetKind.VIDEO, AssetKind.AUDIO
HEADS = [
    (film(b"isom", b"isom", b"iso2", b"avc1", b"mp41"), "video/mp4", VIDEO),
    (film(b"mp42"), "video/mp4", VIDEO),
    (film(b"qt  "), "video/quicktime", VIDEO),
    (film(b"M4A ", b"M4A ", b"mp42"), "audio/mp4", AUDIO),
    (film(b"avif", b"mif1"), "image/avif", IMAGE),
    (film(b"mif1", b"avif", b"miaf"), "image/avif", IMAGE),
    (film(b"mif1", b"heic"), "image/heic", IMAGE),
    (film(b"heic", b"mif1"), "image/heic", IMAGE),
    (film(b"mif1"), "image/heic", IMAGE),
    (b"\x1a\x45\xdf\xa3\x01\x00\x00\x00\x00\x00\x00\x1f\x42\x86\x81\x01\x42\x82\x84webm", "video/webm", VIDEO),
    (
        b"\x1a\x45\xdf\xa3\x01\x00\x00\x00\x00\x00\x00\x23\x42\x86\x81\x01\x42\x82\x88matroska",
        "video/x-matroska",
        VIDEO,
    ),
    (b"RIFF\x00\x10\x00\x00AVI LIST", "video/x-msvideo", VIDEO),
    (b"\x00\x00\x01\xba\x44\x00\x04", "video/mpeg", VIDEO),
    (b"RIFF\xff\xff\xff\xffWAVEfmt ", "audio/wav", AUDIO),
    (b"OggS\x00\x02" + bytes(22) + b"\x01\x13OpusHead", "audio/ogg", AUDIO),
    (b"OggS\x00\x02" + bytes(22) + b"\x01\x2a\x80theora", "video/ogg", VIDEO),
    (b"fLaC\x00\x00\x00\x22", "audio/flac", AUDIO),
    (b"MThd\x00\x00\x00\x06\x00\x01", "audio/midi", AUDIO),
    (b"FORM\x00\x00\x10\x00AIFFCOMM", "audio/aiff", AUDIO),
    (b"ID3\x04\x00\x00\x00\x00\x0f\x76", "audio/mpeg", AUDIO),
    (b"\xff\xfb\x90\x64" + bytes(60), "audio/mpeg", AUDIO),
    (b"\xff\xf3\x40\xc0" + bytes(60), "audio/mpeg", AUDIO),
    (b"\xff\xf1\x50\x80" + bytes(60), "audio/aac", AUDIO),
    (bytes(100), "application/octet-stream", AssetKind.FILE),
    (b"\x01\x00\xff\xff\x02\x00\xfe\xff" * 20, "application/octet-stream", AssetKind.FILE),
    (b"PK\x03\x04\x14\x00\x00\x00", "application/octet-stream", AssetKind.FILE),
    (b"\xff\xfb\xf0\x64" + bytes(60), "application/octet-stream", AssetKind.FILE),
    (b"\xff\xfb\x9c\x64" + bytes(60), "application/octet-stream", AssetKind.FILE),
    (b"BM rather a name than a picture\x00", "application/octet-stream", AssetKind.FILE),
]


@pytest.mark.parametrize(("head", "content_type", "kind"), HEADS, ids=range(len(HEADS)))
def test_media_are_told_by_their_heads(head: bytes, content_type: str, kind: AssetKind) -> None:
    found = sniff(head)

    assert found is not None
    assert (found.content_type, found.kind) == (content_type, kind)


@pytest.mark.parametrize("content_type", IMAGES)
def test_real_pictures_are_told_and_have_a_decoder(content_type: str) -> None:
    found = sniff(picture(IMAGES[content_type]))

    assert found is not None
    assert (found.content_type, found.kind, found.decoder) == (content_type, IMAGE, IMAGES[content_type])


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"<!doctype html><html><body>Access denied</body></html>",
        b"\n\n  <html>",
        b'{"error": {"code": "expired"}}',
        b'<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>',
        b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>',
        b"not found",
        b"ID3v2 is a tag, and this is a sentence about it",
        b"OggS",
        b"GIF89a",
        b"\xef\xbb\xbf<html>",
        "<html>é</html>".encode("utf-16"),
        "Nicht gefunden: Prüfung".encode(),
        ("a" * (HEAD_BYTES - 1) + "é" * 100).encode(),
        b"\x1b[31mError\x1b[0m",
    ],
    ids=range(15),
)
def test_text_and_nothing_are_no_media(text: bytes) -> None:
    assert sniff(text) is None


@given(st.binary(max_size=200))
def test_no_bytes_make_it_fail(head: bytes) -> None:
    found = sniff(head)

    assert found is None or found.content_type


@given(st.binary(max_size=64))
def test_a_box_of_any_brand_is_something(brands: bytes) -> None:
    found = sniff(b"\x00\x00\x00\x18ftyp" + brands.ljust(8, b"\x00"))

    assert found is not None
    assert found is not UNKNOWN
