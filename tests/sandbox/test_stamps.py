"""Stamps: files become unique and as large as wanted, and still decode."""

import io
import wave

import pytest

from orchestrator.sandbox import clips
from orchestrator.sandbox.pictures import Picture, draw
from orchestrator.sandbox.stamps import padding, stamp
from tests.sandbox.plumbing import opened


@pytest.mark.parametrize("form", ["png", "jpeg", "webp"])
@pytest.mark.parametrize("length", [1, 36, 200_001])
def test_a_stamped_picture_shows_the_same(form: str, length: int) -> None:
    data = draw(Picture(text="A kite", width=120, height=100, format=form))

    stamped = stamp(data, form, b"x" * length)

    assert len(stamped) >= len(data) + length
    assert opened(stamped).tobytes() == opened(data).tobytes()


def test_a_stamped_sound_plays_the_same() -> None:
    stamped = stamp(clips.sound(), "wav", b"odd")

    with wave.open(io.BytesIO(stamped)) as file:
        assert (file.getframerate(), file.getnframes()) == (8000, 8000)


def test_a_film_begins_with_its_type() -> None:
    stamped = stamp(clips.film(), "mp4", b"note")

    assert stamped[4:12] == b"ftypisom"
    assert stamped.endswith(b"freenote")


def test_a_tune_is_midi() -> None:
    assert clips.tune().startswith(b"MThd")


def test_padding_is_what_is_missing() -> None:
    assert (padding(b"12345", 8), padding(b"12345", 3)) == (3, 0)
