"""JSON in: bytes to typed values, or an error that names the field and the remedy.

msgspec validates while it decodes, in C; what is left to do here is to say its complaints in words that somebody can
act on. It quotes what it was given, however long that is, so its words are cut before they are searched. Three things
that it lets through are refused:

* Nesting that is deeper than any honest request. It decodes here, and would run into Python's recursion limit where it
  is encoded again, deeper in the stack: in the middle of a batch, or in a worker for ever.
* Very many small values. Each costs the memory of an object, so that forty megabytes of `[],[],` become gigabytes.
* U+0000 in text that ends in a text column of its own: PostgreSQL cannot hold it.
"""

import difflib
import re
from collections.abc import Mapping
from typing import Any, Final, Generic, Literal, TypeVar, get_args, get_origin, get_type_hints

import msgspec

from orchestrator.domain.errors import Rejected
from orchestrator.web.errors import MalformedJson

T = TypeVar("T")

MAX_DEPTH: Final = 64
MAX_VALUES: Final = 200_000
"""How many values a body over `_WORTH_COUNTING` may have; megabytes of media are a few."""
MAX_ECHO: Final = 100
"""Characters of somebody's own words that are given back."""

_WORTH_COUNTING: Final = 1 << 20
_MAX_COMPLAINT: Final = 500
_PLACE: Final = " - at `$"
_FIELD: Final = re.compile(r"Object (?P<what>contains unknown|missing required) field `(?P<name>.*?)`?", re.DOTALL)
_MARK: Final = re.compile(r"`([^`]*)`")
_WORDS: Final = {
    "str": "a string",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "object": "an object",
    "array": "a list",
    "null": "null",
}


class Reader(Generic[T]):
    """Reads bodies of one kind.

    `remedies` says what to do instead of sending a field that does not exist, where more can be said than which fields
    do.
    """

    def __init__(self, kind: type[T], *, remedies: Mapping[str, str] | None = None) -> None:
        self._decoder = msgspec.json.Decoder(kind)
        self._kind = kind
        self._remedies = remedies or {}

    def read(self, body: bytes | msgspec.Raw) -> T:
        """The value, MalformedJson, or Rejected."""
        check_number(body)
        try:
            value = self._decoder.decode(body)
        except msgspec.ValidationError as exc:
            raise self._rejection(str(exc)) from exc
        except (msgspec.DecodeError, UnicodeDecodeError) as exc:
            raise MalformedJson(f"The body is not JSON: {exc}.") from exc
        except RecursionError as exc:
            raise _too_deep() from exc
        check_depth(body, value)
        return value

    def _rejection(self, complaint: str) -> Rejected:
        return rejection(complaint, at="", kind=self._kind, remedies=self._remedies)


_objects: Final = msgspec.json.Decoder(dict[str, Any])


def read_object(body: bytes) -> dict[str, Any]:
    """Any JSON object; everything else is MalformedJson."""
    try:
        check_number(body)
        value = _objects.decode(body)
        check_depth(body, value)
    except msgspec.ValidationError as exc:
        raise MalformedJson("The body is not a JSON object.") from exc
    except (msgspec.DecodeError, UnicodeDecodeError) as exc:
        raise MalformedJson(f"The body is not JSON: {exc}.") from exc
    except RecursionError as exc:
        raise MalformedJson(str(_too_deep())) from exc
    except Rejected as exc:
        raise MalformedJson(str(exc)) from exc
    return value


def check(kind: type[Any], value: Any, *, at: str) -> None:
    """Raise Rejected unless `value`, found at the dotted path `at`, has the shape of `kind`."""
    try:
        msgspec.convert(value, kind)
    except msgspec.ValidationError as exc:
        raise rejection(str(exc), at=at, kind=kind, remedies={}) from exc


def check_number(body: bytes | msgspec.Raw) -> None:
    """Raise Rejected for a big body of more than `MAX_VALUES` values, before any of them is made."""
    text = bytes(body)
    if len(text) <= _WORTH_COUNTING:
        return
    # Every value but the first of its container comes after a comma. Commas within strings count too: those of media
    # are one in each data URL.
    if text.count(b",") + text.count(b"[") + text.count(b"{") > MAX_VALUES:
        raise Rejected("body", f"holds more than {MAX_VALUES} values; send pictures as URLs or as data URLs.")


def check_depth(body: bytes | msgspec.Raw, value: Any) -> None:
    """Raise Rejected for nesting over `MAX_DEPTH`. Counting the brackets first spares nearly every body the walk."""
    raw = bytes(body)
    if raw.count(b"[") + raw.count(b"{") > MAX_DEPTH and _is_deeper(value, MAX_DEPTH):
        raise _too_deep()


def check_text(text: str, field: str) -> str:
    """Return `text`, or raise Rejected when it holds U+0000."""
    if "\x00" in text:
        raise Rejected(field, "holds the character U+0000; leave it out.")
    return text


def field_names(kind: type[Any]) -> tuple[str, ...]:
    """The fields of a struct as they are written in JSON; empty for anything else."""
    return tuple(getattr(kind, "__struct_encode_fields__", ()))


def shortened(text: str) -> str:
    """Somebody's own words, as far as they are given back."""
    return text if len(text) <= MAX_ECHO else f"{text[:MAX_ECHO]}…"


def rejection(complaint: str, *, at: str, kind: type[Any], remedies: Mapping[str, str]) -> Rejected:
    """What msgspec complains about, as an error that names the field."""
    # The place is the last thing said, and holds no words but ours; what is said before it may quote anything.
    said, found, place = complaint.rpartition(_PLACE)
    said, place = (said[:_MAX_COMPLAINT], place[:-1]) if found else (complaint[:_MAX_COMPLAINT], "")
    path = _dotted(at, place)
    if said.startswith("Invalid enum value"):
        return Rejected(path or "body", _allowed(kind, place))
    named = _FIELD.fullmatch(said)
    if named is None:
        return Rejected(path or "body", _in_words(said))
    name = shortened(named["name"])
    field = _dotted(path, f".{name}")
    if named["what"] == "missing required":
        return Rejected(field, "is required.")
    return Rejected(field, f"is not a field here; {_remedy(name, field_names(kind), remedies)}")


def _allowed(kind: type[Any], place: str) -> str:
    """The choices of a field, read from its type: msgspec quotes the wrong value, and does not say the right ones."""
    hints = get_type_hints(kind) if field_names(kind) else {}
    choices = _choices(hints.get(place.lstrip(".").partition("[")[0]))
    return f"must be one of {', '.join(map(str, choices))}." if choices else "is none of the words that are known here."


def _choices(hint: Any) -> list[Any]:
    if get_origin(hint) is Literal:
        return list(get_args(hint))
    return [choice for each in get_args(hint) for choice in _choices(each)]


def _remedy(name: str, fields: tuple[str, ...], remedies: Mapping[str, str]) -> str:
    if name in remedies:
        return remedies[name]
    near = difflib.get_close_matches(name, fields, n=1)
    meant = f"did you mean {near[0]!r}? " if near else ""
    return f"{meant}The fields are {', '.join(fields)}."


def _dotted(at: str, path: str) -> str:
    # `[...]` is how msgspec writes a key of an object whose keys are free.
    return f"{at}{path.replace('[...]', '')}".lstrip(".")


def _in_words(said: str) -> str:
    """`Expected `int | null`, got `str`` becomes `must be a whole number or null, not a string.`"""
    said = _MARK.sub(lambda mark: " or ".join(_WORDS.get(word, word) for word in mark[1].split(" | ")), said)
    return f"{said.replace('Expected', 'must be', 1).replace(', got ', ', not ', 1)}."


def _is_deeper(value: Any, levels: int) -> bool:
    if isinstance(value, msgspec.Struct):
        value = msgspec.structs.asdict(value)
    if isinstance(value, dict):
        value = value.values()
    elif not isinstance(value, list):
        return False
    return levels == 0 or any(_is_deeper(each, levels - 1) for each in value)


def _too_deep() -> Rejected:
    return Rejected("body", f"is nested more than {MAX_DEPTH} levels deep.")
