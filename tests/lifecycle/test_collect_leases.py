"""Who may end a job whose files are being fetched, and for how long."""

import asyncio
from typing import Any

from starlette.responses import Response

from orchestrator.blobs.base import blob_key
from orchestrator.domain.ids import ConsumerId
from orchestrator.domain.job import JobState
from orchestrator.lifecycle.cancel import cancel
from orchestrator.lifecycle.services import Services
from orchestrator.workers.chores import RENEW
from orchestrator.workers.stations import COLLECT, SETTLE
from orchestrator.workers.supervisor import work_off
from tests.clock import Clock
from tests.fakes import CrampedStore, World, png
from tests.lifecycle.acting import (
    another,
    call_back,
    listen,
    move_store,
    received,
    see,
    see_assets,
    submitted,
    wait_out,
)
from tests.working import open_handoffs, run_until_idle


async def test_a_lease_is_held_for_as_long_as_a_slow_download_takes(
    services: Services, world: World, consumer: ConsumerId, clock: Clock
) -> None:
    async def slow(_: dict[str, Any]) -> Response:
        await world.hang.wait()
        return Response(png(), media_type="image/png")

    link = world.serve("a.png")
    world.media["a.png"] = slow
    job, task = await submitted(services, consumer)
    await call_back(services, task, {"success": True, "task_id": "up-1", "data": [{"url": link}]})
    working = asyncio.create_task(run_until_idle(services))
    await world.until(lambda world: world.fetched)

    async with another(services) as other, asyncio.timeout(10):
        for _ in range(4):
            clock.advance(seconds=40)
            await RENEW.run(services)
            assert await work_off(other, stations=[COLLECT]) == 0
        world.hang.set()
        await working

    after = await see(services, job.id)
    assert (after.state, after.collects) == (JobState.SUCCEEDED, 1)
    assert world.fetched == ["a.png"]
    assert services.collecting == {}


async def test_a_worker_that_lost_its_lease_cannot_finish_the_job(
    services: Services, world: World, consumer: ConsumerId, clock: Clock
) -> None:
    await listen(services, consumer, f"{world.url}/hook/a")
    job, task = await submitted(services, consumer)
    open_handoffs(services)
    await call_back(services, task, world.result("a.png"))
    await work_off(services, stations=[SETTLE])
    (stale,) = await services.handoffs.collect.take(1)
    clock.advance(seconds=61)
    async with another(services) as other:
        (fresh,) = await COLLECT.lease(other, 9)
        await COLLECT.work(services, [stale])
        between = await see(services, job.id)
        # What the first has stored is not announced, and its renewal and its failure count for nothing either.
        clock.advance(seconds=1)
        services.collecting[job.id, stale.job.attempt] = stale.job
        await RENEW.run(services)
        unmoved = await see(services, job.id)
        await COLLECT.work(other, [fresh])
        await run_until_idle(other)

    assert (stale.job.attempt, fresh.job.attempt) == (1, 2)
    assert (between.state, unmoved) == (JobState.STORING, between)
    assert (await see(services, job.id)).state is JobState.SUCCEEDED
    assert len(world.told("a")) == 1


async def test_a_worker_that_lost_its_lease_cannot_fail_the_job(
    services: Services, world: World, consumer: ConsumerId, clock: Clock
) -> None:
    job, task = await submitted(services, consumer)
    open_handoffs(services)
    await call_back(services, task, {"success": True, "task_id": "up-1", "data": [{"url": "http://10.0.0.1/a.png"}]})
    await work_off(services, stations=[SETTLE])
    (stale,) = await services.handoffs.collect.take(1)
    clock.advance(seconds=61)
    async with another(services) as other:
        await COLLECT.lease(other, 9)

    await COLLECT.work(services, [stale])

    assert (await see(services, job.id)).state is JobState.STORING


async def test_a_full_disk_is_waited_out_with_patience_and_nothing_is_half_stored(
    services: Services, world: World, consumer: ConsumerId, clock: Clock, tmp_path: Any
) -> None:
    await listen(services, consumer, f"{world.url}/hook/a")
    store = CrampedStore(tmp_path / "cramped")
    move_store(services, store)
    store.is_full = True
    job = await received(services, consumer, world.serve("a.png"), world.serve("b.png", png("navy")))
    for _ in range(20):
        assert job.due_at is not None
        clock.now = job.due_at
        await run_until_idle(services)
        job = await see(services, job.id)
    left = [path for path in (tmp_path / "cramped").rglob("*") if path.is_file()]
    store.is_full = False

    after = await wait_out(services, clock, job)

    assert (job.state, job.collects, left) == (JobState.STORING, 21, [])
    assert after.state is JobState.SUCCEEDED
    assets = await see_assets(services, job.id)
    assert [await store.read(blob_key(asset.sha256 or "")) for asset in assets] == [png(), png("navy")]
    assert [told["type"] for told in world.told("a")] == ["job.succeeded"]


async def test_a_job_that_was_canceled_while_its_files_were_fetched_is_held_no_longer(
    services: Services, world: World, consumer: ConsumerId
) -> None:
    job, task = await submitted(services, consumer)
    open_handoffs(services)
    await call_back(services, task, world.result("a.png"))
    await work_off(services, stations=[SETTLE])
    (collection,) = await services.handoffs.collect.take(1)
    await cancel(services, job.id, consumer_id=consumer)
    canceled = await see(services, job.id)

    services.collecting[job.id, collection.job.attempt] = collection.job
    await RENEW.run(services)
    await COLLECT.work(services, [collection])

    assert canceled.state is JobState.CANCELED
    assert await see(services, job.id) == canceled
