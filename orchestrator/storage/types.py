"""Column types that mean the same on SQLite and on PostgreSQL.

Identifiers are hyphenated text on SQLite and native `uuid` on PostgreSQL. Instants are aware UTC; SQLite has no such
type, so there they are text of fixed width, which sorts as time does. JSON is text on both: we never search inside
it, and it comes back byte for byte as it went in.
"""

from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache
from typing import Any

import msgspec
from sqlalchemy import DateTime, String, Text, Uuid
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator, TypeEngine

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode


@lru_cache(maxsize=256)
def instant_text(value: datetime) -> str:
    """`2026-01-31T09:30:00.000000Z`: fixed width, so that text order is time order.

    Cached, because the rows of a batch share their instants.
    """
    return value.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


class Id(TypeDecorator[str]):
    """A UUID as its hyphenated text."""

    impl = String(36)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Native on PostgreSQL, where it takes less than half the room."""
        if dialect.name == "postgresql":
            return dialect.type_descriptor(Uuid(as_uuid=False))
        return dialect.type_descriptor(String(36))


class UtcDateTime(TypeDecorator[datetime]):
    """An aware instant in UTC."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Text of fixed width on SQLite."""
        if dialect.name == "sqlite":
            return dialect.type_descriptor(String(27))
        return dialect.type_descriptor(DateTime(timezone=True))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        """Refuse naive instants: they are always a mistake."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value!r} has no time zone.")
        return instant_text(value) if dialect.name == "sqlite" else value

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        """Aware, always."""
        if value is None or isinstance(value, datetime):
            return value
        return datetime.fromisoformat(value)


class JsonText(TypeDecorator[Any]):
    """A JSON value as text."""

    impl = Text()
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        """None is SQL's NULL, not JSON's null."""
        return None if value is None else _encode(value).decode()

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        """The value as it went in."""
        return None if value is None else _decode(value)


class Word(TypeDecorator[Any]):
    """A member of a `StrEnum`, kept as its text."""

    impl = Text()
    cache_ok = True

    def __init__(self, words: type[StrEnum]) -> None:
        super().__init__()
        self.words = words

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        """The word itself, so that drivers see plain text."""
        return None if value is None else str(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        """The member, or ValueError for a word we do not know (the CHECKs do not let one in)."""
        return None if value is None else self.words(value)


def as_json(value: Any) -> str | None:
    """A value for a `JsonText` column of an incoming batch."""
    return None if value is None else _encode(value).decode()
