"""A job's changes as server-sent events: a snapshot, then every change, until it is final.

The id of an event is the job's revision, so that a client which comes back says what it knows in `Last-Event-ID`. A
client that knows the final revision gets 204, which tells an EventSource not to come back.
"""

from collections.abc import AsyncIterator
from typing import Any, Final

from starlette.responses import Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from orchestrator.api.presenting import FINAL, read_job
from orchestrator.domain.ids import ConsumerId, JobId
from orchestrator.lifecycle.present import JobObject, encode
from orchestrator.lifecycle.services import Services
from orchestrator.web.auth import authenticate
from orchestrator.web.queries import path_id
from orchestrator.web.state import Request

PING_SECONDS: Final = 15.0
"""Often enough for the proxies that hang up on what is silent for half a minute."""
_HEADERS: Final = {"cache-control": "no-store", "x-accel-buffering": "no"}


async def follow_job(request: Request) -> Response:
    """The stream. Raises NotFound before it begins."""
    caller = await authenticate(request)
    services, job_id = request.state["services"], JobId(path_id(request, "job"))
    job = await read_job(services, job_id, consumer_id=caller.consumer_id)
    known = _known(request)
    if job.status in FINAL and job.revision == known:
        return Response(status_code=204, headers=_HEADERS)
    stream = _stream(services, job_id, caller.consumer_id, known)
    # A HEAD request wants to know that there is a stream, and must not be held by it.
    content: Any = stream if request.method == "GET" else ()
    return StreamingResponse(content, media_type="text/event-stream", headers=_HEADERS)


async def _stream(services: Services, job_id: JobId, consumer_id: ConsumerId, known: int) -> AsyncIterator[bytes]:
    while True:
        change = services.watch.begin(job_id, known)
        try:
            job = await read_job(services, job_id, consumer_id=consumer_id)
            if job.revision != known:
                yield _event(job)
                known = job.revision
            if job.status in FINAL or services.watch.is_stopping:
                return
            if not await services.watch.wait(change, seconds=PING_SECONDS):
                yield b": ping\n\n"
        finally:
            services.watch.end(job_id, change)


def _event(job: JobObject) -> bytes:
    return b"id: %d\nevent: job\ndata: %b\n\n" % (job.revision, encode(job))


def _known(request: Request) -> int:
    """The revision that the client has; 0, which no job has, when it says nothing intelligible."""
    given = request.headers.get("last-event-id", "")
    return int(given) if given.isascii() and given.isdigit() and len(given) < 10 else 0


routes: Final[list[BaseRoute]] = [Route("/v1/jobs/{id}/events", follow_job)]
