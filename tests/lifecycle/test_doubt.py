"""Doubt: a submit without a clear answer may have been started, so it is never sent again blindly."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from starlette.responses import JSONResponse, Response

from orchestrator.domain.ids import ConsumerId
from orchestrator.domain.job import JobState
from orchestrator.domain.task import TaskState
from orchestrator.lifecycle.services import Services
from orchestrator.lifecycle.submit import submit
from orchestrator.storage.tasks import lease_to_reconcile
from tests.clock import Clock
from tests.egress.servers import Answer, Peer, Request, hanging, http, peer, resetting, saying
from tests.fakes import World
from tests.lifecycle.acting import ask, call_back, change, move_provider, see, see_tasks, submitted
from tests.working import open_handoffs, run_until_idle

ACCEPTED = http(200, b'{"task_id": "up-1"}', content_type="application/json")


async def cut_short(_: Request, writer: asyncio.StreamWriter) -> None:
    """Announce an answer and break off in its middle."""
    writer.write(b'HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n{"task_id": ')
    await writer.drain()
    writer.close()


@pytest.fixture
def busy(services: Services) -> Services:
    """Services with little patience for a submit."""
    change(services, submit_timeout=timedelta(milliseconds=300))
    return services


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(resetting, id="hung-up"),
        pytest.param(saying(b"", then_close=True), id="closed"),
        pytest.param(saying(b"\x00\x01\x02 no HTTP\x00 at all\r\n\r\n", then_close=True), id="gibberish"),
        pytest.param(cut_short, id="cut-short"),
        pytest.param(hanging, id="time-out"),
    ],
)
async def test_an_answer_that_breaks_off_leaves_the_task_in_doubt_and_is_not_sent_again(
    busy: Services, consumer: ConsumerId, clock: Clock, answer: Answer
) -> None:
    async with asyncio.timeout(10), peer(answer) as provider:
        await move_provider(busy, provider.url(""))
        job, task = await submitted(busy, consumer)
        await run_until_idle(busy)
        submits = [request for request in provider.requests if request.path == "/openai/images/generations"]
        # The pool must not outlive its peer.
        await busy.providers.close()

    assert (job.state, job.submitted_at) == (JobState.SUBMITTED, clock())
    assert (task.state, task.due_at) == (TaskState.UNKNOWN, clock() + timedelta(seconds=5))
    assert len(submits) == 1


@pytest.mark.parametrize(
    "answer",
    [
        Response("<html>Bad gateway</html>", 502, media_type="text/html"),
        JSONResponse({"error": {"code": "api_error", "message": "Oops."}}, 500),
        Response(status_code=504),
        Response("{", 200, media_type="application/json"),
        Response("<html>Welcome</html>", 200, media_type="text/html"),
        JSONResponse({}, 200),
        JSONResponse([1, 2], 200),
        Response(status_code=204),
        JSONResponse({"error": "later"}, 408),
        Response(status_code=307, headers={"location": "/elsewhere"}),
    ],
    ids=lambda answer: f"{answer.status_code}-{answer.body[:12].decode()}",
)
async def test_an_answer_that_says_nothing_clear_leaves_the_task_in_doubt(
    services: Services, world: World, consumer: ConsumerId, answer: Response
) -> None:
    world.answers.append(answer)

    job, task = await submitted(services, consumer)
    await run_until_idle(services)

    assert (job.state, task.state, task.upstream_task_id) == (JobState.SUBMITTED, TaskState.UNKNOWN, None)
    assert task.last_error
    assert len(world.submits) == 1


async def test_a_kept_connection_that_the_provider_closed_does_not_swallow_the_next_submit(
    services: Services, consumer: ConsumerId
) -> None:
    async def answer(_: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(ACCEPTED)
        await writer.drain()
        writer.close()

    async with asyncio.timeout(10), peer(answer) as provider:
        await move_provider(services, provider.url(""))
        _, first = await submitted(services, consumer)
        await provider.hung_up.wait()
        _, second = await submitted(services, consumer)
        await services.providers.close()

    # Either the closing was noticed in time, or nobody knows; it is never sent twice.
    assert first.state is TaskState.ACCEPTED
    assert second.state in {TaskState.ACCEPTED, TaskState.UNKNOWN}
    assert len(_submits_of(provider, second.id)) <= 1


def _submits_of(provider: Peer, task_id: str) -> list[Request]:
    return [request for request in provider.requests if task_id.encode() in request.body]


async def test_a_task_in_doubt_is_asked_for_by_the_id_that_even_its_failure_named(
    services: Services, world: World, consumer: ConsumerId, clock: Clock
) -> None:
    world.answers.append(JSONResponse({"task_id": "up-5", "error": {"code": "api_error", "message": "Oops."}}, 500))
    await submitted(services, consumer)

    clock.advance(seconds=5)
    await run_until_idle(services)

    assert world.questions == [{"action": "retrieve", "id": "up-5"}]


async def test_a_callback_settles_a_task_in_doubt(services: Services, world: World, consumer: ConsumerId) -> None:
    world.answers.append(Response(status_code=504))
    job, task = await submitted(services, consumer)

    await call_back(services, task, world.result("heron.png", task_id="up-7"))
    await run_until_idle(services)

    (task,) = await see_tasks(services, job.id)
    assert (await see(services, job.id)).state is JobState.SUCCEEDED
    assert (task.state, task.upstream_task_id, task.recovered_by) == (TaskState.SUCCEEDED, "up-7", None)
    assert len(world.submits) == 1


async def test_news_of_progress_ends_the_doubt(
    services: Services, world: World, consumer: ConsumerId, clock: Clock
) -> None:
    """Whoever reports progress has the task: "I do not know it" from the tasks interface must not cost a second one."""
    world.answers.append(Response(status_code=504))
    job, task = await submitted(services, consumer)

    await call_back(services, task, {"task_id": "up-7", "status": "processing", "progress": 10})
    for _ in range(10):
        clock.advance(seconds=31)
        await run_until_idle(services)

    (task,) = await see_tasks(services, job.id)
    assert (task.state, task.upstream_task_id) == (TaskState.ACCEPTED, "up-7")
    assert len(world.submits) == 1


async def test_a_sender_that_died_leaves_a_task_that_is_asked_for_and_not_sent_again(
    services: Services, world: World, consumer: ConsumerId, clock: Clock
) -> None:
    async def never(_: dict[str, Any]) -> Response:
        await world.hang.wait()
        return Response(status_code=500)

    world.answers.append(never)
    open_handoffs(services)
    accepted = await ask(services, consumer)
    ((job, task),) = await services.handoffs.submit.take(1)
    sending = asyncio.create_task(submit(services, job, task))
    await world.until(lambda world: world.submits)
    sending.cancel()
    await asyncio.wait({sending})
    left = (await see_tasks(services, job.id))[0]

    clock.advance(seconds=61)
    await run_until_idle(services)

    assert left.state is TaskState.SENDING
    (task,) = await see_tasks(services, accepted.job.id)
    job = await see(services, accepted.job.id)
    assert (task.state, job.state, job.submitted_at) == (TaskState.UNKNOWN, JobState.SUBMITTED, left.sent_at)
    assert world.questions == [{"action": "retrieve", "trace_id": task.id}]
    assert len(world.submits) == 1


async def test_a_sender_that_was_only_slow_does_not_undo_what_was_found_out_meanwhile(
    services: Services, world: World, consumer: ConsumerId, clock: Clock
) -> None:
    """Its lease was over, the task was found by asking; then its own answer comes, and is a 504."""

    async def late(_: dict[str, Any]) -> Response:
        await world.hang.wait()
        return Response(status_code=504)

    world.answers.append(late)
    open_handoffs(services)
    await ask(services, consumer)
    ((job, task),) = await services.handoffs.submit.take(1)
    sending = asyncio.create_task(submit(services, job, task))
    await world.until(lambda world: world.submits)
    clock.advance(seconds=61)
    world.records[task.id] = {"id": "up-3", "trace_id": task.id}
    await run_until_idle(services)
    found = (await see_tasks(services, job.id))[0]
    world.hang.set()
    await sending

    (after,) = await see_tasks(services, job.id)
    assert (found.state, found.upstream_task_id) == (TaskState.ACCEPTED, "up-3")
    assert after == found


@pytest.mark.parametrize("status", [429, 504])
async def test_a_sender_that_lost_its_lease_says_nothing_about_the_task(
    services: Services, world: World, consumer: ConsumerId, clock: Clock, status: int
) -> None:
    async def late(_: dict[str, Any]) -> Response:
        await world.hang.wait()
        return Response(status_code=status)

    world.answers.append(late)
    open_handoffs(services)
    await ask(services, consumer)
    ((job, task),) = await services.handoffs.submit.take(1)
    sending = asyncio.create_task(submit(services, job, task))
    await world.until(lambda world: world.submits)
    clock.advance(seconds=61)
    async with services.db.writing() as tx:
        leased = await lease_to_reconcile(tx, now=clock(), until=clock() + timedelta(seconds=60), limit=9)
    world.hang.set()
    await sending

    assert await see_tasks(services, job.id) == leased
