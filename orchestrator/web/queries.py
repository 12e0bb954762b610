"""Reading what stands in the address: path ids and query parameters, each refused by its name.

A parameter that nobody knows is refused too. A misspelt filter that is ignored shows everything, and looks like an
answer.
"""

import re
from collections.abc import Collection
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final, TypeVar

from orchestrator.domain.errors import NotFound, Rejected
from orchestrator.web.decoding import check_text, shortened
from orchestrator.web.state import Request

W = TypeVar("W", bound=StrEnum)

MAX_TEXT: Final = 500
"""Characters of a parameter's value; ids, cursors, times and names are all far below."""
_ID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def as_id(text: str) -> str | None:
    """`text` as ids are kept, or None when it is none."""
    lowered = text.lower()
    return lowered if _ID.fullmatch(lowered) else None


def path_id(request: Request, noun: str) -> str:
    """The id in the path. What is no id is NotFound, as any id is that nothing has."""
    given: str = request.path_params["id"]
    found = as_id(given)
    if found is None:
        raise NotFound(f"There is no {noun} {shortened(given)}.")
    return found


class Query:
    """The query parameters of one request."""

    def __init__(self, request: Request, *, known: Collection[str]) -> None:
        self._given = request.query_params
        unknown = next((name for name in self._given if name not in known), None)
        if unknown is not None:
            raise Rejected(
                shortened(unknown), f"is not a parameter here; the parameters are {', '.join(sorted(known))}."
            )

    def text(self, name: str) -> str | None:
        """The value, None when it is missing or empty, or Rejected when no parameter has such a value."""
        return self._fit(name, self._given.get(name) or "") or None

    def number(self, name: str, *, least: int, most: int, default: int) -> int:
        """A whole number within bounds, or Rejected."""
        text = self.text(name)
        if text is None:
            return default
        if not (text.isascii() and text.isdigit() and len(text) < 10 and least <= int(text) <= most):
            raise Rejected(name, f"must be a whole number from {least} to {most}.")
        return int(text)

    def id(self, name: str) -> str | None:
        """An id, or Rejected."""
        text = self.text(name)
        if text is None:
            return None
        found = as_id(text)
        if found is None:
            raise Rejected(name, "is not an id.")
        return found

    def words(self, name: str, kind: type[W]) -> list[W]:
        """Words of `kind`, given several times or with commas between them, or Rejected."""
        value = self._fit(name, ",".join(self._given.getlist(name)))
        given = [word.strip() for word in value.split(",") if word.strip()]
        known = {member.value for member in kind}
        unknown = next((word for word in given if word not in known), None)
        if unknown is not None:
            raise Rejected(name, f"{shortened(unknown)!r} is unknown; use {', '.join(sorted(known))}.")
        return [kind(word) for word in given]

    def instant(self, name: str) -> datetime | None:
        """An instant with its time zone, as RFC 3339 writes it, or Rejected."""
        text = self.text(name)
        if text is None:
            return None
        try:
            # A plus that was not quoted arrives as a space.
            instant = datetime.fromisoformat(text.replace(" ", "+"))
            if instant.tzinfo is not None:
                return instant.astimezone(UTC)
        except (ValueError, OverflowError) as exc:
            raise Rejected(name, "is not a time; write it like 2026-01-31T09:30:00Z.") from exc
        raise Rejected(name, "has no time zone; write it like 2026-01-31T09:30:00Z.")

    def _fit(self, name: str, value: str) -> str:
        if len(value) > MAX_TEXT:
            raise Rejected(name, f"is over {MAX_TEXT} characters.")
        return check_text(value, name)
