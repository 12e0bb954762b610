"""Whole pictures pass; half, forged, exploding and misnamed ones do not."""

import hashlib
import os
import struct
import tracemalloc
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.blobs.media import MAX_PIXELS, Flaw, NotMedia, digest, inspect
from orchestrator.domain.outcome import AssetKind
from tests.blobs.samples import IMAGES, animation, film, huge_png, picture


def flaw(data: bytes | Path, *, max_pixels: int = MAX_PIXELS) -> Flaw:
    with pytest.raises(NotMedia) as refusal:
        inspect(data, max_pixels=max_pixels)
    assert str(refusal.value).endswith(".")
    return refusal.value.reason


@pytest.mark.parametrize("content_type", IMAGES)
@pytest.mark.parametrize("as_file", [False, True], ids=["bytes", "file"])
def test_a_whole_picture_has_its_type_and_size(content_type: str, as_file: bool, tmp_path: Path) -> None:
    content = picture(IMAGES[content_type], (48, 32))
    path = tmp_path / "wrong-name.txt"
    path.write_bytes(content)

    media = inspect(path if as_file else content)

    assert (media.content_type, media.kind) == (content_type, AssetKind.IMAGE)
    assert (media.width, media.height) == (48, 32)
    assert path.read_bytes() == content


@pytest.mark.parametrize("content_type", IMAGES)
def test_a_picture_of_one_pixel_is_a_picture(content_type: str) -> None:
    media = inspect(picture(IMAGES[content_type], (1, 1)))

    assert (media.content_type, media.width, media.height) == (content_type, 1, 1)


@pytest.mark.parametrize("content_type", ["image/gif", "image/webp", "image/png"])
def test_an_animation_is_a_picture(content_type: str) -> None:
    media = inspect(animation(IMAGES[content_type]))

    assert (media.content_type, media.width, media.height) == (content_type, 20, 10)


@pytest.mark.parametrize("content_type", IMAGES)
@pytest.mark.parametrize("share", [0.99, 0.9, 0.5, 0.2])
def test_a_picture_that_broke_off_is_refused(content_type: str, share: float) -> None:
    content = picture(IMAGES[content_type], (300, 200))

    assert flaw(content[: int(len(content) * share)]) in {Flaw.TRUNCATED, Flaw.CORRUPT}


@pytest.mark.parametrize("content_type", ["image/png", "image/jpeg", "image/webp", "image/avif"])
@pytest.mark.parametrize("missing", [2, 100, 1000])
def test_a_missing_end_is_called_that(content_type: str, missing: int) -> None:
    assert flaw(picture(IMAGES[content_type], (600, 400))[:-missing]) is Flaw.TRUNCATED


@pytest.mark.parametrize("content_type", ["image/png", "image/jpeg", "image/webp", "image/gif"])
def test_bytes_after_the_end_do_no_harm(content_type: str) -> None:
    assert inspect(picture(IMAGES[content_type]) + b"\x00provenance" * 10).content_type == content_type


def test_a_picture_with_a_broken_middle_is_corrupt() -> None:
    content = bytearray(picture("PNG", (200, 200)))
    content[300:320] = bytes(20)

    assert flaw(bytes(content)) is Flaw.CORRUPT


def test_a_picture_with_a_forged_head_is_corrupt() -> None:
    assert flaw(b"\x89PNG\r\n\x1a\n" + b"\x00\x01" * 50 + b"IEND\xaeB`\x82") is Flaw.CORRUPT


def test_pixels_are_counted_before_they_are_decoded() -> None:
    bomb = huge_png(9_000, 9_000)

    tracemalloc.start()
    try:
        assert flaw(bomb, max_pixels=80_000_000) is Flaw.TOO_MANY_PIXELS
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert len(bomb) < 20_000
    assert peak < 1_000_000


@pytest.mark.parametrize(("width", "height"), [(10_001, 10_000), (20_000, 20_000), (2**31 - 1, 2**31 - 1)])
def test_more_pixels_than_the_process_allows_are_too_many_whatever_the_caller_says(width: int, height: int) -> None:
    assert flaw(huge_png(width, height), max_pixels=10**20) is Flaw.TOO_MANY_PIXELS


@pytest.mark.parametrize(("limit", "passes"), [(48 * 32, True), (48 * 32 - 1, False)])
def test_the_callers_limit_is_exact(limit: int, passes: bool) -> None:
    if passes:
        assert inspect(picture(), max_pixels=limit).width == 48
    else:
        assert flaw(picture(), max_pixels=limit) is Flaw.TOO_MANY_PIXELS


def test_only_the_first_frame_of_an_animation_is_decoded() -> None:
    content = bytearray(animation("GIF", frames=9))
    content[-40:] = bytes(40)

    assert inspect(bytes(content)).width == 20


@pytest.mark.parametrize(
    "page",
    [
        b"<!doctype html><title>Expired</title>",
        b'{"error":{"code":"expired"}}',
        b'<svg xmlns="http://www.w3.org/2000/svg" width="1" height="1"/>',
        b"GIF89a is how a picture could begin",
    ],
)
def test_a_page_that_poses_as_a_picture_is_no_media(page: bytes, tmp_path: Path) -> None:
    path = tmp_path / "picture.png"
    path.write_bytes(page)

    assert flaw(page) is Flaw.NOT_MEDIA
    assert flaw(path) is Flaw.NOT_MEDIA


def test_an_empty_file_is_truncated() -> None:
    assert flaw(b"") is Flaw.TRUNCATED


def test_a_film_is_taken_whole_and_refused_when_its_last_box_is_cut() -> None:
    content = film(b"isom")

    media = inspect(content)

    assert (media.content_type, media.kind, media.width, media.height) == ("video/mp4", AssetKind.VIDEO, None, None)
    for cut in (1, 10, 20):
        assert flaw(content[:-cut]) is Flaw.TRUNCATED


def test_a_films_last_box_may_be_open_or_of_64_bits_or_followed_by_rubbish() -> None:
    large = struct.pack(">I4sQ", 1, b"mdat", 20) + b"abcd"

    for tail in (struct.pack(">I", 0) + b"mdat until the end", large, b"\x00\x00\x00\x05junk"):
        assert inspect(film(b"mp42", tail=tail)).content_type == "video/mp4"
    assert flaw(film(b"mp42", tail=large[:-1])) is Flaw.TRUNCATED


def test_raw_sound_is_a_file_of_unknown_type() -> None:
    media = inspect(struct.pack("<100h", *range(-50, 50)))

    assert (media.content_type, media.kind) == ("application/octet-stream", AssetKind.FILE)


def test_a_file_that_cannot_be_read_is_not_the_pictures_fault(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        inspect(tmp_path / "gone")


def test_the_digest_of_a_file_is_that_of_its_bytes(tmp_path: Path) -> None:
    content = os.urandom(3_000_000)
    path = tmp_path / "file"
    path.write_bytes(content)

    assert digest(path) == digest(content) == hashlib.sha256(content).hexdigest()


@settings(max_examples=150, deadline=None)
@given(content_type=st.sampled_from(sorted(IMAGES)), data=st.data())
def test_damaged_pictures_are_refused_or_shown_and_never_crash(content_type: str, data: st.DataObject) -> None:
    content = bytearray(picture(IMAGES[content_type]))
    for _ in range(data.draw(st.integers(1, 8))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))

    with suppress(NotMedia):
        assert inspect(bytes(content), max_pixels=1_000_000).content_type
