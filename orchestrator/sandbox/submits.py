"""POST /{service}/{resource}: take a submit, and do to it whatever it asks for.

The order of the steps is the platform's: the address, the token, the body, then the account's limits. A misbehaviour
that spends money (a task that runs though nobody was told) differs from one that does not, and both are to be had:
`drop=before` and `refuse` leave no task, `drop=after` and `refuse` with `anyway` leave one that runs.
"""

import asyncio
from dataclasses import replace

from starlette.requests import Request
from starlette.responses import Response

from orchestrator.sandbox import runs
from orchestrator.sandbox.answers import json_response
from orchestrator.sandbox.behaviour import Behaviour, split_prompt
from orchestrator.sandbox.bodies import Received, inline_images, read_body, shorten
from orchestrator.sandbox.connection import HungUp
from orchestrator.sandbox.envelopes import acknowledgement, held_body
from orchestrator.sandbox.gate import asked_for, authorize, told_refusal
from orchestrator.sandbox.journal import Submission
from orchestrator.sandbox.orders import Body, images_of, read_order, subject_of
from orchestrator.sandbox.pictures import MOST_INPUTS, thumbnail
from orchestrator.sandbox.refusals import Form, Refused, present, refusal
from orchestrator.sandbox.shapes import Operation
from orchestrator.sandbox.state import Sandbox, sandbox_of
from orchestrator.sandbox.tasks import Task


async def submit(request: Request, operation: Operation) -> Response:
    sandbox = sandbox_of(request)
    submission = sandbox.journal.open(request, operation.path, sandbox.new_id(), now=sandbox.clock())
    try:
        answer = await _serve(sandbox, request, operation, submission)
    except Refused as refused:
        answer = present(refused, submission.trace_id)
    answer.headers["x-request-id"] = submission.request_id
    sandbox.journal.close(submission, answer.status_code)
    return answer


async def _serve(sandbox: Sandbox, request: Request, operation: Operation, submission: Submission) -> Response:
    authorize(request, sandbox.options.token)
    received = await read_body(request, sandbox.options.max_body)
    # From here on, only the shortened body is held on to: a task must not keep megabytes of inline pictures alive.
    fields = submission.body = {name: shorten(value) for name, value in received.fields.items()}
    submission.trace_id = str(fields.get("trace_id") or submission.trace_id)
    text, behaviour = _read_behaviour(sandbox, request, operation, fields)
    if behaviour.drop == "before":
        await sandbox.timers.pause(behaviour.hang)
        return HungUp()
    refused = told_refusal(behaviour)
    if refused and not behaviour.anyway:
        await sandbox.timers.pause(behaviour.hang)
        raise refused
    order = read_order(operation, fields, text)
    _check_room(sandbox)
    task = sandbox.open_task(
        order,
        behaviour,
        trace_id=submission.trace_id,
        base_url=f"{request.url.scheme}://{request.url.netloc}",
        inputs=await _thumbnails(received),
    )
    submission.task_id = task.id
    answer = await _answer(sandbox, task, quick=refused is not None)
    await sandbox.timers.pause(behaviour.hang)
    if refused:
        raise refused
    return HungUp() if behaviour.drop == "after" else answer


def _read_behaviour(sandbox: Sandbox, request: Request, operation: Operation, fields: Body) -> tuple[str, Behaviour]:
    """The text to draw and the behaviour asked for; what is limited to the first few attempts is lifted after them."""
    prompt = subject_of(fields)
    text, told = split_prompt(prompt)
    behaviour = sandbox.by_chance(asked_for(request, told, sandbox.usual))
    if behaviour.times is not None and sandbox.journal.attempt(operation.path, prompt) > behaviour.times:
        behaviour = replace(behaviour, refuse=None, drop=None, hang=0.0, fail=None)
    return text, behaviour


def _check_room(sandbox: Sandbox) -> None:
    limit = sandbox.options.rate_limit
    if limit is not None and sandbox.book.unfinished >= limit:
        raise Refused(refusal("too_many_requests"))


async def _thumbnails(received: Received) -> tuple[bytes, ...]:
    pictures = [*received.uploads, *inline_images(images_of(received.fields))]
    small = [await asyncio.to_thread(thumbnail, picture) for picture in pictures[:MOST_INPUTS]]
    return tuple(picture for picture in small if picture)


async def _answer(sandbox: Sandbox, task: Task, *, quick: bool) -> Response:
    """Set the task going, and answer as its mode wants it; a quick one is not waited for."""
    order, behaviour = task.order, task.behaviour
    is_held = order.operation.held and not order.callback_url and not order.is_async
    if behaviour.inline or (behaviour.early and order.callback_url):
        runs.finish(sandbox, task)
    else:
        runs.start(sandbox, task)
    if behaviour.inline or (is_held and not quick):
        await task.finished.wait()
        return await _result(sandbox, task)
    if task.finished_at is not None:
        await runs.call_back(sandbox, task)
    status, body = acknowledgement(task)
    return json_response(body, status)


async def _result(sandbox: Sandbox, task: Task) -> Response:
    items = await sandbox.items_of(task)
    if items is not None:
        return json_response(held_body(task, items))
    error = task.error if isinstance(task.error, dict) else {}
    answer = refusal(task.behaviour.fail or "api_error")
    if task.behaviour.upper_code:
        answer = replace(answer, code=answer.code.upper())
    raise Refused(replace(answer, form=answer.form if "code" in error else Form.STRING))
