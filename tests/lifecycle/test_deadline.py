"""Overdue callbacks and deadlines: when the provider is asked, and when it is over."""

from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from orchestrator.domain.ids import ConsumerId
from orchestrator.domain.job import JobState
from orchestrator.domain.task import TaskState
from orchestrator.lifecycle.reconcile import reconcile
from orchestrator.lifecycle.services import Services
from orchestrator.storage.tasks import lease_to_reconcile
from tests.clock import Clock
from tests.fakes import CrampedStore, World
from tests.lifecycle.acting import (
    FAILURE,
    ask,
    call_back,
    finished,
    in_doubt,
    listen,
    move_store,
    see,
    see_inbox,
    see_tasks,
    submitted,
)
from tests.working import run_until_idle


async def test_an_accepted_task_that_the_provider_forgets_is_never_submitted_again(
    services: Services, world: World, consumer: ConsumerId, clock: Clock
) -> None:
    job, _ = await submitted(services, consumer)
    for _ in range(20):
        clock.advance(seconds=60)
        await run_until_idle(services)

    (task,) = await see_tasks(services, job.id)
    assert (task.state, task.asks) == (TaskState.ACCEPTED, len(world.questions))
    assert len(world.questions) > 2
    assert len(world.submits) == 1


async def test_several_overdue_tasks_are_asked_for_with_one_question(
    services: Services, world: World, consumer: ConsumerId, clock: Clock
) -> None:
    jobs = [(await ask(services, consumer)).job for _ in range(3)]
    await run_until_idle(services)
    world.records |= {
        "up-1": {"id": "up-1"},
        "up-2": finished(world, "two.png", task_id="up-2"),
        "up-3": {"id": "up-3"},
    }

    clock.advance(seconds=119)
    await run_until_idle(services)
    too_early = len(world.questions)
    clock.advance(seconds=1)
    await run_until_idle(services)

    (question,) = world.questions
    assert too_early == 0
    assert question["action"] == "retrieve_batch"
    assert sorted(question["ids"]) == ["up-1", "up-2", "up-3"]
    states = [(await see(services, job.id)).state for job in jobs]
    assert states == [JobState.SUBMITTED, JobState.SUCCEEDED, JobState.SUBMITTED]


async def test_questions_come_at_growing_intervals(
    services: Services, world: World, consumer: ConsumerId, clock: Clock
) -> None:
    job, _ = await submitted(services, consumer)
    world.records["up-1"] = {"id": "up-1"}
    asked_at = []
    for _ in range(8):
        (task,) = await see_tasks(services, job.id)
        assert task.due_at is not None
        clock.now = task.due_at
        asked_at.append(task.due_at)
        await run_until_idle(services)

    waits = [(later - earlier).total_seconds() for earlier, later in pairwise(asked_at)]
    assert waits[:3] == [5, 7.5, 11.25]
    assert waits == sorted(waits)
    assert len(world.questions) == 8


async def test_at_the_deadline_the_provider_is_asked_a_last_time(
    services: Services, world: World, consumer: ConsumerId, clock: Clock
) -> None:
    job, _ = await submitted(services, consumer)
    world.records["up-1"] = finished(world, "just-in-time.png")

    clock.now = job.deadline_at
    await run_until_idle(services)

    assert (await see(services, job.id)).state is JobState.SUCCEEDED


async def test_a_job_expires_at_its_deadline_and_what_comes_later_is_kept_and_changes_nothing(
    services: Services, world: World, consumer: ConsumerId, clock: Clock
) -> None:
    await listen(services, consumer, f"{world.url}/hook/a")
    job, task = await submitted(services, consumer, deadline=timedelta(seconds=60))

    clock.advance(seconds=59)
    await run_until_idle(services)
    before = await see(services, job.id)
    clock.advance(seconds=1)
    await run_until_idle(services)
    expired = await see(services, job.id)
    asked = len(world.questions)
    await call_back(services, task, world.result("too-late.png"))
    clock.advance(seconds=7200)
    await run_until_idle(services)

    assert before.state is JobState.SUBMITTED
    assert (expired.state, expired.error and expired.error["code"]) == (JobState.EXPIRED, "expired")
    assert (asked, len(world.questions)) == (1, 1)
    assert await see(services, job.id) == expired
    assert await see_inbox(services, job.id) == ["late"]
    assert world.fetched == []
    assert [told["type"] for told in world.told("a")] == ["job.expired"]


async def test_a_task_whose_job_was_decided_without_it_is_asked_for_until_its_deadline_and_no_longer(
    services: Services, world: World, consumer: ConsumerId, clock: Clock
) -> None:
    job, lost = await in_doubt(services, world, consumer)
    for seconds in (5, 25):
        clock.advance(seconds=seconds)
        await run_until_idle(services)
    await call_back(services, lost, world.result("heron.png", task_id="up-lost"))
    await run_until_idle(services)

    clock.now = job.deadline_at
    await run_until_idle(services)
    asked = len(world.questions)
    clock.advance(seconds=3600)
    await run_until_idle(services)

    assert (await see(services, job.id)).state is JobState.SUCCEEDED
    assert [task.state for task in await see_tasks(services, job.id)] == [TaskState.SUCCEEDED, TaskState.FAILED]
    assert len(world.questions) == asked


async def test_a_record_that_cannot_be_kept_now_does_not_hold_up_the_others(
    services: Services, world: World, consumer: ConsumerId, clock: Clock, tmp_path: Path
) -> None:
    store = CrampedStore(tmp_path / "cramped")
    move_store(services, store)
    jobs = [(await ask(services, consumer)).job for _ in range(3)]
    await run_until_idle(services)
    for n in (1, 2, 3):
        world.records[f"up-{n}"] = {"id": f"up-{n}", "finished_at": 1770000300, "response": FAILURE}
    world.records["up-1"]["request"] = {"prompt": "x" * 300_000}

    store.is_full = True
    clock.advance(seconds=120)
    await run_until_idle(services)
    meanwhile = [(await see(services, job.id)).state for job in jobs]
    store.is_full = False
    clock.advance(seconds=61)
    await run_until_idle(services)

    assert meanwhile == [JobState.SUBMITTED, JobState.FAILED, JobState.FAILED]
    assert (await see(services, jobs[0].id)).state is JobState.FAILED


async def test_an_asker_that_lost_its_lease_notes_nothing(
    services: Services, world: World, consumer: ConsumerId, clock: Clock
) -> None:
    job, _ = await submitted(services, consumer)
    world.records["up-1"] = {"id": "up-1"}
    leases = []
    for _ in range(2):
        clock.advance(seconds=120)
        async with services.db.writing() as tx:
            until = clock() + timedelta(seconds=60)
            leases.append(await lease_to_reconcile(tx, now=clock(), until=until, limit=9))
    stale, fresh = leases

    await reconcile(services, stale)
    untouched = (await see_tasks(services, job.id))[0]
    await reconcile(services, fresh)

    (task,) = await see_tasks(services, job.id)
    assert untouched == fresh[0]
    assert (task.asks, task.due_at) == (1, clock() + timedelta(seconds=5))


async def test_a_task_that_was_decided_while_it_was_asked_for_stays_decided(
    services: Services, world: World, consumer: ConsumerId, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    job, task = await submitted(services, consumer)
    world.records["up-1"] = {"id": "up-1"}
    clock.advance(seconds=120)
    async with services.db.writing() as tx:
        leased = await lease_to_reconcile(tx, now=clock(), until=clock() + timedelta(seconds=60), limit=9)
    await call_back(services, task, FAILURE)
    await run_until_idle(services)
    (decided,) = await see_tasks(services, job.id)

    await reconcile(services, leased)

    assert (await see_tasks(services, job.id)) == [decided]
    assert "unasked" not in caplog.text


async def test_an_asker_that_lost_its_lease_does_not_end_the_job_at_its_deadline(
    services: Services, world: World, consumer: ConsumerId, clock: Clock
) -> None:
    job, _ = await submitted(services, consumer)
    world.records["up-1"] = {"id": "up-1"}
    clock.now = job.deadline_at
    leases = []
    for _ in range(2):
        async with services.db.writing() as tx:
            until = clock() + timedelta(seconds=60)
            leases.append(await lease_to_reconcile(tx, now=clock(), until=until, limit=9))
        clock.advance(seconds=60)
    stale, fresh = leases

    await reconcile(services, stale)
    untouched = await see(services, job.id)
    world.records["up-1"] = finished(world, "just-in-time.png")
    await reconcile(services, fresh)
    await run_until_idle(services)

    assert untouched == job
    assert (await see(services, job.id)).state is JobState.SUCCEEDED
