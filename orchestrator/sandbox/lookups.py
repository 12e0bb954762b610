"""POST /{service}/tasks: what became of a task, for those whose callback never came."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from orchestrator.sandbox.answers import json_response
from orchestrator.sandbox.behaviour import PLAIN
from orchestrator.sandbox.bodies import read_body
from orchestrator.sandbox.connection import HungUp
from orchestrator.sandbox.envelopes import record
from orchestrator.sandbox.gate import asked_for, authorize, told_refusal
from orchestrator.sandbox.refusals import Refused, bad_request, present, refusal
from orchestrator.sandbox.results import make_items
from orchestrator.sandbox.state import Sandbox, sandbox_of
from orchestrator.sandbox.tasks import Item, Task

DEFAULT_LIMIT: Final = 12
# These answer 404 for a task that they do not know; the others answer 200 and an empty object.
STRICT_SERVICES: Final = frozenset({"seedream"})
MEDIA_TROUBLE: Final = ("expired", "expire", "flaky", "redirect", "redirect_to", "truncate", "bomb", "type", "slow")


async def look_up(request: Request, service: str) -> Response:
    sandbox = sandbox_of(request)
    sandbox.journal.counts["lookups"] += 1
    try:
        return await _serve(sandbox, request, service)
    except Refused as refused:
        return present(refused, sandbox.new_id())


async def _serve(sandbox: Sandbox, request: Request, service: str) -> Response:
    authorize(request, sandbox.options.token)
    query = (await read_body(request, sandbox.options.max_body)).fields
    behaviour = asked_for(request, "", PLAIN)
    await sandbox.timers.pause(behaviour.hang)
    if refused := told_refusal(behaviour):
        raise refused
    if behaviour.drop:
        return HungUp()
    match query.get("action", "retrieve"):
        case "retrieve":
            return await _retrieve(sandbox, service, query)
        case "retrieve_batch":
            return await _retrieve_batch(sandbox, service, query)
        case other:
            raise bad_request(f"action must be retrieve or retrieve_batch, not {other}")


async def _retrieve(sandbox: Sandbox, service: str, query: Mapping[str, object]) -> Response:
    trace_id, task_id = query.get("trace_id"), query.get("id")
    if not trace_id and not task_id:
        raise bad_request("id or trace_id is required")
    task = sandbox.book.find(task_id=str(task_id), trace_id=str(trace_id) if trace_id else None)
    if task is None or task.service != service:
        if service in STRICT_SERVICES:
            raise Refused(refusal("not_found"))
        return json_response({})
    return json_response(await _record(sandbox, task))


async def _retrieve_batch(sandbox: Sandbox, service: str, query: Mapping[str, object]) -> Response:
    found = [task for task in _candidates(sandbox, service, query) if _fits(sandbox, task, query)]
    offset, limit = _number(query, "offset", 0), _number(query, "limit", DEFAULT_LIMIT)
    page = found[offset : offset + limit]
    return json_response({"items": [await _record(sandbox, task) for task in page], "count": len(found)})


def _candidates(sandbox: Sandbox, service: str, query: Mapping[str, object]) -> list[Task]:
    """The service's tasks that are named in the query, or all of them if none is, newest first."""
    ids, trace_ids = query.get("ids"), query.get("trace_ids")
    if isinstance(trace_ids, list):
        named = [sandbox.book.find(trace_id=str(name)) for name in dict.fromkeys(trace_ids)]
    elif isinstance(ids, list):
        named = [sandbox.book.find(task_id=str(name)) for name in dict.fromkeys(ids)]
    else:
        return list(sandbox.book.newest(service))
    found = [task for task in named if task is not None and task.service == service]
    return sorted(found, key=lambda task: task.created_at, reverse=True)


def _fits(sandbox: Sandbox, task: Task, query: Mapping[str, object]) -> bool:
    account = sandbox.account(task.order.operation.path)
    exact = {
        "application_id": account.application_id,
        "user_id": account.user_id,
        "type": task.order.operation.kind,
    }
    return (
        all(query.get(name) in (None, value) for name, value in exact.items())
        and _number(query, "created_at_min", 0) <= task.created_at
        and task.created_at <= _number(query, "created_at_max", 1 << 40)
    )


def _number(query: Mapping[str, object], name: str, default: int) -> int:
    value = query.get(name)
    if value is None:
        return default
    if not isinstance(value, int | float) or value < 0:
        raise bad_request(f"{name} must be a number that is not negative")
    return int(value)


async def _record(sandbox: Sandbox, task: Task) -> Item:
    if refused := told_refusal(task.behaviour, task.behaviour.lookup):
        raise refused
    if task.behaviour.refresh and task.items is not None:
        _refresh(sandbox, task)
    account = sandbox.account(task.order.operation.path)
    return record(task, await sandbox.items_of(task), account, nested=task.behaviour.nested)


def _refresh(sandbox: Sandbox, task: Task) -> None:
    """Hand out new links, without whatever was wrong with the old ones; once."""
    sound = {name: getattr(PLAIN, name) for name in MEDIA_TROUBLE}
    task.behaviour = replace(task.behaviour, refresh=False, **sound)
    task.items = make_items(task, now=sandbox.clock(), link_ttl=sandbox.options.link_ttl, publish=sandbox.shelf.add)
