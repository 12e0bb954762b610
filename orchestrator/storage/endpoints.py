"""Every statement about endpoints."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import delete, insert, select, update

from orchestrator.domain.endpoint import Endpoint
from orchestrator.domain.errors import NotFound
from orchestrator.domain.ids import ConsumerId, EndpointId
from orchestrator.storage.database import Tx
from orchestrator.storage.rows import columns, find, value, values
from orchestrator.storage.schema import endpoints

_SELECT = columns(endpoints, Endpoint)


async def insert_endpoint(tx: Tx, row: Mapping[str, Any]) -> Endpoint:
    """Insert an endpoint and return it."""
    return value(Endpoint, (await tx.execute(insert(endpoints).values(**row).returning(*_SELECT))).one())


async def get_endpoint(tx: Tx, endpoint_id: EndpointId, *, consumer_id: ConsumerId) -> Endpoint:
    """Return the consumer's endpoint, or raise NotFound."""
    query = select(*_SELECT).where(endpoints.c.id == endpoint_id, endpoints.c.consumer_id == consumer_id)
    row = (await tx.execute(query)).first()
    if row is None:
        raise NotFound(f"There is no endpoint {endpoint_id}.")
    return value(Endpoint, row)


async def find_endpoints(tx: Tx, endpoint_ids: Collection[EndpointId]) -> dict[EndpointId, Endpoint]:
    """The endpoints that exist among these."""
    return {endpoint.id: endpoint for endpoint in await find(tx, endpoints, Endpoint, "id", endpoint_ids)}


async def list_endpoints(
    tx: Tx, consumer_ids: Collection[ConsumerId], *, before: EndpointId | None = None, limit: int | None = None
) -> list[Endpoint]:
    """The endpoints of these consumers, newest first."""
    query = select(*_SELECT).where(endpoints.c.consumer_id.in_(consumer_ids)).order_by(endpoints.c.id.desc())
    if before is not None:
        query = query.where(endpoints.c.id < before)
    return values(Endpoint, await tx.execute(query.limit(limit)))


async def update_endpoint(
    tx: Tx, endpoint_id: EndpointId, *, consumer_id: ConsumerId, changes: Mapping[str, Any]
) -> Endpoint:
    """Change columns of the consumer's endpoint and return it, or raise NotFound."""
    statement = (
        update(endpoints)
        .where(endpoints.c.id == endpoint_id, endpoints.c.consumer_id == consumer_id)
        .values(**changes)
        .returning(*_SELECT)
    )
    row = (await tx.execute(statement)).first()
    if row is None:
        raise NotFound(f"There is no endpoint {endpoint_id}.")
    return value(Endpoint, row)


async def disable_endpoints(tx: Tx, endpoint_ids: Collection[EndpointId], *, reason: str, now: datetime) -> None:
    """Owe these endpoints nothing more until somebody enables them."""
    if endpoint_ids:
        await tx.execute(
            update(endpoints)
            .where(endpoints.c.id.in_(endpoint_ids), endpoints.c.disabled_at.is_(None))
            .values(disabled_at=now, disabled_reason=reason)
        )


async def delete_endpoint(tx: Tx, endpoint_id: EndpointId, *, consumer_id: ConsumerId) -> None:
    """Delete the consumer's endpoint with its deliveries, or raise NotFound."""
    statement = (
        delete(endpoints)
        .where(endpoints.c.id == endpoint_id, endpoints.c.consumer_id == consumer_id)
        .returning(endpoints.c.id)
    )
    if (await tx.execute(statement)).first() is None:
        raise NotFound(f"There is no endpoint {endpoint_id}.")
