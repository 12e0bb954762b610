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
from orchestrator.sandbox.orders import Order, read_order, subject_of
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
    sandbox.journal.close(submission, answer.status_code)
    return answer


async def _serve(sandbox: Sandbox, request: Request, operation: Operation, submission: Submission) -> Response:
    authorize(request, sandbox.options.token)
    received = await read_body(request, sandbox.options.max_body)
    _note(submission, received)
    text, behaviour = _read_behaviour(sandbox, request, operation, received)
    if behaviour.drop == "before":
        await sandbox.timers.pause(behaviour.hang)
        return HungUp()
    refused = told_refusal(behaviour)
    if refused and not behaviour.anyway:
        await sandbox.timers.pause(behaviour.hang)
        raise refused
    order = read_order(operation, received.fields, text)
    _check_room(sandbox)
    task = await _open(sandbox, request, order, behaviour, received, submission)
    answer = await _answer(sandbox, task, quick=refused is not None)
    await sandbox.timers.pause(behaviour.hang)
    if refused:
        raise refused
    return HungUp() if behaviour.drop == "after" else answer


def _note(submission: Submission, received: Received) -> None:
    submission.body = shorten(received.fields)
    if isinstance(trace_id := received.fields.get("trace_id"), str) and trace_id:
        submission.trace_id = trace_id


def _read_behaviour(
    sandbox: Sandbox, request: Request, operation: Operation, received: Received
) -> tuple[str, Behaviour]:
    """The text to draw and the behaviour asked for; what is limited to the first few attempts is lifted after them."""
    prompt = subject_of(received.fields)
    text, told = split_prompt(prompt)
    behaviour = sandbox.by_chance(asked_for(request, told, sandbox.usual))
    if behaviour.times is not None and sandbox.journal.attempt(operation.path, prompt) > behaviour.times:
        behaviour = replace(behaviour, refuse=None, drop=None, hang=0.0, fail=None)
    return text, behaviour


def _check_room(sandbox: Sandbox) -> None:
    limit = sandbox.options.rate_limit
    if limit is not None and sandbox.book.unfinished >= limit:
        raise Refused(refusal("too_many_requests"))


async def _open(
    sandbox: Sandbox,
    request: Request,
    order: Order,
    behaviour: Behaviour,
    received: Received,
    submission: Submission,
) -> Task:
    pictures = [*received.uploads, *inline_images(order.images)]
    small = [await asyncio.to_thread(thumbnail, picture) for picture in pictures[:MOST_INPUTS]]
    task = Task(
        id=sandbox.new_id(),
        document_id=f"{sandbox.rng.getrandbits(96):024x}",
        trace_id=submission.trace_id,
        order=order,
        behaviour=behaviour,
        echo=submission.body,
        base_url=sandbox.options.public_url or f"{request.url.scheme}://{request.url.netloc}",
        created_at=sandbox.clock(),
        inputs=tuple(picture for picture in small if picture),
    )
    submission.task_id = task.id
    sandbox.book.add(task)
    sandbox.journal.counts["tasks_created"] += 1
    return task


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
    return json_response(body, status, {"x-request-id": task.trace_id})


async def _result(sandbox: Sandbox, task: Task) -> Response:
    items = await sandbox.items_of(task)
    if items is not None:
        return json_response(held_body(task, items), headers={"x-request-id": task.trace_id})
    error = task.error if isinstance(task.error, dict) else {}
    answer = refusal(task.behaviour.fail or "api_error")
    if task.behaviour.upper_code:
        answer = replace(answer, code=answer.code.upper())
    raise Refused(replace(answer, form=answer.form if "code" in error else Form.STRING))
