"""Every statement about jobs."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import Update, func, null, select, update

from orchestrator.domain.errors import NotFound
from orchestrator.domain.ids import ConsumerId, JobId
from orchestrator.domain.job import RESULT, Job, JobState
from orchestrator.domain.transition import Transition
from orchestrator.storage.database import Tx
from orchestrator.storage.incoming import batch, incoming, insert_new
from orchestrator.storage.leases import lease
from orchestrator.storage.rows import columns, find, types, value, values
from orchestrator.storage.schema import TO_COLLECT, jobs

_SELECT = columns(jobs, Job)


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Which jobs of a consumer to list, newest first."""

    limit: int
    before: JobId | None = None
    """Only jobs with a smaller id: the cursor."""
    states: Collection[JobState] = ()
    operation: str | None = None
    created_after: datetime | None = None
    created_before: datetime | None = None


async def insert_jobs(tx: Tx, rows: Sequence[Mapping[str, Any]]) -> set[JobId]:
    """Insert jobs, and return the ids of those that are new: an id or an idempotency key that exists is left alone."""
    return {JobId(job_id) for job_id in await insert_new(tx, jobs, rows)}


async def get_job(tx: Tx, job_id: JobId, *, consumer_id: ConsumerId | None = None) -> Job:
    """Return the job, or raise NotFound; with `consumer_id`, also when it is somebody else's."""
    query = select(*_SELECT).where(jobs.c.id == job_id)
    if consumer_id is not None:
        query = query.where(jobs.c.consumer_id == consumer_id)
    row = (await tx.execute(query)).first()
    if row is None:
        raise NotFound(f"There is no job {job_id}.")
    return value(Job, row)


async def find_jobs(tx: Tx, job_ids: Collection[JobId]) -> dict[JobId, Job]:
    """The jobs that exist among these."""
    return {job.id: job for job in await find(tx, jobs, Job, "id", job_ids)}


async def find_by_idempotency_key(tx: Tx, consumer_id: ConsumerId, key: str) -> tuple[Job, str] | None:
    """The job that was accepted under this key, with the digest of its request."""
    query = select(*_SELECT, jobs.c.request_digest).where(
        jobs.c.consumer_id == consumer_id, jobs.c.idempotency_key == key
    )
    row = (await tx.execute(query)).first()
    if row is None:
        return None
    *_, digest = row
    return Job(**{column.key: getattr(row, column.key) for column in _SELECT if column.key is not None}), digest


async def list_jobs(tx: Tx, consumer_id: ConsumerId, page: Page) -> list[Job]:
    """A page of a consumer's jobs, newest first."""
    query = select(*_SELECT).where(jobs.c.consumer_id == consumer_id)
    if page.before is not None:
        query = query.where(jobs.c.id < page.before)
    if page.states:
        query = query.where(jobs.c.state.in_(page.states))
    if page.operation is not None:
        query = query.where(jobs.c.operation == page.operation)
    if page.created_after is not None:
        query = query.where(jobs.c.created_at >= page.created_after)
    if page.created_before is not None:
        query = query.where(jobs.c.created_at < page.created_before)
    return values(Job, await tx.execute(query.order_by(jobs.c.id.desc()).limit(page.limit)))


async def list_revisions(tx: Tx, job_ids: Collection[JobId]) -> dict[JobId, int]:
    """The revisions of these jobs: what waiters on other nodes look at."""
    rows = await tx.execute(select(jobs.c.id, jobs.c.revision).where(jobs.c.id.in_(job_ids)))
    return {row.id: row.revision for row in rows}


async def move_jobs(
    tx: Tx, move: Transition[JobState], rows: Sequence[Mapping[str, Any]], *, fenced: bool = False
) -> list[Job]:
    """Apply `move` to every row's job whose state allows it, and return the moved jobs.

    A row holds `id` and new values of columns (the same ones in every row); `submitted_at` is only ever set once. With
    `fenced`, a row also holds the `attempt` of the lease it was made under, and another attempt refuses it. A job that
    does not come back was moved by somebody else first.
    """
    if not rows:
        return []
    statement = _move(tx.dialect.name, move, tuple(rows[0]), fenced, False)
    return values(Job, await tx.execute(statement, batch(rows)))


async def begin_storing(tx: Tx, rows: Sequence[Mapping[str, Any]]) -> list[Job]:
    """Apply RESULT, like `move_jobs`; here `attempt` says by how much the row's own grows: 1 for a job that is born
    leased, 0 for one that waits its turn. An attempt never shrinks, or an old lease could pass for a new one."""
    if not rows:
        return []
    return values(Job, await tx.execute(_move(tx.dialect.name, RESULT, tuple(rows[0]), False, True), batch(rows)))


async def lease_storing(tx: Tx, *, now: datetime, until: datetime, limit: int) -> list[Job]:
    """Lease jobs whose assets are to be collected."""
    rows = await lease(tx, jobs, TO_COLLECT, now=now, until=until, limit=limit)
    names = [column.key for column in _SELECT]
    return [Job(**{name: getattr(row, name) for name in names if name is not None}) for row in rows]


async def renew_leases(tx: Tx, rows: Sequence[Mapping[str, Any]]) -> set[JobId]:
    """Set when leased, storing jobs come due again. A row holds `id`, `attempt` and `due_at`; a lost lease moves
    nothing. Returns the jobs that were held."""
    return set((await tx.execute(_renew(tx.dialect.name), batch(rows))).scalars())


async def count_by_state(tx: Tx) -> dict[JobState, int]:
    """How many jobs are in each state."""
    rows = await tx.execute(select(jobs.c.state, func.count()).group_by(jobs.c.state))
    return {row[0]: row[1] for row in rows}


@lru_cache
def _move(dialect: str, move: Transition[JobState], keys: tuple[str, ...], fenced: bool, grows: bool) -> Update:
    source = incoming(dialect, types(jobs, *keys))
    new: dict[str, Any] = {"due_at": null(), "finished_at": null()}
    new |= {key: source.c[key] for key in keys if key != "id"}
    if "submitted_at" in new:
        new["submitted_at"] = func.coalesce(jobs.c.submitted_at, source.c.submitted_at)
    if grows:
        new |= {"attempt": jobs.c.attempt + source.c.attempt, "attempt_before": jobs.c.attempt}
    guard = [jobs.c.id == source.c.id, jobs.c.state.in_(move.sources)]
    if fenced:
        guard.append(jobs.c.attempt == source.c.attempt)
    new |= {"state": move.target, "revision": jobs.c.revision + 1}
    return update(jobs).where(*guard).values(**new).returning(*_SELECT)


@lru_cache
def _renew(dialect: str) -> Update:
    source = incoming(dialect, types(jobs, "id", "attempt", "due_at"))
    return (
        update(jobs)
        .where(jobs.c.id == source.c.id, jobs.c.state == JobState.STORING, jobs.c.attempt == source.c.attempt)
        .values(due_at=source.c.due_at)
        .returning(jobs.c.id)
    )
