"""What must not be paid for twice, and what was paid for and must not be lost: each way in which it nearly happened."""

from datetime import timedelta

from starlette.responses import JSONResponse, Response

from orchestrator.domain.ids import ConsumerId
from orchestrator.domain.job import Job, JobState
from orchestrator.domain.task import Task, TaskState
from orchestrator.lifecycle.services import Services
from orchestrator.workers.chores import RECONCILE
from orchestrator.workers.stations import SETTLE
from orchestrator.workers.supervisor import work_off
from tests.clock import Clock
from tests.fakes import World
from tests.lifecycle.acting import FAILURE, ask, call_back, see, see_inbox, see_tasks, submitted
from tests.working import lose_memory, open_handoffs, run_until_idle

DONE = "2026-03-01T12:05:00Z"


async def lost_and_submitted_again(
    services: Services, world: World, consumer: ConsumerId, clock: Clock
) -> tuple[Job, Task, Task]:
    """A job whose first submit the provider does not know, and its second."""
    world.answers.append(Response(status_code=504))
    job, _ = await submitted(services, consumer)
    for _ in range(4):
        clock.advance(seconds=31)
        await run_until_idle(services)
    first, second = await see_tasks(services, job.id)
    assert (first.state, second.state) == (TaskState.LOST, TaskState.ACCEPTED)
    return job, first, second


async def test_the_failure_of_a_second_submit_does_not_fail_a_job_whose_result_is_being_stored(
    services: Services, world: World, consumer: ConsumerId, clock: Clock
) -> None:
    job, first, second = await lost_and_submitted_again(services, world, consumer, clock)

    await call_back(services, first, world.result("heron.png", task_id="up-late"))
    await work_off(services, stations=[SETTLE])
    await call_back(services, second, FAILURE)
    await run_until_idle(services)

    assert (await see(services, job.id)).state is JobState.SUCCEEDED
    assert await see_inbox(services, job.id) == ["settled", "late"]


async def test_nothing_is_submitted_again_while_its_result_lies_in_the_inbox(
    services: Services, world: World, consumer: ConsumerId, clock: Clock
) -> None:
    world.answers.append(Response(status_code=504))
    job, task = await submitted(services, consumer)
    clock.advance(seconds=6)
    await RECONCILE.run(services)
    open_handoffs(services)
    clock.advance(seconds=26)
    await call_back(services, task, world.result("heron.png", task_id="up-77"))
    lose_memory(services)  # the process that acknowledged it dies with it in hand

    for _ in range(3):
        clock.advance(seconds=7)
        await RECONCILE.run(services)
    clock.advance(seconds=61)
    await run_until_idle(services)

    assert len(world.submits) == 1
    assert (await see(services, job.id)).state is JobState.SUCCEEDED


async def test_no_job_expires_while_its_result_lies_in_the_inbox(
    services: Services, world: World, consumer: ConsumerId, clock: Clock
) -> None:
    job, task = await submitted(services, consumer, deadline=timedelta(seconds=100))
    open_handoffs(services)
    clock.advance(seconds=80)
    await call_back(services, task, world.result("heron.png"))
    lose_memory(services)

    clock.advance(seconds=21)
    await run_until_idle(services)
    clock.advance(seconds=61)
    await run_until_idle(services)

    assert (await see(services, job.id)).state is JobState.SUCCEEDED


async def test_records_that_know_our_trace_id_only_in_the_request_are_found_in_a_batch(
    services: Services, world: World, consumer: ConsumerId, clock: Clock
) -> None:
    world.answers += [Response(status_code=504), Response(status_code=504)]
    jobs = [(await ask(services, consumer)).job for _ in range(2)]
    await run_until_idle(services)
    for number, job in enumerate(jobs):
        (task,) = await see_tasks(services, job.id)
        result = world.result(f"{number}.png", task_id=f"rec-{number}")
        world.records[task.id] = {
            "id": f"rec-{number}",
            "request": {"trace_id": task.id},
            "finished_at": DONE,
            "response": result,
        }

    clock.advance(seconds=61)
    await run_until_idle(services)

    assert [(await see(services, job.id)).state for job in jobs] == [JobState.SUCCEEDED] * 2


async def test_of_two_records_of_one_task_the_good_one_is_settled(
    services: Services, world: World, consumer: ConsumerId, clock: Clock
) -> None:
    world.answers += [Response(status_code=504), Response(status_code=504)]
    job, task = await submitted(services, consumer)
    await submitted(services, consumer)
    good = {"id": "g", "trace_id": task.id, "finished_at": DONE, "response": world.result("a.png", task_id="g")}
    world.batch = [good, {"id": "b", "trace_id": task.id, "finished_at": DONE, "response": FAILURE}]

    clock.advance(seconds=61)
    await run_until_idle(services)

    assert (await see(services, job.id)).state is JobState.SUCCEEDED


async def test_a_record_under_another_name_than_the_submits_answer_is_still_ours(
    services: Services, world: World, consumer: ConsumerId, clock: Clock
) -> None:
    job, task = await submitted(services, consumer)
    response = world.result("heron.png", task_id="other-9")
    world.records["up-1"] = {"id": "other-9", "trace_id": task.id, "finished_at": DONE, "response": response}

    clock.advance(seconds=130)
    await run_until_idle(services)

    assert (await see(services, job.id)).state is JobState.SUCCEEDED


async def test_a_task_that_backs_off_after_its_job_was_decided_is_not_sent_again(
    services: Services, world: World, consumer: ConsumerId, clock: Clock
) -> None:
    world.answers.append(Response(status_code=504))
    world.answers.append(JSONResponse({"error": {"code": "too_many_requests", "message": "Slowly."}}, 429))
    job, first = await submitted(services, consumer)
    for _ in range(2):
        clock.advance(seconds=31)
        await RECONCILE.run(services)
    await run_until_idle(services)  # the second submit was answered 429, and waits in its queue
    await call_back(services, first, world.result("heron.png", task_id="up-late"))
    await run_until_idle(services)

    clock.advance(seconds=120)
    await run_until_idle(services)

    assert (await see(services, job.id)).state is JobState.SUCCEEDED
    assert len(world.submits) == 2
    assert all(task.state.is_final for task in await see_tasks(services, job.id))


async def test_progress_of_a_task_that_was_put_off_shows_that_the_provider_has_it_after_all(
    services: Services, world: World, consumer: ConsumerId, clock: Clock
) -> None:
    world.answers.append(JSONResponse({"error": {"code": "too_many_requests", "message": "Slowly."}}, 429))
    job, task = await submitted(services, consumer)

    await call_back(services, task, {"success": True, "task_id": "up-9", "progress": 10})
    await run_until_idle(services)
    clock.advance(seconds=90)
    await run_until_idle(services)

    assert len(world.submits) == 1
    seen = await see(services, job.id)
    assert (seen.state, seen.submitted_at is not None) == (JobState.PROCESSING, True)


async def test_a_provider_that_never_knows_its_tasks_is_given_up_before_it_is_paid_for_ever(
    services: Services, world: World, consumer: ConsumerId, clock: Clock
) -> None:
    world.answers += [Response(status_code=504)] * 50
    job, _ = await submitted(services, consumer)

    for _ in range(30):
        clock.advance(seconds=31)
        await run_until_idle(services)

    assert len(world.submits) == services.policy.max_submits
    seen = await see(services, job.id)
    assert (seen.state, (seen.error or {})["code"]) == (JobState.FAILED, "submit_unknown")
