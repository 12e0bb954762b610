"""Statements that forget, each bounded: a delete of unknown size would hold its locks for unknown time."""

from datetime import datetime
from typing import Any

from sqlalchemy import CursorResult, Select, delete, exists, select, update

from orchestrator.domain.delivery import DeliveryState
from orchestrator.domain.job import FINAL
from orchestrator.storage.database import Tx
from orchestrator.storage.schema import assets, attempts, blobs, callbacks, deliveries, jobs, tasks


async def forget_idempotency_keys(tx: Tx, *, before: datetime, limit: int) -> None:
    """Let keys be used anew whose jobs were accepted before then."""
    old = select(jobs.c.id).where(jobs.c.idempotency_key.is_not(None), jobs.c.created_at < before).limit(limit)
    await tx.execute(update(jobs).where(jobs.c.id.in_(old)).values(idempotency_key=None))


async def delete_attempts(tx: Tx, *, before: datetime, limit: int) -> int:
    """Forget tries that were made before then; how many."""
    old = select(attempts.c.id).where(attempts.c.started_at < before).limit(limit)
    result: CursorResult[Any] = await tx.execute(delete(attempts).where(attempts.c.id.in_(old)))
    return result.rowcount


async def delete_callbacks(tx: Tx, *, before: datetime, limit: int) -> list[str | None]:
    """Forget replies that were settled before then and whose jobs have ended; the keys of their bodies, None for a
    body that was in its row."""
    old = (
        select(callbacks.c.id)
        .join(tasks, tasks.c.id == callbacks.c.task_id)
        .join(jobs, jobs.c.id == tasks.c.job_id)
        .where(callbacks.c.settled_at < before, jobs.c.state.in_(FINAL))
        .limit(limit)
    )
    rows = await tx.execute(delete(callbacks).where(callbacks.c.id.in_(old)).returning(callbacks.c.body_key))
    return list(rows.scalars())


async def delete_jobs(tx: Tx, *, before: datetime, limit: int) -> tuple[int, list[str]]:
    """Forget jobs that ended before then and whose news is not owed any more, with all that hangs on them; how many,
    and the keys of what they kept in the blob store.

    Blobs of assets are not among them: others may refer to the same bytes (`list_unreferenced_blobs`).
    """
    owed = exists().where(deliveries.c.job_id == jobs.c.id, deliveries.c.state == DeliveryState.PENDING)
    chosen = (
        select(jobs.c.id)
        .where(jobs.c.finished_at < before, ~owed)
        .order_by(jobs.c.finished_at)
        .limit(limit)
        # Held, because a job that is being retried at this moment is not finished any more.
        .with_for_update(skip_locked=True)
    )
    ids = list((await tx.execute(chosen)).scalars())
    if not ids:
        return 0, []
    bodies = (
        select(callbacks.c.body_key)
        .join(tasks, tasks.c.id == callbacks.c.task_id)
        .where(tasks.c.job_id.in_(ids), callbacks.c.body_key.is_not(None))
    )
    keys = [key for key in (await tx.execute(bodies)).scalars() if key]
    for row in await tx.execute(select(jobs.c.input_blob, jobs.c.uploads).where(jobs.c.id.in_(ids))):
        keys += [row.input_blob] if row.input_blob else []
        keys += [upload["key"] for upload in row.uploads or ()]
    await tx.execute(delete(jobs).where(jobs.c.id.in_(ids)))
    return len(ids), keys


async def list_unreferenced_blobs(tx: Tx, *, before: datetime, limit: int) -> list[tuple[str, str]]:
    """Blobs (`sha256`, `key`) recorded before then that no asset refers to."""
    rows = await tx.execute(_unreferenced().where(blobs.c.created_at < before).limit(limit))
    return [(row.sha256, row.key) for row in rows]


async def delete_blob(tx: Tx, sha256: str) -> bool:
    """Forget a blob; False when an asset refers to it again."""
    unused = ~exists().where(assets.c.sha256 == blobs.c.sha256)
    rows = await tx.execute(delete(blobs).where(blobs.c.sha256 == sha256, unused).returning(blobs.c.id))
    return rows.first() is not None


def _unreferenced() -> Select[Any]:
    return select(blobs.c.sha256, blobs.c.key).where(~exists().where(assets.c.sha256 == blobs.c.sha256))
