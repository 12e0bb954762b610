"""Receive: put a reply into the inbox, once, and answer after the commit. Nothing else happens in the request.

Early, duplicate, late and out-of-order callbacks are all ordinary here: each is recorded (the same bytes once) and
`settle` decides what it means. An inline result, a refusal and a record found by asking enter by the same door.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from orchestrator.domain.callback import Callback, InboxState, Source
from orchestrator.domain.errors import NotFound, OrchestratorError
from orchestrator.domain.ids import CallbackId, TaskId
from orchestrator.domain.task import Task
from orchestrator.lifecycle.parcels import Reply
from orchestrator.lifecycle.present import encode
from orchestrator.lifecycle.services import Services
from orchestrator.providers.provider import ProviderReply
from orchestrator.storage.callbacks import find_existing_tasks, insert_callbacks

_KEPT_IN_MEMORY = 16 * 1024
"""Bytes of body up to which a reply is handed over decoded; a bigger one is read back when its turn comes."""


async def receive(services: Services, task_id: TaskId, *, body: bytes, decoded: object) -> None:
    """Return once the callback is on the disk. Raises NotFound when its task was forgotten, or Unavailable."""
    reply = _reply(services, task_id, Source.CALLBACK, body=body, decoded=decoded)
    with services.ingress:
        await services.together(_record_all, reply)


async def receive_spooled(services: Services, task_id: TaskId, *, body_key: str, digest: str) -> None:
    """The same for a body that is in the blob store already."""
    reply = _reply(services, task_id, Source.CALLBACK, body_key=body_key, digest=digest)
    with services.ingress:
        await services.together(_record_all, reply)


async def record_answer(services: Services, task: Task, answered: ProviderReply) -> None:
    """Record an answer to a submit that decides its task: an inline result or a refusal."""
    body = encode(answered.body)
    reply = await _spooled_if_big(
        services,
        _reply(services, task.id, Source.ANSWER, body=body, decoded=answered.body, status=answered.status),
    )
    await services.persist(_record_all, reply)


async def record_poll(services: Services, task: Task, record: object) -> bool:
    """Record a tasks record that decides its task; False when the very same one was recorded before."""
    reply = _reply(services, task.id, Source.POLL, body=encode(record), decoded=record)
    return await services.together(_record_all, await _spooled_if_big(services, reply))


async def _spooled_if_big(services: Services, reply: Reply) -> Reply:
    body = reply.callback.body
    if body is None or len(body) <= services.policy.inline_body_bytes:
        return reply
    key = inbox_key(f"{reply.callback.task_id}-{reply.callback.digest}")
    await services.blobs.put(key, body)
    return Reply(callback=replace(reply.callback, body=None, body_key=key), body=None)


def inbox_key(name: str) -> str:
    """Where a body that is too big for a row is kept; named by task and digest, so that a repeat leaves no second."""
    return f"inbox/{name}.json"


def _reply(
    services: Services,
    task_id: TaskId,
    source: Source,
    *,
    body: bytes | None = None,
    decoded: object = None,
    body_key: str | None = None,
    digest: str | None = None,
    status: int | None = None,
) -> Reply:
    callback = Callback(
        id=CallbackId(services.new_id()),
        task_id=task_id,
        source=source,
        status=status,
        body=body,
        body_key=body_key,
        digest=digest or hashlib.sha256(body or b"").hexdigest(),
        attempt=1,
        received_at=services.now(),
    )
    return Reply(callback=callback, body=decoded if body is not None and len(body) <= _KEPT_IN_MEMORY else None)


async def _record_all(services: Services, replies: Sequence[Reply]) -> Sequence[bool | OrchestratorError]:
    room = services.handoffs.settle.room
    now = services.now()
    due_at = now + services.policy.lease
    rows = [
        _row(reply.callback, attempt=1 if place < room else 0, due_at=due_at if place < room else now)
        for place, reply in enumerate(replies)
    ]
    async with services.db.writing() as tx:
        new = await insert_callbacks(tx, rows)
        doubtful = {reply.callback.task_id for reply in replies if reply.callback.id not in new}
        known = await find_existing_tasks(tx, doubtful) if doubtful else set()
    handed = [reply for reply in replies[:room] if reply.callback.id in new]
    services.handoffs.settle.offer(_light(reply) for reply in handed)
    return [_verdict(reply.callback, new, known) for reply in replies]


def _light(reply: Reply) -> Reply:
    """Without the encoded body: decoded or read back, nobody needs it twice in memory."""
    return Reply(callback=replace(reply.callback, body=None), body=reply.body)


def _verdict(callback: Callback, new: set[CallbackId], known: set[TaskId]) -> bool | NotFound:
    if callback.id in new or callback.task_id in known:
        return callback.id in new
    return NotFound(f"There is no task {callback.task_id}.")


def _row(callback: Callback, *, attempt: int, due_at: Any) -> dict[str, Any]:
    return {
        "id": callback.id,
        "task_id": callback.task_id,
        "source": callback.source,
        "status": callback.status,
        "state": InboxState.RECEIVED,
        "body": None if callback.body is None else callback.body.decode(),
        "body_key": callback.body_key,
        "digest": callback.digest,
        "attempt": attempt,
        "due_at": due_at,
        "received_at": callback.received_at,
    }
