"""Every statement about deliveries and attempts."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import Update, case, func, null, select, update

from orchestrator.domain.delivery import ABANDON, SUPERSEDE, Attempt, Delivery, DeliveryState
from orchestrator.domain.errors import NotFound
from orchestrator.domain.ids import ConsumerId, DeliveryId, EndpointId, JobId
from orchestrator.storage.database import Tx
from orchestrator.storage.incoming import batch, incoming, insert_new
from orchestrator.storage.leases import lease
from orchestrator.storage.rows import columns, types, value, values
from orchestrator.storage.schema import TO_DELIVER, attempts, deliveries

_SELECT = columns(deliveries, Delivery)


async def insert_deliveries(tx: Tx, rows: Sequence[Mapping[str, Any]]) -> None:
    """Owe events to endpoints."""
    await insert_new(tx, deliveries, rows)


async def insert_attempts(tx: Tx, rows: Sequence[Mapping[str, Any]]) -> None:
    """Record tries. Their deliveries must exist."""
    await insert_new(tx, attempts, rows)


async def record_tries(tx: Tx, rows: Sequence[Mapping[str, Any]]) -> set[DeliveryId]:
    """Record the outcome of one try each, fenced; the ids that do not come back were taken over by somebody else.

    A row holds `id`, `attempt`, the new `state`, `due_at` (None when final), `finished_at` and `last_error`.
    """
    statement = _record(tx.dialect.name)
    return set((await tx.execute(statement, batch(rows))).scalars())


async def lease_pending(tx: Tx, *, now: datetime, until: datetime, limit: int) -> list[Delivery]:
    """Lease deliveries that are due."""
    rows = await lease(tx, deliveries, TO_DELIVER, now=now, until=until, limit=limit)
    return values(Delivery, rows)


async def list_newest_told(tx: Tx, job_ids: Collection[JobId]) -> dict[tuple[JobId, EndpointId | None], int]:
    """The newest revision of each job that each endpoint, or the job's own `callback_url`, was told successfully."""
    query = (
        select(deliveries.c.job_id, deliveries.c.endpoint_id, func.max(deliveries.c.revision))
        .where(deliveries.c.job_id.in_(job_ids), deliveries.c.state == DeliveryState.SUCCEEDED)
        .group_by(deliveries.c.job_id, deliveries.c.endpoint_id)
    )
    return {(row[0], row[1]): row[2] for row in await tx.execute(query)}


async def abandon_deliveries(tx: Tx, endpoint_ids: Collection[EndpointId], *, reason: str, now: datetime) -> None:
    """Give up what is owed to these endpoints."""
    if endpoint_ids:
        await tx.execute(
            update(deliveries)
            .where(deliveries.c.endpoint_id.in_(endpoint_ids), deliveries.c.state.in_(ABANDON.sources))
            .values(state=ABANDON.target, due_at=None, finished_at=now, last_error=reason)
        )


async def supersede_deliveries(tx: Tx, delivery_ids: Collection[DeliveryId], *, now: datetime) -> None:
    """Close deliveries whose endpoint knows something newer of the same job."""
    if delivery_ids:
        await tx.execute(
            update(deliveries)
            .where(deliveries.c.id.in_(delivery_ids), deliveries.c.state.in_(SUPERSEDE.sources))
            .values(state=SUPERSEDE.target, due_at=None, finished_at=now)
        )


async def release_deliveries(tx: Tx, rows: Sequence[Mapping[str, Any]]) -> None:
    """Let go of leased deliveries before their time. A row holds `id`, `attempt` and the new `due_at`."""
    await tx.execute(_release(tx.dialect.name), batch(rows))


async def get_delivery(tx: Tx, delivery_id: DeliveryId, *, consumer_id: ConsumerId) -> Delivery:
    """Return the consumer's delivery, or raise NotFound."""
    query = select(*_SELECT).where(deliveries.c.id == delivery_id, deliveries.c.consumer_id == consumer_id)
    row = (await tx.execute(query)).first()
    if row is None:
        raise NotFound(f"There is no delivery {delivery_id}.")
    return value(Delivery, row)


async def list_deliveries(
    tx: Tx,
    consumer_id: ConsumerId,
    *,
    limit: int,
    before: DeliveryId | None = None,
    job_id: JobId | None = None,
    endpoint_id: EndpointId | None = None,
    states: Collection[DeliveryState] = (),
) -> list[Delivery]:
    """A page of a consumer's deliveries, newest first."""
    query = select(*_SELECT).where(deliveries.c.consumer_id == consumer_id)
    if before is not None:
        query = query.where(deliveries.c.id < before)
    if job_id is not None:
        query = query.where(deliveries.c.job_id == job_id)
    if endpoint_id is not None:
        query = query.where(deliveries.c.endpoint_id == endpoint_id)
    if states:
        query = query.where(deliveries.c.state.in_(states))
    return values(Delivery, await tx.execute(query.order_by(deliveries.c.id.desc()).limit(limit)))


async def list_attempts(tx: Tx, delivery_id: DeliveryId) -> list[Attempt]:
    """The tries at a delivery, in order."""
    query = select(*columns(attempts, Attempt)).where(attempts.c.delivery_id == delivery_id).order_by(attempts.c.number)
    return values(Attempt, await tx.execute(query))


@lru_cache
def _record(dialect: str) -> Update:
    source = incoming(dialect, types(deliveries, "id", "attempt", "state", "due_at", "finished_at", "last_error"))
    return (
        update(deliveries)
        .where(
            deliveries.c.id == source.c.id,
            deliveries.c.attempt == source.c.attempt,
            deliveries.c.state == DeliveryState.PENDING,
        )
        .values(
            state=source.c.state,
            due_at=case((source.c.state == DeliveryState.PENDING, source.c.due_at), else_=null()),
            finished_at=source.c.finished_at,
            last_error=source.c.last_error,
            tries=deliveries.c.tries + 1,
        )
        .returning(deliveries.c.id)
    )


@lru_cache
def _release(dialect: str) -> Update:
    source = incoming(dialect, types(deliveries, "id", "attempt", "due_at"))
    return (
        update(deliveries)
        .where(
            deliveries.c.id == source.c.id,
            deliveries.c.attempt == source.c.attempt,
            deliveries.c.state == DeliveryState.PENDING,
        )
        .values(due_at=source.c.due_at)
    )
