"""Every statement about events."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import select

from orchestrator.domain.event import Event
from orchestrator.domain.ids import EventId
from orchestrator.storage.database import Tx
from orchestrator.storage.incoming import insert_new
from orchestrator.storage.schema import events


async def insert_events(tx: Tx, rows: Sequence[Mapping[str, Any]]) -> set[EventId]:
    """Record facts, once for each revision of a job, and return the ids of those that are new."""
    return {EventId(event_id) for event_id in await insert_new(tx, events, rows)}


async def find_events(tx: Tx, event_ids: Collection[EventId]) -> dict[EventId, Event]:
    """The events that exist among these, with their payloads."""
    rows = await tx.execute(select(events).where(events.c.id.in_(event_ids)))
    return {
        row.id: Event(
            id=row.id,
            consumer_id=row.consumer_id,
            job_id=row.job_id,
            type=row.type,
            revision=row.revision,
            payload=row.payload.encode(),
            callback_payload=None if row.callback_payload is None else row.callback_payload.encode(),
            created_at=row.created_at,
        )
        for row in rows
    }
