"""Races: two want to move one job at the same time; one of them does, and the other hears of it as a value."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import text
from starlette.responses import Response

from orchestrator.domain.errors import Conflict
from orchestrator.domain.ids import ConsumerId
from orchestrator.domain.job import RESUBMIT, RESULT, JobState
from orchestrator.domain.task import COMPLETE, LOSE, TaskState
from orchestrator.lifecycle.accept import draft_task, insert_drafts
from orchestrator.lifecycle.cancel import cancel
from orchestrator.lifecycle.retry import retry
from orchestrator.lifecycle.services import Services
from orchestrator.lifecycle.settle import settle
from orchestrator.lifecycle.submit import submit
from orchestrator.storage.jobs import begin_storing, move_jobs
from orchestrator.storage.tasks import acknowledge_tasks, move_tasks
from tests.clock import Clock
from tests.fakes import World
from tests.lifecycle.acting import (
    FAILURE,
    another,
    ask,
    call_back,
    listen,
    see,
    see_inbox,
    see_tasks,
    submitted,
)
from tests.working import open_handoffs, run_until_idle


async def _blocked(services: Services, task: "asyncio.Task[object]") -> None:
    """Return once a transaction of PostgreSQL waits for another's lock; SQLite's writers take turns before that."""
    waiting = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
    async with asyncio.timeout(5):
        while not task.done() and not services.db.is_embedded:
            async with services.db.reading() as tx:
                if (await tx.execute(waiting)).scalar_one():
                    return
            await asyncio.wait({task}, timeout=0.005)


async def test_a_cancel_that_meets_a_settling_callback_waits_for_it_instead_of_deadlocking(
    services: Services, consumer: ConsumerId, clock: Clock
) -> None:
    """Whoever settles locks the task and then its job; a cancel that took them the other way round would be killed."""
    job, task = await submitted(services, consumer)

    async with services.db.writing() as settling:
        row = {
            "id": task.id,
            "upstream_task_id": None,
            "recovered_by": None,
            "last_error": None,
            "finished_at": clock(),
        }
        await move_tasks(settling, COMPLETE, [row])
        canceling = asyncio.create_task(cancel(services, job.id, consumer_id=consumer))
        await _blocked(services, canceling)
        moved = await begin_storing(settling, [{"id": job.id, "attempt": 0, "due_at": clock()}])
    await canceling

    assert [each.id for each in moved] == [job.id]
    assert (await see(services, job.id)).state is JobState.CANCELED


@pytest.mark.parametrize("first", ["cancel", "callback"])
async def test_a_cancel_and_a_callback_in_either_order_leave_one_fate(
    services: Services, world: World, consumer: ConsumerId, first: str
) -> None:
    await listen(services, consumer, f"{world.url}/hook/a")
    job, task = await submitted(services, consumer)

    if first == "cancel":
        await cancel(services, job.id, consumer_id=consumer)
    await call_back(services, task, FAILURE)
    await run_until_idle(services)
    if first == "callback":
        with pytest.raises(Conflict):
            await cancel(services, job.id, consumer_id=consumer)
    await run_until_idle(services)

    expected = {"cancel": (JobState.CANCELED, "late"), "callback": (JobState.FAILED, "settled")}
    (verdict,) = await see_inbox(services, job.id)
    (told,) = world.told("a")
    assert ((await see(services, job.id)).state, verdict) == expected[first]
    assert told["data"]["status"] == expected[first][0]


async def test_cancels_and_callbacks_at_once_at_two_processes_leave_each_job_one_fate_that_is_told_once(
    services: Services, world: World, consumer: ConsumerId
) -> None:
    await listen(services, consumer, f"{world.url}/hook/a")
    jobs = [(await ask(services, consumer)).job for _ in range(12)]
    await run_until_idle(services)
    tasks = [(await see_tasks(services, job.id))[0] for job in jobs]

    async with another(services) as other, asyncio.timeout(30):
        for task in tasks:
            await call_back(services, task, FAILURE)
        canceling = [cancel(other, job.id, consumer_id=consumer) for job in jobs]
        results = await asyncio.gather(run_until_idle(services), *canceling, return_exceptions=True)
        await run_until_idle(other)
        await run_until_idle(services)

    assert {type(result) for result in results[1:]} <= {Conflict, type(jobs[0])}
    told = sorted((each["data"]["id"], each["data"]["status"]) for each in world.told("a"))
    assert told == sorted([(job.id, str((await see(services, job.id)).state)) for job in jobs])


@pytest.mark.parametrize("first", ["deadline", "callback"])
async def test_a_deadline_and_a_callback_in_either_order_leave_one_fate(
    services: Services, world: World, consumer: ConsumerId, clock: Clock, first: str
) -> None:
    await listen(services, consumer, f"{world.url}/hook/a")
    job, task = await submitted(services, consumer, deadline=timedelta(seconds=60))

    clock.advance(seconds=60)
    if first == "deadline":
        await run_until_idle(services)
    await call_back(services, task, world.result("heron.png"))
    await run_until_idle(services)

    expected = {"deadline": (JobState.EXPIRED, "late"), "callback": (JobState.SUCCEEDED, "settled")}
    (verdict,) = await see_inbox(services, job.id)
    assert ((await see(services, job.id)).state, verdict) == expected[first]
    assert [told["data"]["status"] for told in world.told("a")] == [expected[first][0]]


async def test_a_job_that_was_decided_meanwhile_is_moved_by_nobody(
    services: Services, consumer: ConsumerId, clock: Clock
) -> None:
    job, task = await submitted(services, consumer)
    await call_back(services, task, FAILURE)
    await run_until_idle(services)

    async with services.db.writing() as tx:
        moved = await move_jobs(tx, RESULT, [{"id": job.id, "due_at": clock()}])

    assert moved == []


async def test_a_queued_task_of_a_canceled_job_is_never_sent(
    services: Services, world: World, consumer: ConsumerId, clock: Clock
) -> None:
    open_handoffs(services)
    job = (await ask(services, consumer)).job
    await cancel(services, job.id, consumer_id=consumer)

    await run_until_idle(services)
    clock.advance(seconds=3600)
    await run_until_idle(services)

    assert world.submits == []
    assert [task.state for task in await see_tasks(services, job.id)] == [TaskState.FAILED]


async def test_a_worker_that_lost_its_lease_does_not_send(
    services: Services, world: World, consumer: ConsumerId, clock: Clock
) -> None:
    open_handoffs(services)
    await ask(services, consumer)
    ((job, stale),) = await services.handoffs.submit.take(1)
    clock.advance(seconds=61)
    async with another(services) as other:
        await run_until_idle(other)

    await submit(services, job, stale)

    assert len(world.submits) == 1


async def test_a_task_left_over_from_before_a_retry_does_not_expire_the_retried_job(
    services: Services, world: World, consumer: ConsumerId, clock: Clock
) -> None:
    open_handoffs(services)
    await ask(services, consumer, deadline=timedelta(seconds=30))
    ((job, stale),) = await services.handoffs.submit.take(1)
    await cancel(services, job.id, consumer_id=consumer)
    clock.advance(seconds=31)
    await retry(services, job.id, consumer_id=consumer)

    await submit(services, job, stale)
    await run_until_idle(services)

    assert (await see(services, job.id)).state is JobState.SUBMITTED
    assert len(world.submits) == 1


async def test_two_retries_at_once_are_one_new_task(services: Services, world: World, consumer: ConsumerId) -> None:
    job, task = await submitted(services, consumer)
    await call_back(services, task, FAILURE)
    await run_until_idle(services)

    async with another(services) as other, asyncio.timeout(10):
        results = await asyncio.gather(
            *(retry(each, job.id, consumer_id=consumer) for each in (services, other)), return_exceptions=True
        )
    await run_until_idle(services)

    assert sorted(type(result).__name__ for result in results) == ["Conflict", "Job"]
    assert len(await see_tasks(services, job.id)) == len(world.submits) == 2


async def test_a_reply_that_two_have_settled_keeps_its_first_verdict(
    services: Services, world: World, consumer: ConsumerId
) -> None:
    await listen(services, consumer, f"{world.url}/hook/a")
    job, task = await submitted(services, consumer)
    await call_back(services, task, world.result("heron.png"))
    (reply,) = await services.handoffs.settle.take(1)

    await settle(services, [reply])
    await settle(services, [reply])
    await run_until_idle(services)

    assert await see_inbox(services, job.id) == ["settled"]
    assert (await see(services, job.id)).state is JobState.SUCCEEDED
    assert len(world.told("a")) == 1


async def test_a_callback_that_meets_the_loss_of_its_task_still_stops_the_new_one(
    services: Services, world: World, consumer: ConsumerId, clock: Clock
) -> None:
    """While a task is being given up as lost, its success arrives: it waits, and then sees the task in its place."""
    world.answers.append(Response(status_code=502))
    job, task = await submitted(services, consumer)
    await call_back(services, task, world.result("heron.png"))
    (reply,) = await services.handoffs.settle.take(1)

    async with services.db.writing() as losing:
        row = {"id": task.id, "attempt": task.attempt, "finished_at": clock(), "last_error": "It is not known."}
        await move_tasks(losing, LOSE, [row], fenced=True)
        settling = asyncio.create_task(settle(services, [reply]))
        await _blocked(services, settling)
        (queued,) = await move_jobs(losing, RESUBMIT, [{"id": job.id, "progress": None}])
        await insert_drafts(losing, [draft_task(services, queued)])
    await settling
    await run_until_idle(services)

    assert (await see(services, job.id)).state is JobState.SUCCEEDED
    assert [task.state for task in await see_tasks(services, job.id)] == [TaskState.SUCCEEDED, TaskState.FAILED]
    assert len(world.submits) == 1


async def test_a_foreign_callback_that_meets_the_answer_to_the_submit_is_found_out(
    services: Services, world: World, consumer: ConsumerId, clock: Clock
) -> None:
    """Whoever settles has read the task before its id was known; the statement that moves it sees the id."""
    world.answers.append(Response(status_code=502))
    job, task = await submitted(services, consumer)
    await call_back(services, task, world.result("foreign.png", task_id="up-77"))
    (reply,) = await services.handoffs.settle.take(1)

    async with services.db.writing() as answering:
        known = {"id": task.id, "upstream_task_id": "up-1", "due_at": clock() + timedelta(minutes=2)}
        await acknowledge_tasks(answering, [known])
        settling = asyncio.create_task(settle(services, [reply]))
        async with asyncio.timeout(5):
            while not any(batcher.is_busy for batcher in services._batchers.values()):
                await asyncio.wait({settling}, timeout=0.005)
        await _blocked(services, settling)
    await settling
    foreign = await see(services, job.id)
    await call_back(services, task, world.result("own.png", task_id="up-1"))
    await run_until_idle(services)

    assert foreign.state is JobState.SUBMITTED
    assert world.fetched == ["own.png"]
    assert (await see(services, job.id)).state is JobState.SUCCEEDED
