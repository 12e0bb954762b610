"""Leases: a worker's hold on a row, without a state of its own.

`due_at` says when a row next deserves a worker. To lease is to push `due_at` ahead and to increment `attempt`, in one
statement; a dead worker's row comes due again by itself, and `attempt` is the fence that every write under the lease
repeats. A CTE holds the choice, because PostgreSQL may run a locking IN-subquery more than once; SKIP LOCKED lets
several workers choose at the same time (SQLAlchemy leaves the lock clause out on SQLite, where writers take turns).
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Table, TextClause, select, update
from sqlalchemy.engine import Row

from orchestrator.storage.database import Tx


async def lease(
    tx: Tx, table: Table, condition: TextClause, *, now: datetime, until: datetime, limit: int
) -> Sequence[Row[Any]]:
    """Lease up to `limit` due rows of `table` until `until`, and return them whole, in the order of their ids.

    `condition` is the predicate of the partial index that holds the due rows.
    """
    due = (
        select(table.c.id)
        .where(condition, table.c.due_at <= now)
        .order_by(table.c.due_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
        .cte("due")
    )
    statement = (
        update(table)
        .where(table.c.id.in_(select(due.c.id)))
        .values(due_at=until, attempt=table.c.attempt + 1)
        .returning(*table.c)
    )
    rows = (await tx.execute(statement)).all()
    return sorted(rows, key=lambda row: row.id)
