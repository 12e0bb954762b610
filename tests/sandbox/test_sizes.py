"""Sizes: what a request asks for, and what the platform refuses."""

import pytest

from orchestrator.sandbox.refusals import Refused
from orchestrator.sandbox.sizes import openai_size, other_size


@pytest.mark.parametrize(
    ("model", "size", "expected"),
    [
        ("gpt-image-1", None, (1024, 1024)),
        ("gpt-image-2", "auto", (1024, 1024)),
        ("gpt-image-2", "1024x1536", (1024, 1536)),
        ("gpt-image-2", "3840x2160", (3840, 2160)),
        ("gpt-image-2", "1254x1254", (1254, 1254)),
        ("gpt-image-2:official", "1672x941", (1672, 941)),
        ("gpt-image-2", "941x1672", (941, 1672)),
        ("gpt-image-1", "100x100", (100, 100)),
        ("nano-banana", "1792x1024", (1344, 768)),
        ("nano-banana-2", "1024x1792", (768, 1344)),
        ("nano-banana", "333x777", (1024, 1024)),
    ],
)
def test_a_picture_gets_the_size_asked_for(model: str, size: str | None, expected: tuple[int, int]) -> None:
    assert openai_size(model, size) == expected


@pytest.mark.parametrize(
    ("model", "size", "words"),
    [
        ("gpt-image-2", "1000x1000", "size width and height must be multiples of 16"),
        ("gpt-image-2.5-flare", "1024x1023", "size width and height must be multiples of 16"),
        ("gpt-image-2", "3856x16", "must not exceed"),
        ("gpt-image-2", "3840x3840", "must not exceed"),
        ("dall-e-3", "100000x100000", "must not exceed"),
        ("dall-e-3", "large", "WIDTHxHEIGHT"),
        ("dall-e-3", "0x100", "WIDTHxHEIGHT"),
        ("dall-e-3", 1024, "WIDTHxHEIGHT"),
    ],
)
def test_an_impossible_size_is_refused(model: str, size: object, words: str) -> None:
    with pytest.raises(Refused, match=words):
        openai_size(model, size)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, (1024, 1024)),
        ({"aspect_ratio": "16:9"}, (1344, 768)),
        ({"aspect_ratio": "2:3", "resolution": "2K"}, (1664, 2496)),
        ({"resolution": "4K"}, (4096, 4096)),
        ({"size": "2K"}, (2048, 2048)),
        ({"size": "640x480"}, (640, 480)),
        ({"size": "999999x999999"}, (1024, 1024)),
        ({"aspect_ratio": "odd", "resolution": "720p"}, (1024, 1024)),
    ],
)
def test_other_services_speak_of_ratios_and_resolutions(body: dict[str, object], expected: tuple[int, int]) -> None:
    assert other_size(body) == expected
