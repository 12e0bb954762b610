"""The stations: what each leases, which verb it runs, and with how many hands."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, Generic, TypeVar
from urllib.parse import urlsplit

from orchestrator.domain.job import Job
from orchestrator.domain.task import Task
from orchestrator.lifecycle.collect import collect, load_collections
from orchestrator.lifecycle.deliver import deliver, load_parcels
from orchestrator.lifecycle.handoff import Handoff
from orchestrator.lifecycle.parcels import Collection, Parcel, Reply
from orchestrator.lifecycle.services import Handoffs, Services
from orchestrator.lifecycle.settle import settle
from orchestrator.lifecycle.submit import submit
from orchestrator.storage.callbacks import lease_received
from orchestrator.storage.deliveries import lease_pending, release_deliveries
from orchestrator.storage.jobs import find_jobs, lease_storing
from orchestrator.storage.tasks import lease_to_submit

T = TypeVar("T")

PUT_BACK_FOR: Final = timedelta(seconds=1)
LEASED_AT_ONCE: Final = 100
"""Rows a lease: enough that what a statement costs is shared by many."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Station(Generic[T]):
    """One verb with its work."""

    name: str
    handoff: Callable[[Handoffs], Handoff[T]]
    lease: Callable[[Services, int], Awaitable[list[T]]]
    """Lease up to so many due rows from the database."""
    work: Callable[[Services, Sequence[T]], Awaitable[None]]
    at_once: int
    """How many items one pair of hands takes."""
    hands: int
    """How many work at the same time; what each sends or fetches is bounded by this."""
    lane: Callable[[T], str] | None = None
    """Items of one lane share a few hands, so that a slow one holds up only its own."""
    release: Callable[[Services, Sequence[T]], Awaitable[None]] | None = None
    """Give back what its lane has no room for, so that it need not wait for its lease to run out."""


async def _lease_submits(services: Services, limit: int) -> list[tuple[Job, Task]]:
    now = services.now()
    async with services.db.writing() as tx:
        tasks = await lease_to_submit(tx, now=now, until=now + services.policy.lease, limit=limit)
        jobs = await find_jobs(tx, {task.job_id for task in tasks})
    return [(jobs[task.job_id], task) for task in tasks]


async def _lease_replies(services: Services, limit: int) -> list[Reply]:
    now = services.now()
    async with services.db.writing() as tx:
        callbacks = await lease_received(tx, now=now, until=now + services.policy.lease, limit=limit)
    return [Reply(callback=callback, body=None) for callback in callbacks]


async def _lease_collections(services: Services, limit: int) -> list[Collection]:
    now = services.now()
    async with services.db.writing() as tx:
        jobs = await lease_storing(tx, now=now, until=now + services.policy.lease, limit=limit)
    return await load_collections(services, jobs)


async def _lease_parcels(services: Services, limit: int) -> list[Parcel]:
    now = services.now()
    async with services.db.writing() as tx:
        deliveries = await lease_pending(tx, now=now, until=now + services.policy.delivery_lease, limit=limit)
    return await load_parcels(services, deliveries)


async def _submit(services: Services, items: Sequence[tuple[Job, Task]]) -> None:
    for job, task in items:
        await submit(services, job, task)


async def _collect(services: Services, items: Sequence[Collection]) -> None:
    for item in items:
        await collect(services, item)


async def _deliver(services: Services, items: Sequence[Parcel]) -> None:
    for item in items:
        await deliver(services, item)


async def _put_back(services: Services, items: Sequence[Parcel]) -> None:
    due_at = services.now() + PUT_BACK_FOR
    rows = [{"id": item.delivery.id, "attempt": item.delivery.attempt, "due_at": due_at} for item in items]
    async with services.db.writing() as tx:
        await release_deliveries(tx, rows)


def _destination(parcel: Parcel) -> str:
    """An endpoint is a lane of its own; the callback URLs of one consumer at one host share one."""
    delivery = parcel.delivery
    if delivery.endpoint_id is not None:
        return delivery.endpoint_id
    return f"{delivery.consumer_id} {urlsplit(delivery.url).netloc}"


SUBMIT: Final = Station(
    name="submit", handoff=lambda h: h.submit, lease=_lease_submits, work=_submit, at_once=1, hands=64
)
SETTLE: Final = Station(
    name="settle", handoff=lambda h: h.settle, lease=_lease_replies, work=settle, at_once=200, hands=1
)
COLLECT: Final = Station(
    name="collect", handoff=lambda h: h.collect, lease=_lease_collections, work=_collect, at_once=1, hands=128
)
DELIVER: Final = Station(
    name="deliver",
    handoff=lambda h: h.deliver,
    lease=_lease_parcels,
    work=_deliver,
    at_once=1,
    hands=96,
    lane=_destination,
    release=_put_back,
)

STATIONS: Final[tuple[Station[Any], ...]] = (SUBMIT, SETTLE, COLLECT, DELIVER)
