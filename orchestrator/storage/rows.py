"""Rows as values: a table's columns in, a domain dataclass out."""

from collections.abc import Iterable, Mapping
from dataclasses import fields
from functools import cache
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Table
from sqlalchemy.engine import Row
from sqlalchemy.types import TypeEngine

T = TypeVar("T")


@cache
def columns(table: Table, kind: type[Any]) -> list[ColumnElement[Any]]:
    """The columns of `table` that `kind` has fields for, in its own order."""
    return [table.c[field.name] for field in fields(kind)]


def value(kind: type[T], row: Row[Any]) -> T:
    """One row, selected with `columns`, as a `kind`."""
    return kind(**row._mapping)  # noqa: SLF001 - SQLAlchemy's documented way to a row as a mapping


def values(kind: type[T], rows: Iterable[Row[Any]]) -> list[T]:
    """Rows, selected with `columns`, as values."""
    return [value(kind, row) for row in rows]


def types(table: Table, *names: str) -> Mapping[str, TypeEngine[Any]]:
    """The types of some columns, for `incoming`."""
    return {name: table.c[name].type for name in names}
