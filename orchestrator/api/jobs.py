"""Jobs: create, batch, show, list, cancel, retry."""

import asyncio
from collections.abc import Callable
from typing import Final, Literal

import msgspec
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from orchestrator.api.orders import place, take_batch, take_order
from orchestrator.api.presenting import FINAL, links_of, show_job, show_jobs
from orchestrator.api.waiting import hold, preferred_wait
from orchestrator.domain.ids import JobId
from orchestrator.domain.job import JobState
from orchestrator.lifecycle.accept import Accepted, Order
from orchestrator.lifecycle.cancel import cancel
from orchestrator.lifecycle.present import JobObject, job_object
from orchestrator.lifecycle.retry import retry
from orchestrator.lifecycle.services import Services
from orchestrator.storage.jobs import Page, list_jobs
from orchestrator.web.answers import json_answer
from orchestrator.web.auth import authenticate
from orchestrator.web.conditions import has_current
from orchestrator.web.paging import PARAMETERS, cut, read_paging
from orchestrator.web.problems import Problem, problem_of
from orchestrator.web.queries import Query, path_id
from orchestrator.web.state import Request

RETRY_AFTER_SECONDS: Final = 2
"""How soon it makes sense to ask again for a job that is still running."""
_FILTERS: Final = ("status", "operation", "created_after", "created_before", *PARAMETERS)


class JobList(msgspec.Struct, frozen=True, kw_only=True):
    """A page of jobs, newest first."""

    object: Literal["list"] = "list"
    data: list[JobObject]
    has_more: bool
    next_cursor: str | None


class BatchItem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What became of one place of a batch: a job, or a problem."""

    status: int
    job: JobObject | None = None
    problem: Problem | None = None


class BatchResult(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a batch, in its order."""

    object: Literal["list"] = "list"
    data: list[BatchItem]


async def create_job(request: Request) -> Response:
    """Accept a job; with `Prefer: wait=N`, hold the answer until it is final or N seconds are over."""
    caller = await authenticate(request)
    services = request.state["services"]
    accepted = await place(services, await take_order(request, caller))
    seconds = preferred_wait(request.headers.get("prefer"), most=services.policy.max_wait.total_seconds())
    job = await _as_it_is(services, accepted) if seconds is None else await _held(services, accepted, seconds)
    headers = {"location": job.urls.self, "cache-control": "no-store", "etag": _etag(job)}
    if seconds is not None:
        headers["preference-applied"] = f"wait={seconds}"
    if accepted.is_replay:
        headers["idempotency-replayed"] = "true"
    is_done = seconds is not None and job.status in FINAL
    return json_answer(job, status=200 if is_done else 202, headers=headers)


async def create_batch(request: Request) -> Response:
    """Accept up to 100 jobs, each judged on its own."""
    caller = await authenticate(request)
    services = request.state["services"]
    orders = await take_batch(request, caller)
    items = await asyncio.gather(*[_place_one(request, services, order) for order in orders])
    return json_answer(BatchResult(data=items), headers={"cache-control": "no-store"})


async def show_one(request: Request) -> Response:
    """A job; `?wait=N` holds the answer until it is final, or until it changes when If-None-Match came along."""
    caller = await authenticate(request)
    job_id = JobId(path_id(request, "job"))
    seconds = Query(request, known=("wait",)).number("wait", least=0, most=60, default=0)
    known = request.headers.get("if-none-match")
    job = await hold(
        request.state["services"], job_id, consumer_id=caller.consumer_id, seconds=seconds, enough=_news_since(known)
    )
    headers = {"etag": _etag(job), "cache-control": "no-store"}
    if job.status not in FINAL:
        headers["retry-after"] = str(RETRY_AFTER_SECONDS)
    if has_current(known, _etag(job)):
        return Response(status_code=304, headers=headers)
    return json_answer(job, headers=headers)


async def list_all(request: Request) -> Response:
    """A page of the consumer's jobs, newest first."""
    caller = await authenticate(request)
    services = request.state["services"]
    query = Query(request, known=_FILTERS)
    paging = read_paging(query)
    wanted = Page(
        limit=paging.fetch,
        before=None if paging.before is None else JobId(paging.before),
        states=query.words("status", JobState),
        operation=query.text("operation"),
        created_after=query.instant("created_after"),
        created_before=query.instant("created_before"),
    )
    async with services.db.reading() as tx:
        page = cut(await list_jobs(tx, caller.consumer_id, wanted), paging)
        shown = await show_jobs(services, tx, page.rows)
    listed = JobList(data=shown, has_more=page.next_cursor is not None, next_cursor=page.next_cursor)
    return json_answer(listed, headers={"cache-control": "no-store"})


async def cancel_job(request: Request) -> Response:
    """Cancel a job that has not ended."""
    caller = await authenticate(request)
    services = request.state["services"]
    job = await cancel(services, JobId(path_id(request, "job")), consumer_id=caller.consumer_id)
    return json_answer(await show_job(services, job), headers={"cache-control": "no-store"})


async def retry_job(request: Request) -> Response:
    """Submit a job again that failed, expired or was canceled."""
    caller = await authenticate(request)
    services = request.state["services"]
    job = await retry(services, JobId(path_id(request, "job")), consumer_id=caller.consumer_id)
    return json_answer(await show_job(services, job), headers={"cache-control": "no-store"})


async def _place_one(request: Request, services: Services, order: Order | Exception) -> BatchItem:
    if isinstance(order, Exception):
        return _failed(problem_of(order, request))
    try:
        accepted = await place(services, order)
        return BatchItem(status=202, job=await _as_it_is(services, accepted))
    except Exception as exc:  # noqa: BLE001 - each place of a batch has its own answer, whatever happens in another
        return _failed(problem_of(exc, request))


def _failed(problem: Problem) -> BatchItem:
    return BatchItem(status=problem.status, problem=problem)


async def _as_it_is(services: Services, accepted: Accepted) -> JobObject:
    if accepted.is_replay:
        return await show_job(services, accepted.job)
    return job_object(accepted.job, (), accepted.tasks, links=links_of(services))


async def _held(services: Services, accepted: Accepted, seconds: int) -> JobObject:
    job = accepted.job
    return await hold(services, job.id, consumer_id=job.consumer_id, seconds=seconds, enough=_is_final)


def _is_final(job: JobObject) -> bool:
    return job.status in FINAL


def _news_since(known: str | None) -> Callable[[JobObject], bool]:
    """What ends a wait: the end of the job, or, for a client that names what it has, anything else than that."""

    def is_news(job: JobObject) -> bool:
        return _is_final(job) or (known is not None and not has_current(known, _etag(job)))

    return is_news


def _etag(job: JobObject) -> str:
    return f'"{job.revision}"'


routes: Final[list[BaseRoute]] = [
    Route("/v1/jobs", create_job, methods=["POST"]),
    Route("/v1/jobs/{id}", show_one),
    Route("/v1/jobs", list_all),
    Route("/v1/jobs/batch", create_batch, methods=["POST"]),
    Route("/v1/jobs/{id}/cancel", cancel_job, methods=["POST"]),
    Route("/v1/jobs/{id}/retry", retry_job, methods=["POST"]),
]
