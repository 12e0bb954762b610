"""News of progress: shown while it leads ahead, and nothing else."""

from orchestrator.domain.ids import ConsumerId
from orchestrator.domain.job import JobState
from orchestrator.lifecycle.services import Services
from tests.fakes import World
from tests.lifecycle.acting import (
    FAILURE,
    call_back,
    progress,
    see,
    see_inbox,
    submitted,
)
from tests.working import run_until_idle


async def test_progress_after_the_end_is_late(services: Services, consumer: ConsumerId) -> None:
    job, task = await submitted(services, consumer)
    await call_back(services, task, FAILURE)
    await run_until_idle(services)
    ended = await see(services, job.id)

    await call_back(services, task, progress(99))
    await run_until_idle(services)

    assert await see(services, job.id) == ended
    assert await see_inbox(services, job.id) == ["settled", "late"]


async def test_progress_is_shown(services: Services, consumer: ConsumerId) -> None:
    job, task = await submitted(services, consumer)

    await call_back(services, task, progress("15%"))
    await run_until_idle(services)
    first = await see(services, job.id)
    await call_back(services, task, progress(62))
    await run_until_idle(services)
    second = await see(services, job.id)

    assert (first.state, first.progress, first.revision) == (JobState.PROCESSING, 15, job.revision + 1)
    assert (second.state, second.progress, second.revision) == (JobState.PROCESSING, 62, job.revision + 2)
    assert await see_inbox(services, job.id) == ["progress", "progress"]


async def test_progress_out_of_order_never_leads_backwards(services: Services, consumer: ConsumerId) -> None:
    job, task = await submitted(services, consumer)

    for percent in (62, 15, 62):
        await call_back(services, task, progress(percent, note=f"{percent} again"))
        await call_back(services, task, progress(percent, note=f"{percent} once more"))
        await run_until_idle(services)

    after = await see(services, job.id)
    assert (after.progress, after.revision) == (62, job.revision + 1)


async def test_progress_without_a_number_changes_nothing_that_is_seen(services: Services, consumer: ConsumerId) -> None:
    job, task = await submitted(services, consumer)

    await call_back(services, task, {"task_id": "up-1", "status": "processing"})
    await run_until_idle(services)

    assert await see(services, job.id) == job
    assert await see_inbox(services, job.id) == ["progress"]


async def test_progress_and_the_result_in_one_batch_are_both_settled(
    services: Services, world: World, consumer: ConsumerId
) -> None:
    job, task = await submitted(services, consumer)

    await call_back(services, task, progress(15))
    await call_back(services, task, world.result("heron.png"))
    await call_back(services, task, progress(62))
    await run_until_idle(services)

    assert (await see(services, job.id)).state is JobState.SUCCEEDED
    assert "settled" in await see_inbox(services, job.id)
