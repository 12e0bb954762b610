"""Announce: in the transaction that ends a job, write the event and one delivery for every endpoint that wants it.

There is no moment at which a job is final and its news is not owed. The event's payload is fixed here, so that every
retry of every delivery sends the same bytes. Deliveries that this process can send at once are born leased to it.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from orchestrator.domain.asset import Asset
from orchestrator.domain.delivery import Delivery, DeliveryState
from orchestrator.domain.endpoint import Endpoint, signing_secrets
from orchestrator.domain.event import OF_STATE, Event
from orchestrator.domain.ids import ConsumerId, DeliveryId, EventId, JobId
from orchestrator.domain.job import Job
from orchestrator.lifecycle.metrics import FINISHED
from orchestrator.lifecycle.parcels import Parcel
from orchestrator.lifecycle.present import Links, encode, job_object, upstream_body
from orchestrator.lifecycle.services import Services
from orchestrator.storage.consumers import Consumer, find_consumers
from orchestrator.storage.database import Tx
from orchestrator.storage.deliveries import insert_deliveries
from orchestrator.storage.endpoints import list_endpoints
from orchestrator.storage.events import insert_events
from orchestrator.storage.tasks import list_tasks


async def announce(
    services: Services, tx: Tx, jobs: Sequence[Job], assets: Mapping[JobId, Sequence[Asset]]
) -> list[Parcel]:
    """Write what is owed for jobs that have just become final; hand the result to `told` after the commit."""
    if not jobs:
        return []
    now = services.now()
    events = await _events(services, tx, jobs, assets, now=now)
    endpoints = await list_endpoints(tx, {job.consumer_id for job in jobs})
    callers = {job.consumer_id for job in jobs if job.callback_url is not None}
    consumers = await find_consumers(tx, callers) if callers else {}
    parcels = [
        parcel
        for job, event in zip(jobs, events, strict=True)
        for parcel in _parcels(services, job, event, endpoints, consumers, now=now)
    ]
    room = services.handoffs.deliver.room
    await insert_deliveries(tx, [_delivery_row(parcel.delivery, leased=i < room) for i, parcel in enumerate(parcels)])
    return parcels[:room]


def told(services: Services, jobs: Sequence[Job], parcels: Sequence[Parcel]) -> None:
    """After the commit: wake who waits, and hand the leased deliveries over."""
    services.watch.changed(job.id for job in jobs)
    services.handoffs.deliver.offer(parcels)
    for job in jobs:
        FINISHED.labels(job.state).inc()


async def _events(
    services: Services, tx: Tx, jobs: Sequence[Job], assets: Mapping[JobId, Sequence[Asset]], *, now: datetime
) -> list[Event]:
    tasks = await list_tasks(tx, [job.id for job in jobs])
    links = Links(services.policy, services.secret_keys[0])
    events = []
    for job in jobs:
        owned = assets.get(job.id, ())
        body = {
            "type": OF_STATE[job.state],
            "timestamp": now,
            "data": job_object(job, owned, tasks[job.id], links=links, signed_at=now),
        }
        events.append(
            Event(
                id=EventId(services.new_id()),
                consumer_id=job.consumer_id,
                job_id=job.id,
                type=OF_STATE[job.state],
                revision=job.revision,
                payload=encode(body),
                callback_payload=None
                if job.callback_url is None
                else encode(upstream_body(job, owned, links=links, now=now)),
                created_at=now,
            )
        )
    await insert_events(tx, [_event_row(event) for event in events])
    return events


def _parcels(
    services: Services,
    job: Job,
    event: Event,
    endpoints: Sequence[Endpoint],
    consumers: Mapping[ConsumerId, Consumer],
    *,
    now: datetime,
) -> list[Parcel]:
    parcels = [
        Parcel(
            delivery=_delivery(services, event, endpoint=endpoint, url=endpoint.url, now=now),
            body=event.payload,
            secrets=endpoint_secrets(endpoint, now=now),
        )
        for endpoint in endpoints
        if endpoint.consumer_id == job.consumer_id and endpoint.wants(event.type)
    ]
    if job.callback_url is not None and event.callback_payload is not None:
        parcels.append(
            Parcel(
                delivery=_delivery(services, event, endpoint=None, url=job.callback_url, now=now),
                body=event.callback_payload,
                secrets=consumer_secrets(consumers[job.consumer_id], now=now),
            )
        )
    return parcels


def endpoint_secrets(endpoint: Endpoint, *, now: datetime) -> Sequence[str]:
    """What signs for this endpoint at `now`, the newest first."""
    return signing_secrets(endpoint.secret, endpoint.previous_secret, endpoint.previous_secret_expires_at, now=now)


def consumer_secrets(consumer: Consumer, *, now: datetime) -> Sequence[str]:
    """What signs for a consumer's own callback URLs at `now`, the newest first."""
    return signing_secrets(
        consumer.webhook_secret,
        consumer.previous_webhook_secret,
        consumer.previous_webhook_secret_expires_at,
        now=now,
    )


def _delivery(services: Services, event: Event, *, endpoint: Endpoint | None, url: str, now: datetime) -> Delivery:
    return Delivery(
        id=DeliveryId(services.new_id()),
        event_id=event.id,
        event_type=event.type,
        consumer_id=event.consumer_id,
        job_id=event.job_id,
        revision=event.revision,
        endpoint_id=None if endpoint is None else endpoint.id,
        url=url,
        state=DeliveryState.PENDING,
        attempt=1,
        tries=0,
        due_at=now + services.policy.delivery_lease,
        created_at=now,
        finished_at=None,
        last_error=None,
    )


def _event_row(event: Event) -> dict[str, Any]:
    return {
        "id": event.id,
        "consumer_id": event.consumer_id,
        "job_id": event.job_id,
        "type": event.type,
        "revision": event.revision,
        "payload": event.payload.decode(),
        "callback_payload": None if event.callback_payload is None else event.callback_payload.decode(),
        "created_at": event.created_at,
    }


def _delivery_row(delivery: Delivery, *, leased: bool) -> dict[str, Any]:
    return {
        "id": delivery.id,
        "event_id": delivery.event_id,
        "event_type": delivery.event_type,
        "consumer_id": delivery.consumer_id,
        "job_id": delivery.job_id,
        "revision": delivery.revision,
        "endpoint_id": delivery.endpoint_id,
        "url": delivery.url,
        "state": delivery.state,
        "attempt": delivery.attempt if leased else 0,
        "tries": 0,
        "due_at": delivery.due_at if leased else delivery.created_at,
        "created_at": delivery.created_at,
    }
