"""Cancel and retry: what ends, what begins anew, and what is refused."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from starlette.responses import Response

from orchestrator.domain.errors import Conflict, NotFound
from orchestrator.domain.ids import ConsumerId
from orchestrator.domain.job import JobState
from orchestrator.domain.task import TaskState
from orchestrator.lifecycle.cancel import cancel
from orchestrator.lifecycle.retry import retry
from orchestrator.lifecycle.services import Services
from tests.clock import Clock
from tests.fakes import World
from tests.lifecycle.acting import (
    FAILURE,
    ask,
    call_back,
    listen,
    see,
    see_assets,
    see_inbox,
    see_tasks,
    submitted,
)
from tests.working import run_until_idle


async def _failed(services: Services, consumer: ConsumerId, **changes: Any) -> Any:
    job, task = await submitted(services, consumer, **changes)
    await call_back(services, task, FAILURE)
    await run_until_idle(services)
    return await see(services, job.id)


async def test_a_queued_job_is_canceled_and_its_consumer_told(
    services: Services, world: World, consumer: ConsumerId
) -> None:
    await listen(services, consumer, f"{world.url}/hook/a")
    job = (await ask(services, consumer)).job

    canceled = await cancel(services, job.id, consumer_id=consumer)
    await run_until_idle(services)

    (told,) = world.told("a")
    assert (canceled.state, canceled.finished_at) == (JobState.CANCELED, job.created_at)
    assert canceled.error == {"code": "canceled", "message": "The job was canceled.", "retryable": True}
    assert [(task.state, task.due_at) for task in await see_tasks(services, job.id)] == [(TaskState.FAILED, None)]
    assert (told["type"], told["data"]["status"]) == ("job.canceled", "canceled")
    assert world.submits == []


async def test_a_submitted_job_is_canceled_and_not_asked_for_any_more(
    services: Services, world: World, consumer: ConsumerId, clock: Clock
) -> None:
    job, _ = await submitted(services, consumer)

    await cancel(services, job.id, consumer_id=consumer)
    clock.advance(seconds=7200)
    await run_until_idle(services)

    assert (await see(services, job.id)).state is JobState.CANCELED
    assert world.questions == []


async def test_a_job_that_is_being_stored_can_be_canceled(
    services: Services, world: World, consumer: ConsumerId, clock: Clock
) -> None:
    job, task = await submitted(services, consumer)
    result = world.result("heron.png")
    world.media["heron.png"] = Response(status_code=503)
    await call_back(services, task, result)
    await run_until_idle(services)
    storing = await see(services, job.id)

    await cancel(services, job.id, consumer_id=consumer)
    clock.advance(seconds=3600)
    await run_until_idle(services)

    assert storing.state is JobState.STORING
    assert (await see(services, job.id)).state is JobState.CANCELED
    assert world.fetched == ["heron.png"]


async def test_canceling_twice_is_canceling_once(services: Services, world: World, consumer: ConsumerId) -> None:
    await listen(services, consumer, f"{world.url}/hook/a")
    job, _ = await submitted(services, consumer)

    first = await cancel(services, job.id, consumer_id=consumer)
    second = await cancel(services, job.id, consumer_id=consumer)
    await run_until_idle(services)

    assert first == second
    assert len(world.told("a")) == 1


async def test_a_job_that_has_ended_cannot_be_canceled(services: Services, consumer: ConsumerId) -> None:
    job = await _failed(services, consumer)

    with pytest.raises(Conflict, match="failed"):
        await cancel(services, job.id, consumer_id=consumer)


@pytest.mark.parametrize("verb", [cancel, retry])
async def test_somebody_elses_job_is_not_there(
    services: Services, consumer: ConsumerId, make_consumer: Callable[[str], Any], verb: Any
) -> None:
    job = await _failed(services, consumer)

    with pytest.raises(NotFound):
        await verb(services, job.id, consumer_id=await make_consumer("stranger"))

    assert await see(services, job.id) == job


async def test_a_failed_job_is_submitted_again_as_a_new_task(
    services: Services, world: World, consumer: ConsumerId, clock: Clock
) -> None:
    await listen(services, consumer, f"{world.url}/hook/a")
    job = await _failed(services, consumer, deadline=timedelta(minutes=10))
    clock.advance(seconds=3600)

    retried = await retry(services, job.id, consumer_id=consumer)
    await run_until_idle(services)
    old, new = await see_tasks(services, job.id)
    await call_back(services, new, world.result("heron.png", task_id=new.upstream_task_id or ""))
    await run_until_idle(services)

    assert (retried.state, retried.error, retried.finished_at) == (JobState.QUEUED, None, None)
    assert retried.deadline_at == clock() + timedelta(minutes=10) == new.deadline_at
    assert [submit["trace_id"] for submit in world.submits] == [old.id, new.id]
    assert (await see(services, job.id)).state is JobState.SUCCEEDED
    assert len(await see_assets(services, job.id)) == 1
    assert [told["type"] for told in world.told("a")] == ["job.failed", "job.succeeded"]
    assert world.told("a")[0]["data"]["revision"] < world.told("a")[1]["data"]["revision"]


async def test_every_retry_has_as_long_as_the_first_try(services: Services, consumer: ConsumerId, clock: Clock) -> None:
    job = await _failed(services, consumer, deadline=timedelta(minutes=10))
    for _ in range(3):
        clock.advance(seconds=86_400)
        await retry(services, job.id, consumer_id=consumer)
        await run_until_idle(services)
        await call_back(services, (await see_tasks(services, job.id))[-1], FAILURE)
        await run_until_idle(services)

    job = await see(services, job.id)
    assert job.state is JobState.FAILED
    assert job.deadline_at - clock() == timedelta(minutes=10)


async def test_a_canceled_job_can_be_retried_and_what_its_old_task_brings_is_late(
    services: Services, world: World, consumer: ConsumerId
) -> None:
    job, old = await submitted(services, consumer)
    await cancel(services, job.id, consumer_id=consumer)
    await retry(services, job.id, consumer_id=consumer)
    await run_until_idle(services)

    await call_back(services, old, world.result("old.png", task_id="up-1"))
    await run_until_idle(services)

    assert (await see(services, job.id)).state is JobState.SUBMITTED
    assert await see_inbox(services, job.id) == ["late"]


async def test_an_expired_job_can_be_retried(
    services: Services, world: World, consumer: ConsumerId, clock: Clock
) -> None:
    job, _ = await submitted(services, consumer, deadline=timedelta(seconds=60))
    clock.advance(seconds=60)
    await run_until_idle(services)

    await retry(services, job.id, consumer_id=consumer)
    await run_until_idle(services)

    assert (await see(services, job.id)).state is JobState.SUBMITTED
    assert len(world.submits) == 2


async def test_a_job_whose_files_could_not_be_had_is_retried_with_a_full_measure_of_tries(
    services: Services, world: World, consumer: ConsumerId, clock: Clock
) -> None:
    job, task = await submitted(services, consumer)
    result = world.result("heron.png")
    del world.media["heron.png"]
    await call_back(services, task, result)
    for _ in range(5):
        await run_until_idle(services)
        clock.advance(seconds=60)
    failed = await see(services, job.id)

    await retry(services, job.id, consumer_id=consumer)
    await run_until_idle(services)
    second = (await see_tasks(services, job.id))[-1]
    await call_back(services, second, {"success": True, "task_id": "up-2", "data": [{"url": f"{world.url}/media/x"}]})
    await run_until_idle(services)
    waiting = await see(services, job.id)
    world.serve("x")
    clock.advance(seconds=60)
    await run_until_idle(services)

    assert failed.state is JobState.FAILED
    assert (waiting.state, waiting.collects) == (JobState.STORING, 1)
    assert (await see(services, job.id)).state is JobState.SUCCEEDED


@pytest.mark.parametrize("state", ["queued", "submitted", "succeeded"])
async def test_only_what_ended_badly_can_be_retried(
    services: Services, world: World, consumer: ConsumerId, state: str
) -> None:
    job = (await ask(services, consumer)).job
    if state != "queued":
        await run_until_idle(services)
    if state == "succeeded":
        await call_back(services, (await see_tasks(services, job.id))[0], world.result("heron.png"))
        await run_until_idle(services)

    with pytest.raises(Conflict, match=state):
        await retry(services, job.id, consumer_id=consumer)

    assert len(await see_tasks(services, job.id)) == 1
