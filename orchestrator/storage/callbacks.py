"""Every statement about the inbox."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

from sqlalchemy import Insert, Update, null, select, true, update

from orchestrator.domain.callback import Callback, InboxState
from orchestrator.domain.ids import CallbackId, JobId, TaskId
from orchestrator.storage.database import Tx
from orchestrator.storage.incoming import batch, incoming, insert_chosen
from orchestrator.storage.leases import lease
from orchestrator.storage.rows import types
from orchestrator.storage.schema import TO_SETTLE, callbacks, tasks

_POISON: Final = 6


async def insert_callbacks(tx: Tx, rows: Sequence[Mapping[str, Any]]) -> set[CallbackId]:
    """Record replies, once each, and return the ids of those that are new.

    A reply that was recorded before, byte for byte, is left out; so is one for a task that does not exist.
    """
    statement = _insert(tx.dialect.name, tuple(rows[0]))
    return set((await tx.execute(statement, batch(rows))).scalars())


async def find_existing_tasks(tx: Tx, task_ids: Collection[TaskId]) -> set[TaskId]:
    """Which of these tasks exist: tells a repeated callback from one for a task that was forgotten."""
    return set((await tx.execute(select(tasks.c.id).where(tasks.c.id.in_(task_ids)))).scalars())


async def find_unsettled(tx: Tx, job_id: JobId) -> bool:
    """Whether a reply about the job is in the inbox and not settled yet. One that was tried `_POISON` times does not
    count: it must not keep its job from ever ending."""
    query = (
        select(callbacks.c.id)
        .join(tasks, tasks.c.id == callbacks.c.task_id)
        .where(tasks.c.job_id == job_id, callbacks.c.state == InboxState.RECEIVED, callbacks.c.attempt < _POISON)
        .limit(1)
    )
    return (await tx.execute(query)).first() is not None


async def close_callbacks(tx: Tx, rows: Sequence[Mapping[str, Any]]) -> None:
    """Say what became of replies. A row holds `id`, `state` and `settled_at`; a closed reply stays as it is."""
    if rows:
        await tx.execute(_close(tx.dialect.name), batch(rows))


async def lease_received(tx: Tx, *, now: datetime, until: datetime, limit: int) -> list[Callback]:
    """Lease replies that nobody settled."""
    rows = await lease(tx, callbacks, TO_SETTLE, now=now, until=until, limit=limit)
    return [_callback(row) for row in rows]


async def find_callbacks(tx: Tx, callback_ids: Collection[CallbackId]) -> dict[CallbackId, Callback]:
    """The replies that exist among these, with their bodies."""
    rows = await tx.execute(select(callbacks).where(callbacks.c.id.in_(callback_ids)))
    return {row.id: _callback(row) for row in rows}


async def list_by_task(tx: Tx, task_ids: Collection[TaskId]) -> list[tuple[Callback, InboxState]]:
    """Every reply about these tasks with what became of it, in the order of arrival."""
    query = select(callbacks).where(callbacks.c.task_id.in_(task_ids)).order_by(callbacks.c.id)
    return [(_callback(row), row.state) for row in await tx.execute(query)]


def _callback(row: Any) -> Callback:
    return Callback(
        id=row.id,
        task_id=row.task_id,
        source=row.source,
        status=row.status,
        body=None if row.body is None else row.body.encode(),
        body_key=row.body_key,
        digest=row.digest,
        attempt=row.attempt,
        received_at=row.received_at,
    )


@lru_cache
def _insert(dialect: str, keys: tuple[str, ...]) -> Insert:
    source = incoming(dialect, types(callbacks, *keys))
    known = select(*[source.c[key] for key in keys]).join(tasks, tasks.c.id == source.c.task_id)
    return insert_chosen(dialect, callbacks, keys, known.where(true()))


@lru_cache
def _close(dialect: str) -> Update:
    source = incoming(dialect, types(callbacks, "id", "state", "settled_at"))
    return (
        update(callbacks)
        .where(callbacks.c.id == source.c.id, callbacks.c.state == InboxState.RECEIVED)
        .values(state=source.c.state, settled_at=source.c.settled_at, due_at=null())
    )
