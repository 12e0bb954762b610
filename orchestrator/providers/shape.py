"""How replies are built, below any meaning: where their parts lie, and scalars that can be trusted.

What is read here was written by somebody else and goes into our database, so texts are cleaned of what PostgreSQL
refuses (NUL, lone surrogates) and bounded, and every walk has a limit.
"""

import math
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Final, TypeAlias

JsonObject: TypeAlias = Mapping[str, object]

MAX_ITEMS: Final = 1000
"""How many elements of one list are looked at."""
_MAX_LAYERS: Final = 4
_ITEM_LISTS: Final = ("data", "variants")


def layers(reply: JsonObject) -> list[JsonObject]:
    """The reply itself and the objects nested under `data`, outermost first: `{…, "data": {…, "data": {…}}}`."""
    found = [reply]
    while len(found) < _MAX_LAYERS and isinstance(inner := found[-1].get("data"), dict):
        found.append(inner)
    return found


def items(reply: JsonObject) -> Iterator[JsonObject]:
    """The single results of a reply that lists several, in order."""
    for layer in layers(reply):
        for name in _ITEM_LISTS:
            if isinstance(listed := layer.get(name), list):
                yield from (item for item in islice(listed, MAX_ITEMS) if isinstance(item, dict))


def text(value: object, *, limit: int = 2000) -> str | None:
    """The value as storable text of at most `limit` characters; None if it is no string or an empty one."""
    if not isinstance(value, str):
        return None
    kept = value[:limit].replace("\x00", "").encode("utf-8", "replace").decode("utf-8").strip()
    return kept or None


def identifier(value: object) -> str | None:
    """An id. Numbers count too: not every service puts its ids in quotes."""
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63:
        return str(value)
    return text(value, limit=200)


def whole(value: object) -> int | None:
    """A number without its fraction; None for what is none, is not finite or has no business being so big."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return int(value) if abs(value) < 2**53 else None


def created(reply: JsonObject) -> int | None:
    """The upstream's own `created` in Unix seconds, which some replies keep one layer down."""
    for layer in layers(reply):
        if (seconds := whole(layer.get("created"))) is not None and seconds >= 0:
            return seconds
    return None


def progress(*nodes: JsonObject) -> int | None:
    """Percent done, as the first of `nodes` says, or else as the slowest of their items does."""
    for node in nodes:
        for layer in layers(node):
            if (percent := _percent(layer.get("progress"))) is not None:
                return percent
    told = [_percent(item.get("progress")) for node in nodes for item in items(node)]
    return min((percent for percent in told if percent is not None), default=None)


def _percent(value: object) -> int | None:
    """`40`, `"40"`, `"40%"` and the fraction `0.4` are all 40; a whole 1 is one percent, the fraction 1.0 is all."""
    if isinstance(value, str):
        try:
            value = math.floor(float(value.strip()[:20].removesuffix("%")))
        except (ValueError, OverflowError):
            return None
    elif isinstance(value, float) and 0 < value <= 1:
        value *= 100
    percent = whole(value)
    return None if percent is None else max(0, min(100, percent))
