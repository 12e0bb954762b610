"""The bodies in which a task's result is told: to its callback, in its record, in a held answer.

All pure. They differ on purpose: a callback nests OpenAI's data once more, a record does not; a failure in a callback
says `success: false`, a failure in a held answer has no such key.
"""

from dataclasses import dataclass
from typing import Final

from orchestrator.sandbox.shapes import Layout, instant
from orchestrator.sandbox.tasks import Item, Task

SECOND_FAILED: Final = {"code": "api_error", "message": "One of the results could not be made."}


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Who all tasks of this sandbox belong to."""

    application_id: str
    credential_id: str
    user_id: str
    api_id: str


def acknowledgement(task: Task) -> tuple[int, Item]:
    """Status and body of the answer to an asynchronous submit."""
    kind = task.behaviour.ack or ("full" if task.order.is_async else task.order.operation.ack)
    if kind == "full":
        return 200, {"success": True, "task_id": task.id, "trace_id": task.trace_id}
    if kind == "created201":
        return 201, {"task_id": task.id, "trace_id": task.trace_id}
    if kind == "dated":
        return 200, {"task_id": task.id, "started_at": instant(task.created_at)}
    return 200, {"task_id": task.id}


def callback_body(task: Task, items: list[Item] | None, *, nested: bool) -> Item:
    """What is POSTed to the callback_url, and what the record holds as its response."""
    body = _head(task, success=items is not None and not task.behaviour.partial)
    if items is None:
        return {**body, "error": task.error}
    if task.behaviour.partial:
        body["error"] = SECOND_FAILED
    return {**body, **_payload(task, items, nested=nested)}


def progress_body(task: Task, preview: Item) -> Item:
    return {**_head(task, success=True), **preview}


def held_body(task: Task, items: list[Item]) -> Item:
    """The answer to a submit that was held until the result was there."""
    if task.order.operation.layout is not Layout.OPENAI or task.behaviour.partial:
        return callback_body(task, items, nested=False)
    payload = _payload(task, items, nested=False)
    if not task.order.model.startswith("gpt-image"):
        return payload
    tokens = {"input_tokens": len(task.order.prompt) // 4 + 1, "output_tokens": 1000 * len(items)}
    usage = {**tokens, "total_tokens": sum(tokens.values())}
    return {**_head(task, success=True), "model": task.order.model, **payload, "usage": usage}


def record(task: Task, items: list[Item] | None, account: Account, *, nested: bool) -> Item:
    """The task as the tasks API shows it."""
    operation, done = task.order.operation, task.finished_at is not None
    response = callback_body(task, items, nested=nested) if done else task.interim
    if response and not operation.flag_kept:
        response = {key: value for key, value in response.items() if key != "success"}
    shown: Item = {
        "_id": task.document_id,
        "id": task.id,
        "trace_id": task.trace_id,
        "type": operation.kind,
        "api_id": account.api_id,
        "application_id": account.application_id,
        "credential_id": account.credential_id,
        "user_id": account.user_id,
        "request": task.order.body,
        "response": response,
        "created_at": task.created_at,
        "started_at": task.created_at,
        "finished_at": task.finished_at,
        operation.elapsed: None if task.finished_at is None else round(task.finished_at - task.created_at, 3),
    }
    return {**shown, "status": task.state} if operation.worded else shown


def _head(task: Task, *, success: bool) -> Item:
    operation = task.order.operation
    head: Item = {"success": success} if operation.flagged and not task.behaviour.no_success else {}
    head["task_id"] = task.id
    return {**head, "trace_id": task.trace_id} if operation.traced else head


def _payload(task: Task, items: list[Item], *, nested: bool) -> Item:
    match task.order.operation.layout:
        case Layout.FLAT:
            return items[0]
        case Layout.OBJECT:
            return {"data": items[0]}
        case Layout.LIST:
            return {"data": items}
        case Layout.OPENAI:
            is_banana = task.order.model.startswith("nano-banana")
            data: Item = {"created": 0 if is_banana else int(task.finished_at or 0), "data": items}
            return {"data": data} if nested else data
