"""A batch of rows as the source of one statement.

`INSERT … SELECT` and `UPDATE … FROM` take their rows from a single JSON parameter: one round trip, one compiled
statement and one plan for a batch of any length, where an `executemany` would be a statement a row and a long VALUES
list would be compiled anew for every length. PostgreSQL opens it with `json_to_recordset`, SQLite with `json_each`.
This module is the one place where the two spellings differ.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

import msgspec
from sqlalchemy import CTE, JSON, Insert, Select, Table, Text, bindparam, cast, column, func, select, true
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.types import TypeEngine

from orchestrator.storage.database import Tx
from orchestrator.storage.types import instant_text

PARAMETER: Final = "rows"


_encoder: Final = msgspec.json.Encoder()


def batch(rows: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """The parameter of a statement built on `incoming`. Values: text, numbers, booleans, None and aware instants."""
    return {PARAMETER: _encoder.encode([_instants(row) for row in rows]).decode()}


# msgspec would trim zero microseconds; SQLite compares instants as text, so ours must have one width.
def _instants(row: Mapping[str, Any]) -> dict[str, Any]:
    return {key: instant_text(value) if isinstance(value, datetime) else value for key, value in row.items()}


def incoming(dialect: str, columns: Mapping[str, TypeEngine[Any]], *, name: str = "v") -> CTE:
    """A table expression with these columns, filled from the parameter made by `batch`."""
    if dialect == "postgresql":
        record = (
            func.json_to_recordset(cast(cast(bindparam(PARAMETER, type_=Text()), Text()), JSON()))
            .table_valued(*[column(key, type_) for key, type_ in columns.items()], name="r")
            .render_derived(with_types=True)
        )
        return select(*[record.c[key] for key in columns]).cte(name)
    each = func.json_each(bindparam(PARAMETER, type_=Text())).table_valued("value", name="j")
    return select(
        *[func.json_extract(each.c.value, f"$.{key}", type_=type_).label(key) for key, type_ in columns.items()]
    ).cte(name)


async def insert_new(tx: Tx, table: Table, rows: Sequence[Mapping[str, Any]]) -> set[str]:
    """Insert rows, all with the same columns, and return the ids of those that are new.

    A row that conflicts with one that exists is left out: a batch whose commit's answer was lost can be repeated.
    """
    if not rows:
        return set()
    statement = _insert_new(tx.dialect.name, table, tuple(rows[0]))
    return set((await tx.execute(statement, batch(rows))).scalars())


@lru_cache
def _insert_new(dialect: str, table: Table, keys: tuple[str, ...]) -> Insert:
    source = incoming(dialect, {key: table.c[key].type for key in keys})
    return insert_chosen(dialect, table, keys, select(*[source.c[key] for key in keys]).where(true()))


def insert_chosen(dialect: str, table: Table, keys: Sequence[str], chosen: Select[Any]) -> Insert:
    """`INSERT … SELECT … ON CONFLICT DO NOTHING RETURNING id`.

    `chosen` needs a WHERE, were it only `true`: without one SQLite reads the ON of ON CONFLICT as a join's.
    """
    maker = postgresql.insert if dialect == "postgresql" else sqlite.insert
    return maker(table).from_select(list(keys), chosen).on_conflict_do_nothing().returning(table.c.id)
