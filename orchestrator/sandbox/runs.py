"""What happens to a task after it was accepted: it shows progress, ends, and its callback is made, or is not."""

import asyncio
from functools import partial
from typing import Final

from orchestrator.sandbox.behaviour import Behaviour
from orchestrator.sandbox.envelopes import callback_body, progress_body
from orchestrator.sandbox.refusals import refusal
from orchestrator.sandbox.results import make_items, make_preview
from orchestrator.sandbox.state import Sandbox
from orchestrator.sandbox.tasks import Task

STEPS: Final = (35, 75)  # per cent; the last step is the result
NOT_JSON: Final = b'{"success": true, "task_id": '


def start(sandbox: Sandbox, task: Task) -> None:
    """Let a task run: everything that it will do is set out in time."""
    delay = sandbox.delay_of(task)
    if task.behaviour.progress:
        for percent in STEPS:
            sandbox.timers.after(delay * percent / 100, partial(show_progress, sandbox, task, percent))
    sandbox.timers.after(delay, partial(_run, sandbox, task))


async def _run(sandbox: Sandbox, task: Task) -> None:
    finish(sandbox, task)
    if task.behaviour.late:
        await sandbox.timers.pause(task.behaviour.late)
    await call_back(sandbox, task)


def finish(sandbox: Sandbox, task: Task) -> None:
    """End the task now: with what it made, or with the failure that it was told to have."""
    if task.interim is not None:
        _withdraw_previews(sandbox, task)
    task.finished_at = sandbox.clock()
    if task.behaviour.fail is None:
        publish, ttl = sandbox.shelf.add, sandbox.options.link_ttl
        task.items = make_items(task, now=task.finished_at, link_ttl=ttl, publish=publish)
    else:
        task.error = _error(task.behaviour)
    sandbox.journal.counts[task.state] += 1
    sandbox.book.close(task)


async def show_progress(sandbox: Sandbox, task: Task, percent: int) -> None:
    """Tell how far the task has come: in its record and, if it has a callback, there."""
    preview = make_preview(
        task, percent, now=sandbox.clock(), link_ttl=sandbox.options.link_ttl, publish=sandbox.shelf.add
    )
    body = progress_body(task, preview)
    if task.finished_at is None:
        task.interim = body
    if task.order.callback_url and not task.behaviour.lost:
        await sandbox.caller.call(task.order.callback_url, task.id, body)


async def call_back(sandbox: Sandbox, task: Task) -> None:
    """Make the callback of a finished task, as often and in the order that it was told to."""
    url, behaviour = task.order.callback_url, task.behaviour
    if not url or behaviour.lost:
        return
    if behaviour.malformed:
        await sandbox.caller.call(url, task.id, NOT_JSON)
    body = callback_body(task, await sandbox.items_of(task), nested=sandbox.nests(task))
    # Duplicates are sent at the same moment: one after the other, they would be the easy case.
    await asyncio.gather(*(sandbox.caller.call(url, task.id, body) for _ in range(1 + behaviour.duplicates)))
    if behaviour.out_of_order:
        await show_progress(sandbox, task, STEPS[-1])


def _withdraw_previews(sandbox: Sandbox, task: Task) -> None:
    # What an early callback showed is gone once the result is there, as with the real one.
    for number in range(1, task.serial + 1):
        sandbox.shelf.remove(f"{task.id}-{number}.{task.order.format}")


def _error(behaviour: Behaviour) -> object:
    code = behaviour.fail or "api_error"
    message = refusal(code).message
    if code == "string":
        return message
    if code == "nocode":
        return {"message": message}
    return {"code": code.upper() if behaviour.upper_code else code, "message": message}
