"""Rows as values: a table's columns in, a domain dataclass out."""

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import fields
from functools import cache
from typing import Any, TypeVar, cast

from sqlalchemy import ColumnElement, Select, Table, select
from sqlalchemy.engine import Row
from sqlalchemy.types import TypeEngine

from orchestrator.storage.database import Tx
from orchestrator.storage.incoming import batch, incoming

T = TypeVar("T")


@cache
def columns(table: Table, kind: Any) -> list[ColumnElement[Any]]:
    """The columns of `table` that `kind` has fields for, in its own order."""
    return [table.c[field.name] for field in fields(kind)]


def value(kind: type[T], row: Row[Any]) -> T:
    """One row, selected with `columns`, as a `kind`."""
    return kind(**row._mapping)  # noqa: SLF001 - SQLAlchemy's documented way to a row as a mapping


def values(kind: type[T], rows: Iterable[Row[Any]]) -> list[T]:
    """Rows, selected with `columns`, as values."""
    return [value(kind, row) for row in rows]


async def find(tx: Tx, table: Table, kind: type[T], key: str, ids: Iterable[str]) -> list[T]:
    """The rows whose column `key` is among `ids`, as values, in the order of their own ids."""
    rows = await tx.execute(
        _finding(tx.dialect.name, table, cast(Hashable, kind), key), batch({"id": each} for each in ids)
    )
    return values(kind, rows)


@cache
def _finding(dialect: str, table: Table, kind: Any, key: str) -> Select[Any]:
    # One parameter for any number of ids: an expanding IN list would be a new statement for each length.
    wanted = incoming(dialect, {"id": table.c[key].type})
    return select(*columns(table, kind)).where(table.c[key].in_(select(wanted.c.id))).order_by(table.c.id)


def types(table: Table, *names: str) -> Mapping[str, TypeEngine[Any]]:
    """The types of some columns, for `incoming`."""
    return {name: table.c[name].type for name in names}
