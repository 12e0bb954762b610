"""/_sandbox/…: see what the sandbox was asked and what it did; for tests and for people. It asks for no token."""

from collections.abc import Iterable
from dataclasses import asdict
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from orchestrator.sandbox.answers import json_response
from orchestrator.sandbox.behaviour import PLAIN, Behaviour
from orchestrator.sandbox.state import sandbox_of
from orchestrator.sandbox.tasks import Item, Task

COUNTS: Final = (
    "submits",
    "unique_trace_ids",
    "tasks_created",
    "succeeded",
    "failed",
    "callbacks_taken",
    "callbacks_failed",
    "lookups",
    "media_requests",
)


async def list_requests(request: Request) -> Response:
    """All submits that are remembered, oldest first; `count` is how many there were in all."""
    journal = sandbox_of(request).journal
    items = [asdict(submission) for submission in journal.submissions]
    return _listing(request, items, journal.counts["submits"])


async def list_callbacks(request: Request) -> Response:
    """Each callback POST that was made, in the order in which they ended."""
    journal = sandbox_of(request).journal
    count = journal.counts["callbacks_taken"] + journal.counts["callbacks_failed"]
    return _listing(request, [asdict(call) for call in journal.calls], count)


async def list_tasks(request: Request) -> Response:
    sandbox = sandbox_of(request)
    return _listing(request, [_present(task) for task in sandbox.book], sandbox.journal.counts["tasks_created"])


async def show_stats(request: Request) -> Response:
    """Counts since the start or the last reset; `charged` is what a real account would have paid for, in tasks."""
    sandbox = sandbox_of(request)
    counts = sandbox.journal.counts
    shown = {name: counts[name] for name in COUNTS}
    return json_response({**shown, "running": sandbox.book.unfinished, "charged": counts["succeeded"]})


async def reset(request: Request) -> Response:
    sandbox_of(request).reset()
    return Response(status_code=204)


def _listing(request: Request, items: Iterable[Item], count: int) -> Response:
    """Those items whose fields equal the query's parameters; `limit` keeps the newest of them."""
    wanted = dict(request.query_params)
    limit = wanted.pop("limit", "")
    found = [item for item in items if all(str(item.get(key)) == value for key, value in wanted.items())]
    return json_response({"items": found[-int(limit) :] if limit.isdecimal() and int(limit) else found, "count": count})


def _present(task: Task) -> Item:
    return {
        "id": task.id,
        "trace_id": task.trace_id,
        "operation": task.order.operation.path,
        "state": task.state,
        "callback_url": task.order.callback_url,
        "request": task.order.body,
        "behaviour": _unusual(task.behaviour),
        "created_at": task.created_at,
        "finished_at": task.finished_at,
    }


def _unusual(behaviour: Behaviour) -> Item:
    plain = asdict(PLAIN)
    return {key: value for key, value in asdict(behaviour).items() if value != plain[key]}


ROUTES: Final = (
    Route("/_sandbox/requests", list_requests),
    Route("/_sandbox/tasks", list_tasks),
    Route("/_sandbox/callbacks", list_callbacks),
    Route("/_sandbox/stats", show_stats),
    Route("/_sandbox/reset", reset, methods=["POST"]),
)
