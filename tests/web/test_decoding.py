"""Bytes to values, or an error that names the field."""

from typing import Literal

import msgspec
import pytest

from orchestrator.domain.errors import Rejected
from orchestrator.web.decoding import MAX_DEPTH, Reader, check, check_text, read_object
from orchestrator.web.errors import MalformedJson


class Part(msgspec.Struct, forbid_unknown_fields=True):
    """A part."""

    weight: int


class Whole(msgspec.Struct, forbid_unknown_fields=True):
    """A whole."""

    name: str
    parts: list[Part] = msgspec.field(default_factory=list)
    notes: dict[str, int] = msgspec.field(default_factory=dict)
    colour: Literal["red", "blue"] | None = None


READER = Reader(Whole, remedies={"title": "say `name`."})


def test_a_right_body_is_its_value() -> None:
    assert READER.read(b'{"name": "a", "parts": [{"weight": 1}]}') == Whole("a", [Part(1)])


@pytest.mark.parametrize(
    ("body", "field", "message"),
    [
        (b"{}", "name", "is required."),
        (b"[]", "body", "must be an object, not a list."),
        (b'"a"', "body", "must be an object, not a string."),
        (b'{"name": null}', "name", "must be a string, not null."),
        (b'{"name": "a", "parts": {}}', "parts", "must be a list, not an object."),
        (b'{"name": "a", "parts": [{"weight": "1"}]}', "parts[0].weight", "must be a whole number, not a string."),
        (b'{"name": "a", "parts": [{}]}', "parts[0].weight", "is required."),
        (b'{"name": "a", "notes": {"x": true}}', "notes", "must be a whole number, not true or false."),
        (b'{"name": "a", "title": 1}', "title", "is not a field here; say `name`."),
        (
            b'{"nam": "a"}',
            "nam",
            "is not a field here; did you mean 'name'? The fields are name, parts, notes, colour.",
        ),
        (b'{"name": "a", "colour": "x` - at `$.name"}', "colour", "must be one of red, blue."),
        (b'{"name": "a", "x`y": 1}', "x`y", "is not a field here; The fields are name, parts, notes, colour."),
    ],
)
def test_a_wrong_body_names_the_field_and_the_remedy(body: bytes, field: str, message: str) -> None:
    with pytest.raises(Rejected) as caught:
        READER.read(body)

    assert (caught.value.field, caught.value.message) == (field, message)


@pytest.mark.parametrize(
    "body", [b"", b"{", b"\x00", b"\xef\xbb\xbf{}", b'{"name": "\xff"}', b'{"name": "a"} {}', b"NaN"]
)
def test_what_is_not_json_is_malformed(body: bytes) -> None:
    with pytest.raises(MalformedJson):
        READER.read(body)


@pytest.mark.parametrize("body", [b"[]", b"1", b"null", b'"text"', b"", b"{", b"{" * 100_000])
def test_what_is_not_an_object_is_malformed_where_only_objects_are_known(body: bytes) -> None:
    with pytest.raises(MalformedJson):
        read_object(body)


def test_an_object_may_be_as_deep_as_the_limit_and_no_deeper() -> None:
    def nested(levels: int) -> bytes:
        return b'{"a":' * levels + b"1" + b"}" * levels

    assert read_object(nested(MAX_DEPTH))
    with pytest.raises(MalformedJson):
        read_object(nested(MAX_DEPTH + 1))


def test_a_value_is_checked_at_its_path() -> None:
    with pytest.raises(Rejected) as caught:
        check(Part, {"weight": []}, at="input")

    assert caught.value.field == "input.weight"


def test_text_that_a_column_cannot_hold_is_refused() -> None:
    assert check_text("plain", "description") == "plain"
    with pytest.raises(Rejected):
        check_text("a\x00", "description")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b'{"name": "a", "colour": "' + b"`a`" * 3_000_000 + b'"}', "colour"),
        (b'{"name": "a", "' + b"x`y" * 1_000_000 + b'": 1}', ("x`y" * 34)[:100] + "…"),
    ],
)
def test_a_complaint_of_megabytes_is_a_short_one(body: bytes, field: str) -> None:
    with pytest.raises(Rejected) as caught:
        READER.read(body)

    assert caught.value.field == field
    assert len(caught.value.message) < 300


def test_a_body_of_very_many_values_is_refused_before_they_are_made() -> None:
    body = b'{"name": "a", "parts": [' + b"[]," * 400_000 + b"[]]}"

    with pytest.raises(Rejected, match="holds more than 200000 values"):
        READER.read(body)
    with pytest.raises(MalformedJson, match="holds more than 200000 values"):
        read_object(body)


def test_megabytes_in_one_value_are_one_value() -> None:
    assert READER.read(b'{"name": "' + b"a" * (2 << 20) + b'"}').name == "a" * (2 << 20)
