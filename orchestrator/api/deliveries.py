"""Deliveries: what was told to whom, when, and how often it had to be tried."""

from datetime import datetime
from typing import Final, Literal

import msgspec
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from orchestrator.domain.delivery import Attempt, Delivery, DeliveryState
from orchestrator.domain.ids import DeliveryId, EndpointId, JobId
from orchestrator.storage.deliveries import get_delivery, list_attempts, list_deliveries
from orchestrator.storage.jobs import get_job
from orchestrator.web.answers import json_answer
from orchestrator.web.auth import Caller, authenticate
from orchestrator.web.paging import PARAMETERS, cut, read_paging
from orchestrator.web.queries import Query, path_id
from orchestrator.web.state import Request

_NO_STORE: Final = {"cache-control": "no-store"}
_OF_JOB: Final = ("state", *PARAMETERS)
_FILTERS: Final = ("job_id", "endpoint_id", *_OF_JOB)


class AttemptObject(msgspec.Struct, frozen=True, kw_only=True):
    """One try at a delivery."""

    id: str
    number: int
    status: int | None
    """The HTTP status; null when there was no answer."""
    error: str | None
    excerpt: str
    """The first KiB of the answer."""
    seconds: float
    started_at: datetime


class DeliveryObject(msgspec.Struct, frozen=True, kw_only=True):
    """One event that is owed to one endpoint, or to a job's own `callback_url`."""

    id: str
    object: Literal["delivery"] = "delivery"
    event_id: str
    """What the endpoint saw as `webhook-id`, in every attempt."""
    event_type: str
    job_id: str
    revision: int
    endpoint_id: str | None
    """Null for the job's own `callback_url`."""
    url: str
    state: DeliveryState
    tries: int
    last_error: str | None
    next_attempt_at: datetime | None
    created_at: datetime
    finished_at: datetime | None
    attempts: list[AttemptObject] | msgspec.UnsetType = msgspec.UNSET
    """Not in lists."""


class DeliveryList(msgspec.Struct, frozen=True, kw_only=True):
    """A page of deliveries, newest first."""

    object: Literal["list"] = "list"
    data: list[DeliveryObject]
    has_more: bool
    next_cursor: str | None


async def list_all(request: Request) -> Response:
    """A page of the consumer's deliveries."""
    caller = await authenticate(request)
    query = Query(request, known=_FILTERS)
    job_id = query.id("job_id")
    return await _list(request, caller, query, job_id=None if job_id is None else JobId(job_id))


async def list_of_job(request: Request) -> Response:
    """A page of one job's deliveries, or NotFound."""
    caller = await authenticate(request)
    job_id = JobId(path_id(request, "job"))
    async with request.state["services"].db.reading() as tx:
        await get_job(tx, job_id, consumer_id=caller.consumer_id)
    return await _list(request, caller, Query(request, known=_OF_JOB), job_id=job_id)


async def show_one(request: Request) -> Response:
    """A delivery with its attempts."""
    caller = await authenticate(request)
    delivery_id = DeliveryId(path_id(request, "delivery"))
    async with request.state["services"].db.reading() as tx:
        delivery = await get_delivery(tx, delivery_id, consumer_id=caller.consumer_id)
        attempts = await list_attempts(tx, delivery_id)
    shown = msgspec.structs.replace(_shown(delivery), attempts=[_attempt(attempt) for attempt in attempts])
    return json_answer(shown, headers=_NO_STORE)


async def _list(request: Request, caller: Caller, query: Query, *, job_id: JobId | None) -> Response:
    paging, endpoint_id = read_paging(query), query.id("endpoint_id")
    async with request.state["services"].db.reading() as tx:
        rows = await list_deliveries(
            tx,
            caller.consumer_id,
            limit=paging.fetch,
            before=None if paging.before is None else DeliveryId(paging.before),
            job_id=job_id,
            endpoint_id=None if endpoint_id is None else EndpointId(endpoint_id),
            states=query.words("state", DeliveryState),
        )
    page = cut(rows, paging)
    shown = [_shown(delivery) for delivery in page.rows]
    listed = DeliveryList(data=shown, has_more=page.next_cursor is not None, next_cursor=page.next_cursor)
    return json_answer(listed, headers=_NO_STORE)


def _shown(delivery: Delivery) -> DeliveryObject:
    return DeliveryObject(
        id=delivery.id,
        event_id=delivery.event_id,
        event_type=delivery.event_type,
        job_id=delivery.job_id,
        revision=delivery.revision,
        endpoint_id=delivery.endpoint_id,
        url=delivery.url,
        state=delivery.state,
        tries=delivery.tries,
        last_error=delivery.last_error,
        next_attempt_at=delivery.due_at,
        created_at=delivery.created_at,
        finished_at=delivery.finished_at,
    )


def _attempt(attempt: Attempt) -> AttemptObject:
    return AttemptObject(
        id=attempt.id,
        number=attempt.number,
        status=attempt.status,
        error=attempt.error,
        excerpt=attempt.excerpt,
        seconds=attempt.seconds,
        started_at=attempt.started_at,
    )


routes: Final[list[BaseRoute]] = [
    Route("/v1/deliveries", list_all),
    Route("/v1/deliveries/{id}", show_one),
    Route("/v1/jobs/{id}/deliveries", list_of_job),
]
