"""At least once, and no more often than that: crashes, lost leases, and facts that were overtaken."""

import asyncio
from datetime import timedelta

import pytest
from starlette.responses import Response

from orchestrator.domain.delivery import DeliveryState
from orchestrator.domain.ids import ConsumerId
from orchestrator.lifecycle.cancel import cancel
from orchestrator.lifecycle.deliver import load_parcels
from orchestrator.lifecycle.retry import retry
from orchestrator.lifecycle.services import Services
from orchestrator.storage.deliveries import abandon_deliveries, lease_pending
from orchestrator.storage.endpoints import delete_endpoint, list_endpoints
from orchestrator.workers.stations import DELIVER
from tests.clock import Clock
from tests.fakes import World
from tests.lifecycle.acting import (
    FAILURE,
    another,
    call_back,
    listen,
    owed,
    see_attempts,
    see_deliveries,
    see_tasks,
    submitted,
    tell,
)
from tests.working import open_handoffs, run_until_idle


async def test_a_crash_between_the_post_and_the_record_sends_it_again_under_the_same_id(
    services: Services, world: World, consumer: ConsumerId, clock: Clock
) -> None:
    await listen(services, consumer, f"{world.url}/hang/a")
    job, _ = await submitted(services, consumer)
    open_handoffs(services)
    await cancel(services, job.id, consumer_id=consumer)
    parcels = await services.handoffs.deliver.take(1)
    sending = asyncio.ensure_future(DELIVER.work(services, parcels))
    await world.until(lambda world: world.webhooks["a"])
    sending.cancel()
    await asyncio.wait({sending})

    world.hang.set()
    clock.advance(seconds=61)
    await run_until_idle(services)

    delivery = await owed(services, consumer)
    (one, body_one), (two, body_two) = world.webhooks["a"]
    assert (delivery.state, delivery.tries, delivery.attempt) == (DeliveryState.SUCCEEDED, 1, 2)
    assert (one["webhook-id"], body_one) == (two["webhook-id"], body_two)


async def test_a_sender_that_lost_its_lease_records_nothing(
    services: Services, world: World, consumer: ConsumerId, clock: Clock
) -> None:
    """It was told twice, as at-least-once allows; but only the holder of the lease says what came of it."""
    await listen(services, consumer, f"{world.url}/hook/a")
    job, _ = await submitted(services, consumer)
    open_handoffs(services)
    await cancel(services, job.id, consumer_id=consumer)
    stale = await services.handoffs.deliver.take(1)
    async with services.db.writing() as tx:
        until = clock() + timedelta(seconds=180)
        await lease_pending(tx, now=clock() + timedelta(seconds=61), until=until, limit=9)

    await DELIVER.work(services, stale)

    delivery = await owed(services, consumer)
    assert (delivery.state, delivery.tries, delivery.due_at) == (DeliveryState.PENDING, 0, until)
    assert await see_attempts(services, delivery) == []


async def test_a_parcel_that_waited_too_long_in_memory_is_left_to_the_next_lease(
    services: Services, world: World, consumer: ConsumerId, clock: Clock
) -> None:
    await listen(services, consumer, f"{world.url}/hook/a")
    job, _ = await submitted(services, consumer)
    open_handoffs(services)
    await cancel(services, job.id, consumer_id=consumer)
    stale = await services.handoffs.deliver.take(1)
    clock.advance(seconds=45)

    await DELIVER.work(services, stale)
    before = len(world.told("a"))
    clock.advance(seconds=15)
    await run_until_idle(services)

    assert (before, len(world.told("a"))) == (0, 1)


@pytest.mark.parametrize("listener", ["endpoint", "callback_url"])
async def test_an_older_fact_is_not_told_after_a_newer_one(
    services: Services, world: World, consumer: ConsumerId, clock: Clock, listener: str
) -> None:
    """The failure could not be told; by the time it is due again the job was retried and its success was told."""
    own = f"{world.url}/hook/a" if listener == "callback_url" else None
    if own is None:
        await listen(services, consumer, f"{world.url}/hook/a")
    world.hooks["a"] = [Response(status_code=500)]
    job, task = await submitted(services, consumer, callback_url=own)
    await call_back(services, task, FAILURE)
    await run_until_idle(services)
    await retry(services, job.id, consumer_id=consumer)
    await run_until_idle(services)
    await call_back(services, (await see_tasks(services, job.id))[-1], world.result("a.png", task_id="up-2"))
    await run_until_idle(services)

    clock.advance(seconds=60)
    await run_until_idle(services)

    heard = [told.get("type") or told["success"] for told in world.told("a")]
    assert heard in ([False, True], ["job.failed", "job.succeeded"])
    states = [delivery.state for delivery in await see_deliveries(services, consumer)]
    assert states == [DeliveryState.SUPERSEDED, DeliveryState.SUCCEEDED]


async def test_an_older_fact_of_another_job_is_told_all_the_same(
    services: Services, world: World, consumer: ConsumerId, clock: Clock
) -> None:
    await listen(services, consumer, f"{world.url}/hook/a")
    world.hooks["a"] = [Response(status_code=500)]
    first = await tell(services, consumer)
    second = await tell(services, consumer)

    clock.advance(seconds=5)
    await run_until_idle(services)

    assert [told["data"]["id"] for told in world.told("a")] == [first.id, second.id, first.id]


async def test_an_endpoint_deleted_between_the_lease_and_the_look_holds_up_nobody(
    services: Services, world: World, consumer: ConsumerId, clock: Clock
) -> None:
    await listen(services, consumer, f"{world.url}/hook/a")
    await listen(services, consumer, f"{world.url}/hook/b")
    world.hooks["a"], world.hooks["b"] = [Response(status_code=500)], [Response(status_code=500)]
    await tell(services, consumer)
    clock.advance(seconds=5)
    async with services.db.writing() as tx:
        leased = await lease_pending(tx, now=clock(), until=clock() + services.policy.lease, limit=9)
        deleted, kept = await list_endpoints(tx, [consumer])
    async with services.db.writing() as tx:
        await delete_endpoint(tx, deleted.id, consumer_id=consumer)

    parcels = await load_parcels(services, leased)

    assert len(leased) == 2
    assert [parcel.delivery.endpoint_id for parcel in parcels] == [kept.id]


async def test_two_processes_make_each_try_once(
    services: Services, world: World, consumer: ConsumerId, clock: Clock
) -> None:
    await listen(services, consumer, f"{world.url}/hook/a")
    world.hooks["a"] = [Response(status_code=500) for _ in range(6)]
    for _ in range(6):
        await tell(services, consumer)
    clock.advance(seconds=5)

    async with another(services) as other, asyncio.timeout(20):
        await asyncio.gather(run_until_idle(services), run_until_idle(other))

    assert len(world.told("a")) == 12
    assert {delivery.tries for delivery in await see_deliveries(services, consumer)} == {2}


async def test_what_was_given_up_while_it_was_being_sent_stays_given_up(
    services: Services, world: World, consumer: ConsumerId, clock: Clock
) -> None:
    await listen(services, consumer, f"{world.url}/hook/a")
    job, _ = await submitted(services, consumer)
    open_handoffs(services)
    await cancel(services, job.id, consumer_id=consumer)
    parcels = await services.handoffs.deliver.take(1)
    async with services.db.writing() as tx:
        (endpoint,) = await list_endpoints(tx, [consumer])
        await abandon_deliveries(tx, [endpoint.id], reason="Enough.", now=clock())

    await DELIVER.work(services, parcels)

    delivery = await owed(services, consumer)
    assert (delivery.state, delivery.last_error, delivery.tries) == (DeliveryState.CANCELED, "Enough.", 0)
    assert await see_attempts(services, delivery) == []


async def test_a_fact_that_was_told_in_time_is_not_called_superseded_afterwards(
    services: Services, world: World, consumer: ConsumerId, clock: Clock
) -> None:
    await listen(services, consumer, f"{world.url}/hook/a")
    world.hooks["a"] = [Response(status_code=500)]
    job = await tell(services, consumer)
    clock.advance(seconds=5)
    async with services.db.writing() as tx:
        slow = await lease_pending(tx, now=clock(), until=clock() + services.policy.lease, limit=9)
    clock.advance(seconds=61)
    await run_until_idle(services)
    await retry(services, job.id, consumer_id=consumer)
    await cancel(services, job.id, consumer_id=consumer)
    await run_until_idle(services)

    parcels = await load_parcels(services, slow)

    assert parcels == []
    states = [delivery.state for delivery in await see_deliveries(services, consumer)]
    assert states == [DeliveryState.SUCCEEDED, DeliveryState.SUCCEEDED]
