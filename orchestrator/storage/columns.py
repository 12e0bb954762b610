"""What the tables are made of: names, kinds of columns, and the constraints that recur."""

from collections.abc import Iterable
from enum import StrEnum
from typing import Any

from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, MetaData, TextClause

from orchestrator.storage.types import Id, UtcDateTime

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def quoted(values: Iterable[StrEnum]) -> str:
    """Words as a list of SQL literals."""
    return ", ".join(f"'{value.value}'" for value in sorted(values))


def known(column: str, states: type[StrEnum]) -> CheckConstraint:
    """The column holds one of these words."""
    return CheckConstraint(f"{column} IN ({quoted(states)})", name=f"{column}_known")


def finished(states: Iterable[StrEnum]) -> CheckConstraint:
    """`finished_at` is set in final states, and only there."""
    return CheckConstraint(f"(finished_at IS NOT NULL) = (state IN ({quoted(states)}))", name="finished_when_final")


def identifier() -> Column[str]:
    """The primary key."""
    return Column("id", Id, primary_key=True)


def at(name: str, *, nullable: bool = True) -> Column[Any]:
    """An instant."""
    return Column(name, UtcDateTime, nullable=nullable)


def owner(table: str, name: str, *, nullable: bool = False) -> Column[str]:
    """Whose row this is: it goes when its owner goes."""
    return Column(name, Id, ForeignKey(f"{table}.id", ondelete="CASCADE"), nullable=nullable)


def partial(name: str, *columns: str, where: TextClause, unique: bool = False) -> Index:
    """An index of the rows that meet `where`, a literal."""
    return Index(name, *columns, unique=unique, sqlite_where=where, postgresql_where=where)
