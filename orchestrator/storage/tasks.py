"""Every statement about tasks."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import TextClause, Update, case, exists, func, null, or_, select, update

from orchestrator.domain.ids import JobId, TaskId
from orchestrator.domain.job import WAITING
from orchestrator.domain.task import ACCEPT, OPEN, SEND, SENT, Task, TaskState
from orchestrator.domain.transition import Transition
from orchestrator.storage.database import Tx
from orchestrator.storage.incoming import batch, incoming, insert_new
from orchestrator.storage.leases import lease
from orchestrator.storage.rows import columns, find, types, values
from orchestrator.storage.schema import TO_RECONCILE, TO_SUBMIT, jobs, tasks

_SELECT = columns(tasks, Task)


async def insert_tasks(tx: Tx, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert tasks; an id that exists is left alone."""
    await insert_new(tx, tasks, rows)


async def find_tasks(tx: Tx, task_ids: Collection[TaskId]) -> dict[TaskId, Task]:
    """The tasks that exist among these."""
    return {task.id: task for task in await find(tx, tasks, Task, "id", task_ids)}


async def list_tasks(tx: Tx, job_ids: Collection[JobId]) -> dict[JobId, list[Task]]:
    """The tasks of these jobs, each job's in the order of their submits."""
    found: dict[JobId, list[Task]] = {job_id: [] for job_id in job_ids}
    for task in await find(tx, tasks, Task, "job_id", job_ids):
        found[task.job_id].append(task)
    return found


async def send_tasks(tx: Tx, rows: Sequence[Mapping[str, Any]]) -> set[TaskId]:
    """Mark leased tasks as `sending`, before a byte of their submits leaves; the ids that are not returned must not
    be sent. A row holds `id`, `attempt`, `due_at` and `sent_at`. A task whose job is decided is never sent."""
    return set((await tx.execute(_send(tx.dialect.name), batch(rows))).scalars())


async def close_useless(tx: Tx, task_ids: Collection[TaskId], *, now: datetime) -> None:
    """Close queued tasks among these whose job is decided: to submit them would be paid for nothing."""
    decided = select(jobs.c.id).where(jobs.c.state.not_in(WAITING))
    await tx.execute(
        update(tasks)
        .where(tasks.c.id.in_(task_ids), tasks.c.state == TaskState.QUEUED, tasks.c.job_id.in_(decided))
        .values(state=TaskState.FAILED, due_at=None, finished_at=now, last_error="The job was decided.")
    )


async def acknowledge_tasks(tx: Tx, rows: Sequence[Mapping[str, Any]]) -> set[TaskId]:
    """Record the upstream's ids, and return the tasks that are accepted now. A row holds `id`, `upstream_task_id` and
    `due_at`.

    Not fenced, on purpose: that the provider gave this id to this task stays true whoever holds the lease by now. A
    task that is decided keeps its state, because its callback may have overtaken the answer to its submit.
    """
    rows_now = await tx.execute(_acknowledge(tx.dialect.name), batch(rows))
    return {row.id for row in rows_now if row.state is ACCEPT.target}


async def move_tasks(
    tx: Tx, move: Transition[TaskState], rows: Sequence[Mapping[str, Any]], *, fenced: bool = False
) -> list[Task]:
    """Apply `move` to every row's task whose state allows it, and return the moved tasks.

    A row holds `id` and new values of columns, the same ones in every row; with `fenced` also the `attempt` of the
    lease it was made under. An upstream id that is known is never replaced, and a row that names another moves nothing.
    """
    if not rows:
        return []
    statement = _move(tx.dialect.name, move, tuple(rows[0]), fenced)
    return values(Task, await tx.execute(statement, batch(rows)))


async def close_tasks(
    tx: Tx, job_ids: Collection[JobId], *, states: Collection[TaskState], reason: str, now: datetime
) -> None:
    """Close these jobs' tasks in these states, so that nothing more is submitted or asked for."""
    if job_ids:
        await tx.execute(
            update(tasks)
            .where(tasks.c.job_id.in_(job_ids), tasks.c.state.in_(states))
            .values(state=TaskState.FAILED, due_at=None, finished_at=now, last_error=reason)
        )


async def lock_tasks(tx: Tx, job_id: JobId, *, against_replies: bool = False) -> None:
    """Hold a job's open tasks until the transaction ends; for who moves the job first and its tasks afterwards.

    Replies go on being recorded meanwhile, unless `against_replies`: their rows refer to the task's.
    """
    holding = select(tasks.c.id).where(tasks.c.job_id == job_id, tasks.c.state.in_(OPEN)).order_by(tasks.c.id)
    await tx.execute(holding.with_for_update(key_share=not against_replies))


async def note_asked(tx: Tx, rows: Sequence[Mapping[str, Any]]) -> set[TaskId]:
    """Record that the provider was asked and the task goes on. A row holds `id`, `attempt`, `due_at`, `absences`."""
    return set((await tx.execute(_asked(tx.dialect.name), batch(rows))).scalars())


async def lease_to_submit(tx: Tx, *, now: datetime, until: datetime, limit: int) -> list[Task]:
    """Lease tasks that are to be submitted."""
    return await _lease(tx, TO_SUBMIT, now=now, until=until, limit=limit)


async def lease_to_reconcile(tx: Tx, *, now: datetime, until: datetime, limit: int) -> list[Task]:
    """Lease tasks whose callback is overdue, or whose sender died."""
    return await _lease(tx, TO_RECONCILE, now=now, until=until, limit=limit)


async def _lease(tx: Tx, condition: TextClause, *, now: datetime, until: datetime, limit: int) -> list[Task]:
    rows = await lease(tx, tasks, condition, now=now, until=until, limit=limit)
    return values(Task, rows)


@lru_cache
def _move(dialect: str, move: Transition[TaskState], keys: tuple[str, ...], fenced: bool) -> Update:
    source = incoming(dialect, types(tasks, *keys))
    new: dict[str, Any] = {} if move.target in OPEN else {"due_at": null()}
    new |= {key: source.c[key] for key in keys if key != "id"}
    if "upstream_task_id" in new:
        new["upstream_task_id"] = func.coalesce(tasks.c.upstream_task_id, source.c.upstream_task_id)
    guard = [tasks.c.id == source.c.id, tasks.c.state.in_(move.sources)]
    if "upstream_task_id" in keys:
        named, known = source.c.upstream_task_id, tasks.c.upstream_task_id
        guard.append(or_(known.is_(None), named.is_(None), known == named))
    if fenced:
        guard.append(tasks.c.attempt == source.c.attempt)
    return update(tasks).where(*guard).values(**new, state=move.target).returning(*_SELECT)


@lru_cache
def _send(dialect: str) -> Update:
    source = incoming(dialect, types(tasks, "id", "attempt", "due_at", "sent_at"))
    wanted = exists().where(jobs.c.id == tasks.c.job_id, jobs.c.state.in_(WAITING))
    return (
        update(tasks)
        .where(
            tasks.c.id == source.c.id,
            tasks.c.attempt == source.c.attempt,
            tasks.c.state.in_(SEND.sources),
            wanted,
        )
        .values(state=SEND.target, due_at=source.c.due_at, sent_at=source.c.sent_at, sends=tasks.c.sends + 1)
        .returning(tasks.c.id)
    )


@lru_cache
def _acknowledge(dialect: str) -> Update:
    source = incoming(dialect, types(tasks, "id", "upstream_task_id", "due_at"))
    awaited = tasks.c.state.in_(ACCEPT.sources)
    return (
        update(tasks)
        .where(tasks.c.id == source.c.id)
        .values(
            state=case((awaited, ACCEPT.target), else_=tasks.c.state),
            due_at=case((awaited, source.c.due_at), else_=tasks.c.due_at),
            upstream_task_id=func.coalesce(tasks.c.upstream_task_id, source.c.upstream_task_id),
        )
        .returning(tasks.c.id, tasks.c.state)
    )


@lru_cache
def _asked(dialect: str) -> Update:
    source = incoming(dialect, types(tasks, "id", "attempt", "due_at", "absences"))
    return (
        update(tasks)
        .where(tasks.c.id == source.c.id, tasks.c.attempt == source.c.attempt, tasks.c.state.in_(SENT))
        .values(due_at=source.c.due_at, absences=source.c.absences, asks=tasks.c.asks + 1)
        .returning(tasks.c.id)
    )
