"""Pictures: real files, in exactly the size and format asked for, with the words on them."""

from dataclasses import replace

import pytest

from orchestrator.sandbox.lettering import fit, font, wrap
from orchestrator.sandbox.pictures import Picture, draw, thumbnail
from tests.sandbox.plumbing import opened

PICTURE = Picture(text="A kite over the dunes", width=320, height=240)


@pytest.mark.parametrize("form", ["png", "jpeg", "webp"])
@pytest.mark.parametrize("size", [(320, 240), (64, 64), (1, 1), (1536, 96)])
@pytest.mark.parametrize("plain", [False, True])
def test_a_picture_decodes_in_its_size_and_format(form: str, size: tuple[int, int], plain: bool) -> None:
    data = draw(Picture(text="A kite", width=size[0], height=size[1], format=form, plain=plain))

    image = opened(data)

    assert (image.format, image.size) == (form.upper(), size)


def test_the_same_picture_is_drawn_the_same() -> None:
    assert draw(PICTURE) == draw(PICTURE)


@pytest.mark.parametrize("change", [{"text": "Another"}, {"number": 2, "count": 2}, {"caption": "gpt-image-2"}])
def test_what_is_told_shows(change: dict[str, object]) -> None:
    assert draw(PICTURE) != draw(replace(PICTURE, **change))  # type: ignore[arg-type]


def test_an_edit_shows_the_pictures_that_it_came_from() -> None:
    small = thumbnail(draw(replace(PICTURE, text="Before")))
    assert small is not None

    shown = draw(replace(PICTURE, inputs=(small, small)))

    assert shown != draw(PICTURE)


def test_an_upload_that_is_no_picture_has_no_thumbnail() -> None:
    assert thumbnail(b"not a picture at all") is None


def test_a_plain_picture_packs_small() -> None:
    large = replace(PICTURE, width=1024, height=1024)

    assert len(draw(replace(large, plain=True))) * 5 < len(draw(large))


@pytest.mark.parametrize("text", ["one two three four five six", "Unbreakablewordthatistoolong " * 2, "雨が降る" * 20])
def test_lines_are_no_wider_than_their_room_and_lose_no_letter(text: str) -> None:
    face = font(20)

    lines = list(wrap(text, face, 120))

    assert all(face.getlength(line) <= 120 for line in lines)
    assert "".join("".join(lines).split()) == "".join(text.split())


def test_a_line_break_in_the_text_is_kept() -> None:
    assert list(wrap("first\nsecond", font(12), 500)) == ["first", "second"]


def test_a_long_text_is_set_smaller_than_a_short_one() -> None:
    short, long = fit("a kite", 400, 300, 60), fit("a kite " * 60, 400, 300, 60)

    assert long.step < short.step
    assert long.height <= 300


def test_a_text_that_fits_at_no_size_is_cut() -> None:
    setting = fit("word " * 200, 60, 40, 30)

    assert setting.lines[-1].endswith("…")
    assert setting.height <= 40
