"""Reconcile: the provider is asked, and what it says is weighed before anything is paid for twice."""

from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from starlette.responses import Response

from orchestrator.domain.ids import ConsumerId
from orchestrator.domain.job import Job, JobState
from orchestrator.domain.policy import Resubmit
from orchestrator.domain.task import RecoveredBy, Task, TaskState
from orchestrator.lifecycle.reconcile import reconcile
from orchestrator.lifecycle.services import Services
from orchestrator.storage.tasks import lease_to_reconcile
from tests.clock import Clock
from tests.fakes import CrampedStore, World
from tests.lifecycle.acting import FAILURE, ask, call_back, change, listen, see, see_inbox, see_tasks, submitted
from tests.working import run_until_idle


async def in_doubt(services: Services, world: World, consumer: ConsumerId) -> tuple[Job, Task]:
    """A job whose submit may or may not have happened."""
    world.answers.append(Response(status_code=502))
    return await submitted(services, consumer)


def finished(world: World, *names: str, task_id: str = "up-1") -> dict[str, Any]:
    """The record of a task that has its result."""
    return {"id": task_id, "finished_at": 1770000300.5, "response": world.result(*names, task_id=task_id)}


async def test_a_task_in_doubt_that_the_provider_is_working_on_goes_on_as_accepted(
    services: Services, world: World, consumer: ConsumerId, clock: Clock
) -> None:
    job, task = await in_doubt(services, world, consumer)
    world.records[task.id] = {"id": "up-9", "trace_id": task.id, "created_at": 1770000000}

    clock.advance(seconds=5)
    await run_until_idle(services)

    (task,) = await see_tasks(services, job.id)
    assert world.questions == [{"action": "retrieve", "trace_id": task.id}]
    assert (task.state, task.upstream_task_id) == (TaskState.ACCEPTED, "up-9")
    assert len(world.submits) == 1


async def test_a_task_in_doubt_that_is_done_already_is_settled_by_the_question(
    services: Services, world: World, consumer: ConsumerId, clock: Clock
) -> None:
    await listen(services, consumer, f"{world.url}/hook/a")
    job, task = await in_doubt(services, world, consumer)
    world.records[task.id] = finished(world, "heron.png", task_id="up-9")

    clock.advance(seconds=5)
    await run_until_idle(services)

    (task,) = await see_tasks(services, job.id)
    (told,) = world.told("a")
    assert (await see(services, job.id)).state is JobState.SUCCEEDED
    assert (task.state, task.upstream_task_id, task.recovered_by) == (TaskState.SUCCEEDED, "up-9", RecoveredBy.POLL)
    assert told["data"]["tasks"][0]["recovered_by"] == "poll"
    assert len(world.submits) == 1


async def test_a_task_that_the_provider_twice_does_not_know_is_lost_and_submitted_anew(
    services: Services, world: World, consumer: ConsumerId, clock: Clock
) -> None:
    job, first = await in_doubt(services, world, consumer)
    states = []
    for seconds in (5, 24, 1):
        clock.advance(seconds=seconds)
        await run_until_idle(services)
        states.append([task.state for task in await see_tasks(services, job.id)])

    lost, second = await see_tasks(services, job.id)
    job = await see(services, job.id)
    assert states == [[TaskState.UNKNOWN], [TaskState.UNKNOWN], [TaskState.LOST, TaskState.ACCEPTED]]
    assert (lost.id, lost.due_at) == (first.id, None)
    assert len(world.questions) == 2
    assert [submit["trace_id"] for submit in world.submits] == [first.id, second.id]
    assert (job.state, second.deadline_at) == (JobState.SUBMITTED, first.deadline_at)


async def test_a_lost_task_that_succeeds_after_all_is_good_news(
    services: Services, world: World, consumer: ConsumerId, clock: Clock
) -> None:
    await listen(services, consumer, f"{world.url}/hook/a")
    job, lost = await in_doubt(services, world, consumer)
    for seconds in (5, 25):
        clock.advance(seconds=seconds)
        await run_until_idle(services)
    second = (await see_tasks(services, job.id))[1]

    await call_back(services, lost, world.result("early.png", task_id="up-lost"))
    await run_until_idle(services)
    await call_back(services, second, world.result("late.png", task_id=second.upstream_task_id or ""))
    await run_until_idle(services)

    assert (await see(services, job.id)).state is JobState.SUCCEEDED
    assert await see_inbox(services, job.id) == ["settled", "late"]
    assert world.fetched == ["early.png"]
    assert len(world.told("a")) == 1


async def test_the_failure_of_a_lost_task_is_of_no_consequence(
    services: Services, world: World, consumer: ConsumerId, clock: Clock
) -> None:
    job, lost = await in_doubt(services, world, consumer)
    for seconds in (5, 25):
        clock.advance(seconds=seconds)
        await run_until_idle(services)

    await call_back(services, lost, {"success": False, "error": {"code": "timeout", "message": "Too slow."}})
    await run_until_idle(services)

    assert (await see(services, job.id)).state is JobState.SUBMITTED
    assert await see_inbox(services, job.id) == ["late"]


async def test_a_new_task_that_waits_its_turn_is_not_sent_once_the_lost_one_has_won(
    services: Services, world: World, consumer: ConsumerId, clock: Clock
) -> None:
    job, lost = await in_doubt(services, world, consumer)
    world.answers.append(Response(status_code=429))
    for seconds in (5, 25):
        clock.advance(seconds=seconds)
        await run_until_idle(services)
    waiting = (await see_tasks(services, job.id))[1]

    await call_back(services, lost, world.result("heron.png", task_id="up-lost"))
    await run_until_idle(services)
    clock.advance(seconds=600)
    await run_until_idle(services)

    assert waiting.state is TaskState.QUEUED
    assert (await see(services, job.id)).state is JobState.SUCCEEDED
    assert [task.state for task in await see_tasks(services, job.id)] == [TaskState.SUCCEEDED, TaskState.FAILED]
    assert len(world.submits) == 2


async def test_where_the_policy_forbids_to_submit_again_the_job_fails_and_says_why(
    services: Services, world: World, consumer: ConsumerId, clock: Clock
) -> None:
    await listen(services, consumer, f"{world.url}/hook/a")
    change(services, resubmit=Resubmit.NEVER)
    job, _ = await in_doubt(services, world, consumer)
    for seconds in (5, 25):
        clock.advance(seconds=seconds)
        await run_until_idle(services)

    job = await see(services, job.id)
    assert job.state is JobState.FAILED
    assert job.error is not None
    assert job.error["code"] == "submit_unknown"
    assert [task.state for task in await see_tasks(services, job.id)] == [TaskState.LOST]
    assert [told["type"] for told in world.told("a")] == ["job.failed"]
    assert len(world.submits) == 1


async def test_two_denials_soon_after_the_send_prove_nothing(
    services: Services, world: World, consumer: ConsumerId, clock: Clock
) -> None:
    job, _ = await in_doubt(services, world, consumer)
    for seconds in (5, 5, 5):
        clock.advance(seconds=seconds)
        async with services.db.writing() as tx:
            long_after = clock() + timedelta(hours=1)
            tasks = await lease_to_reconcile(tx, now=long_after, until=long_after + timedelta(minutes=1), limit=9)
        await reconcile(services, tasks)

    (task,) = await see_tasks(services, job.id)
    assert (task.state, task.absences, task.asks) == (TaskState.UNKNOWN, 3, 3)
    assert len(world.submits) == 1


@pytest.mark.parametrize("status", [401, 404, 429, 500, 503])
async def test_a_provider_that_cannot_be_asked_has_not_denied_anything(
    services: Services, world: World, consumer: ConsumerId, clock: Clock, status: int
) -> None:
    job, _ = await in_doubt(services, world, consumer)
    world.evasion = Response("no", status)
    for _ in range(5):
        clock.advance(seconds=60)
        await run_until_idle(services)

    (task,) = await see_tasks(services, job.id)
    assert (task.state, task.absences) == (TaskState.UNKNOWN, 0)
    assert len(world.questions) > 2
    assert len(world.submits) == 1


async def test_an_accepted_task_that_the_provider_forgets_is_never_submitted_again(
    services: Services, world: World, consumer: ConsumerId, clock: Clock
) -> None:
    job, _ = await submitted(services, consumer)
    for _ in range(20):
        clock.advance(seconds=60)
        await run_until_idle(services)

    assert [task.state for task in await see_tasks(services, job.id)] == [TaskState.ACCEPTED]
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
    services.blobs = store
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
