"""Reconcile: the provider is asked, and what it says is weighed before anything is paid for twice."""

from datetime import timedelta

import pytest
from starlette.responses import Response

from orchestrator.domain.ids import ConsumerId
from orchestrator.domain.job import JobState
from orchestrator.domain.policy import Resubmit
from orchestrator.domain.task import RecoveredBy, TaskState
from orchestrator.lifecycle.reconcile import reconcile
from orchestrator.lifecycle.services import Services
from orchestrator.storage.tasks import lease_to_reconcile
from tests.clock import Clock
from tests.fakes import World
from tests.lifecycle.acting import call_back, change, finished, in_doubt, listen, see, see_inbox, see_tasks
from tests.working import run_until_idle


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


async def test_a_single_denial_proves_nothing_however_late(
    services: Services, world: World, consumer: ConsumerId, clock: Clock
) -> None:
    job, _ = await in_doubt(services, world, consumer)

    clock.advance(seconds=300)
    await run_until_idle(services)

    (task,) = await see_tasks(services, job.id)
    assert (task.state, task.absences) == (TaskState.UNKNOWN, 1)
    assert len(world.submits) == 1


async def test_an_asker_that_lost_its_lease_gives_nothing_up_as_lost(
    services: Services, world: World, consumer: ConsumerId, clock: Clock
) -> None:
    job, _ = await in_doubt(services, world, consumer)
    clock.advance(seconds=5)
    await run_until_idle(services)
    leases = []
    for _ in range(2):
        clock.advance(seconds=61)
        async with services.db.writing() as tx:
            until = clock() + timedelta(seconds=60)
            leases.append(await lease_to_reconcile(tx, now=clock(), until=until, limit=9))
    stale, fresh = leases

    await reconcile(services, stale)
    untouched = await see_tasks(services, job.id)
    await reconcile(services, fresh)

    assert untouched == fresh
    assert [task.state for task in await see_tasks(services, job.id)] == [TaskState.LOST, TaskState.QUEUED]
