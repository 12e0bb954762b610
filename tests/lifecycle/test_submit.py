"""Submit: once, and again only where nothing was started."""

import socket
from datetime import timedelta
from typing import Any

import pytest
from starlette.responses import JSONResponse, Response

from orchestrator.domain.ids import ConsumerId
from orchestrator.domain.job import JobState
from orchestrator.domain.policy import Reach
from orchestrator.domain.task import Task, TaskState
from orchestrator.lifecycle.services import Services
from tests.clock import Clock
from tests.fakes import World
from tests.lifecycle.acting import ask, change, listen, move_provider, see, see_inbox, see_tasks, submitted
from tests.working import run_until_idle

BUSY = {"error": {"code": "too_many_requests", "message": "Slow down."}}


async def test_the_task_is_marked_as_sending_before_a_byte_leaves(
    services: Services, world: World, consumer: ConsumerId, clock: Clock
) -> None:
    seen: list[Task] = []

    async def look(body: dict[str, Any]) -> Response:
        seen.extend(await see_tasks(services, job.id))
        return JSONResponse({"task_id": "up-1"})

    world.answers.append(look)
    job = (await ask(services, consumer)).job
    await run_until_idle(services)

    (task,) = seen
    assert (task.state, task.sent_at, task.due_at) == (TaskState.SENDING, clock(), clock() + services.policy.lease)


async def test_an_accepted_task_waits_for_its_callback_until_it_is_overdue(
    services: Services, consumer: ConsumerId, clock: Clock
) -> None:
    job, task = await submitted(services, consumer)

    assert (job.state, job.submitted_at, job.revision) == (JobState.SUBMITTED, clock(), 2)
    assert (task.state, task.upstream_task_id) == (TaskState.ACCEPTED, "up-1")
    assert task.due_at == clock() + timedelta(minutes=2)


@pytest.mark.parametrize(
    ("status", "body", "code", "message"),
    [
        (400, {"error": {"code": "bad_request", "message": "No such size."}}, "bad_request", "No such size."),
        (401, {"error": {"code": "invalid_token", "message": "Who?"}, "trace_id": "x"}, "invalid_token", "Who?"),
        (402, {"error": "The balance is used up."}, "upstream_error", "The balance is used up."),
        (403, {"success": False, "error": {"code": "forbidden", "message": "No."}}, "forbidden", "No."),
        (404, {"code": "no_such_api", "detail": "There is no such path."}, "no_such_api", "There is no such path."),
        (413, "<html>too large</html>", "upstream_error", "The upstream answered 413 without saying why."),
        (422, {"detail": [{"loc": ["n"], "msg": "too many"}]}, "upstream_error", "too many"),
    ],
)
async def test_a_refusal_fails_the_job_at_once_in_the_upstreams_words(
    services: Services,
    world: World,
    consumer: ConsumerId,
    clock: Clock,
    status: int,
    body: Any,
    code: str,
    message: str,
) -> None:
    await listen(services, consumer, f"{world.url}/hook/a")
    made = Response(body, status) if isinstance(body, str) else JSONResponse(body, status)
    world.answers.append(made)

    job, task = await submitted(services, consumer)
    clock.advance(seconds=7200)
    await run_until_idle(services)

    assert (job.state, job.finished_at) == (JobState.FAILED, job.created_at)
    assert job.error is not None
    assert (job.error["code"], job.error["message"]) == (code, message)
    assert task.state is TaskState.FAILED
    assert len(world.submits) == 1
    assert await see_inbox(services, job.id) == ["settled"]
    assert [told["data"]["error"]["code"] for told in world.told("a")] == [code]


async def test_a_busy_provider_is_tried_again_at_growing_intervals(
    services: Services, world: World, consumer: ConsumerId, clock: Clock
) -> None:
    world.answers += [JSONResponse(BUSY, 429)] * 3
    job, task = await submitted(services, consumer)
    waits = []
    for _ in range(3):
        (task,) = await see_tasks(services, job.id)
        assert task.state is TaskState.QUEUED
        assert task.due_at is not None
        waits.append((task.due_at - clock()).total_seconds())
        clock.advance(seconds=waits[-1])
        await run_until_idle(services)

    (task,) = await see_tasks(services, job.id)
    assert waits == [1, 2, 4]
    assert task.state is TaskState.ACCEPTED
    assert {submit["trace_id"] for submit in world.submits} == {task.id}
    assert len(world.submits) == 4


async def test_a_busy_provider_is_left_alone_for_as_long_as_it_asks(
    services: Services, world: World, consumer: ConsumerId, clock: Clock
) -> None:
    world.answers.append(JSONResponse(BUSY, 429, headers={"retry-after": "20"}))
    job, task = await submitted(services, consumer)

    clock.advance(seconds=19)
    await run_until_idle(services)
    before = len(world.submits)
    clock.advance(seconds=1)
    await run_until_idle(services)

    assert task.last_error == "too_many_requests: Slow down."
    assert (before, len(world.submits)) == (1, 2)
    assert (await see(services, job.id)).state is JobState.SUBMITTED


@pytest.mark.parametrize("absurd", ["9" * 400, "-5", "soon", "Wed, 99 Foo 2026"])
async def test_an_absurd_retry_after_does_no_harm(
    services: Services, world: World, consumer: ConsumerId, clock: Clock, absurd: str
) -> None:
    world.answers.append(JSONResponse(BUSY, 429, headers={"retry-after": absurd}))

    _job, task = await submitted(services, consumer)

    assert task.state is TaskState.QUEUED
    assert task.due_at is not None
    assert clock() < task.due_at <= task.deadline_at


async def test_a_provider_that_stays_busy_is_given_up_at_the_deadline(
    services: Services, world: World, consumer: ConsumerId, clock: Clock
) -> None:
    await listen(services, consumer, f"{world.url}/hook/a")
    world.answers += [JSONResponse(BUSY, 429)] * 20
    job, _ = await submitted(services, consumer, deadline=timedelta(seconds=60))
    for _ in range(12):
        clock.advance(seconds=10)
        await run_until_idle(services)

    job = await see(services, job.id)
    assert job.state is JobState.EXPIRED
    assert job.finished_at is not None
    assert job.finished_at - job.created_at == timedelta(seconds=60)
    assert [told["type"] for told in world.told("a")] == ["job.expired"]
    assert [task.state for task in await see_tasks(services, job.id)] == [TaskState.FAILED]


async def test_a_refused_connection_started_nothing_and_is_tried_again(
    services: Services, world: World, consumer: ConsumerId, clock: Clock
) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        port = nobody.getsockname()[1]
    await move_provider(services, f"http://127.0.0.1:{port}")
    job, refused = await submitted(services, consumer)

    await move_provider(services, world.url)
    clock.advance(seconds=1)
    await run_until_idle(services)

    (task,) = await see_tasks(services, job.id)
    assert (refused.state, refused.attempt) == (TaskState.QUEUED, 1)
    assert "Connect" in (refused.last_error or "")
    assert (task.state, task.upstream_task_id) == (TaskState.ACCEPTED, "up-1")
    assert len(world.submits) == 1


async def test_a_name_that_does_not_resolve_started_nothing(services: Services, consumer: ConsumerId) -> None:
    await move_provider(services, "http://nowhere.invalid")

    _, task = await submitted(services, consumer)

    assert task.state is TaskState.QUEUED


async def test_where_callbacks_cannot_reach_us_the_result_is_asked_for(
    services: Services, world: World, consumer: ConsumerId, clock: Clock
) -> None:
    change(services, reach=Reach.POLL)
    job, _task = await submitted(services, consumer)
    world.records["up-1"] = {"id": "up-1", "finished_at": 1770000300, "response": world.result("heron.png")}
    clock.advance(seconds=5)
    await run_until_idle(services)

    (submit,) = world.submits
    assert submit["async"] is True
    assert "callback_url" not in submit
    assert (await see(services, job.id)).state is JobState.SUCCEEDED
    assert (await see_tasks(services, job.id))[0].recovered_by == "poll"
