"""Watch: whoever waits for a job wakes when it changes, wherever it was changed."""

import asyncio

import pytest

from orchestrator.domain.ids import ConsumerId
from orchestrator.lifecycle.cancel import cancel
from orchestrator.lifecycle.retry import retry
from orchestrator.lifecycle.services import Services
from orchestrator.workers.chores import WATCH
from tests.fakes import World
from tests.lifecycle.acting import another, ask, call_back, see, submitted
from tests.working import run_until_idle


@pytest.mark.parametrize("verb", ["submit", "callback", "progress", "cancel", "retry"])
async def test_a_waiter_wakes_on_each_change_that_this_process_makes(
    services: Services, world: World, consumer: ConsumerId, verb: str
) -> None:
    job = (await ask(services, consumer)).job
    if verb != "submit":
        await run_until_idle(services)
    if verb == "retry":
        await cancel(services, job.id, consumer_id=consumer)
    job = await see(services, job.id)
    change = services.watch.begin(job.id, job.revision)

    match verb:
        case "callback":
            await call_back(services, world.submits[0]["trace_id"], world.result("a.png"))
        case "progress":
            await call_back(services, world.submits[0]["trace_id"], {"progress": 3})
        case "cancel":
            await cancel(services, job.id, consumer_id=consumer)
        case "retry":
            await retry(services, job.id, consumer_id=consumer)
    if verb not in {"cancel", "retry"}:
        await run_until_idle(services)

    async with asyncio.timeout(10):
        await change
    assert (await see(services, job.id)).revision > job.revision


async def test_a_waiter_wakes_on_a_change_that_another_process_made(services: Services, consumer: ConsumerId) -> None:
    job, _ = await submitted(services, consumer)
    other_job, _ = await submitted(services, consumer)
    change = services.watch.begin(job.id, job.revision)
    unchanged = services.watch.begin(other_job.id, other_job.revision)

    async with another(services) as other:
        await cancel(other, job.id, consumer_id=consumer)
    asleep = change.done()
    await WATCH.run(services)

    assert not asleep
    assert change.done()
    assert not unchanged.done()


async def test_a_change_that_was_seen_already_wakes_nobody(services: Services, consumer: ConsumerId) -> None:
    job, _ = await submitted(services, consumer)
    change = services.watch.begin(job.id, job.revision)

    await services.watch.look(services.db)

    assert not change.done()
    assert not await services.watch.wait(change, seconds=0)


async def test_where_nobody_waits_nobody_looks(services: Services, consumer: ConsumerId) -> None:
    job, _ = await submitted(services, consumer)
    change = services.watch.begin(job.id, job.revision)
    services.watch.end(job.id, change)
    before = services.db.statements

    await services.watch.look(services.db)
    services.watch.changed([job.id])

    assert services.db.statements == before
    assert services.watch._waiting == {}
    assert not change.done()


async def test_who_stops_waiting_takes_nobody_else_along(services: Services, consumer: ConsumerId) -> None:
    job, _ = await submitted(services, consumer)
    first, second = (services.watch.begin(job.id, job.revision) for _ in range(2))
    services.watch.end(job.id, first)

    await cancel(services, job.id, consumer_id=consumer)

    assert not first.done()
    assert await services.watch.wait(second, seconds=10)
