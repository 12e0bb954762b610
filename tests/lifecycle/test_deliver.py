"""Deliver: at least once, on schedule, with every attempt on record, and never an older fact after a newer one."""

import asyncio
from datetime import timedelta
from itertools import pairwise

import pytest
from starlette.responses import RedirectResponse, Response

from orchestrator.domain.delivery import Delivery, DeliveryState
from orchestrator.domain.ids import ConsumerId
from orchestrator.domain.job import Job
from orchestrator.lifecycle.cancel import cancel
from orchestrator.lifecycle.deliver import load_parcels
from orchestrator.lifecycle.retry import retry
from orchestrator.lifecycle.services import Services
from orchestrator.storage.deliveries import lease_pending
from orchestrator.storage.endpoints import delete_endpoint, list_endpoints
from orchestrator.workers.stations import DELIVER
from tests.clock import Clock
from tests.egress.servers import hanging, peer, resetting
from tests.fakes import World
from tests.lifecycle.acting import (
    FAILURE,
    another,
    call_back,
    change,
    listen,
    see_attempts,
    see_deliveries,
    see_tasks,
    submitted,
)
from tests.working import open_handoffs, run_until_idle


async def tell(services: Services, consumer: ConsumerId) -> Job:
    """Have something to tell, and try once."""
    job, _ = await submitted(services, consumer)
    await cancel(services, job.id, consumer_id=consumer)
    await run_until_idle(services)
    return job


async def owed(services: Services, consumer: ConsumerId) -> Delivery:
    """The one thing that is or was owed."""
    (delivery,) = await see_deliveries(services, consumer)
    return delivery


async def test_a_failed_try_is_made_again_after_five_seconds_with_the_same_id(
    services: Services, world: World, consumer: ConsumerId, clock: Clock
) -> None:
    await listen(services, consumer, f"{world.url}/hook/a")
    world.hooks["a"] = [Response("Out of order.", 500)]
    await tell(services, consumer)
    first = await owed(services, consumer)

    clock.advance(seconds=4.9)
    await run_until_idle(services)
    too_early = len(world.told("a"))
    clock.advance(seconds=0.1)
    await run_until_idle(services)

    after = await owed(services, consumer)
    failed, succeeded = await see_attempts(services, after)
    (one, body_one), (two, body_two) = world.webhooks["a"]
    assert (first.state, first.tries, first.last_error) == (DeliveryState.PENDING, 1, "HTTP 500")
    assert too_early == 1
    assert (after.state, after.tries, after.last_error, after.due_at) == (DeliveryState.SUCCEEDED, 2, None, None)
    assert (failed.number, failed.status, failed.error, failed.excerpt) == (1, 500, None, "Out of order.")
    assert (succeeded.number, succeeded.status, succeeded.excerpt) == (2, 204, "")
    assert min(failed.seconds, succeeded.seconds) > 0
    assert (one["webhook-id"], body_one) == (two["webhook-id"], body_two)
    assert int(two["webhook-timestamp"]) - int(one["webhook-timestamp"]) == 5
    assert one["webhook-signature"] != two["webhook-signature"]


async def test_tries_follow_the_schedule_and_end_with_it(
    services: Services, world: World, consumer: ConsumerId, clock: Clock
) -> None:
    await listen(services, consumer, f"{world.url}/hook/a")
    world.hooks["a"] = [Response(status_code=503) for _ in range(20)]
    await tell(services, consumer)
    for _ in range(12):
        delivery = await owed(services, consumer)
        if delivery.due_at is not None:
            clock.now = delivery.due_at
        await run_until_idle(services)

    delivery = await owed(services, consumer)
    attempts = await see_attempts(services, delivery)
    waits = [later.started_at - earlier.started_at for earlier, later in pairwise(attempts)]
    assert (delivery.state, delivery.tries, delivery.last_error) == (DeliveryState.FAILED, 10, "HTTP 503")
    assert [attempt.number for attempt in attempts] == list(range(1, 11))
    assert waits == list(services.policy.webhook_schedule[1:])


async def test_of_a_long_answer_the_first_kib_is_kept(services: Services, world: World, consumer: ConsumerId) -> None:
    await listen(services, consumer, f"{world.url}/hook/a")
    world.hooks["a"] = [Response(b"no\x00" + b"x" * 5000, 500)]

    await tell(services, consumer)

    (attempt,) = await see_attempts(services, await owed(services, consumer))
    assert attempt.excerpt == "no\ufffd" + "x" * 1021


@pytest.mark.parametrize(
    ("asked", "seconds"), [("60", 60), ("1", 5), ("soon", 5), ("999999999999", 24 * 3600), ("-3", 5)]
)
async def test_retry_after_is_a_minimum(
    services: Services, world: World, consumer: ConsumerId, clock: Clock, asked: str, seconds: int
) -> None:
    await listen(services, consumer, f"{world.url}/hook/a")
    world.hooks["a"] = [Response(status_code=429, headers={"retry-after": asked})]

    await tell(services, consumer)

    assert (await owed(services, consumer)).due_at == clock() + timedelta(seconds=seconds)


async def test_an_endpoint_that_is_gone_is_disabled_and_owed_nothing(
    services: Services, world: World, consumer: ConsumerId, clock: Clock
) -> None:
    await listen(services, consumer, f"{world.url}/hook/a")
    world.hooks["a"] = [Response(status_code=500), Response(status_code=410)]
    await tell(services, consumer)
    await tell(services, consumer)
    await tell(services, consumer)
    clock.advance(seconds=3600)
    await run_until_idle(services)

    async with services.db.reading() as tx:
        (endpoint,) = await list_endpoints(tx, [consumer])
    states = [delivery.state for delivery in await see_deliveries(services, consumer)]
    assert (endpoint.disabled_at is not None, endpoint.disabled_reason) == (True, "It answered 410 Gone.")
    assert states == [DeliveryState.CANCELED, DeliveryState.FAILED]
    assert len(world.told("a")) == 2


async def test_a_redirect_is_a_failure_and_is_not_followed(
    services: Services, world: World, consumer: ConsumerId
) -> None:
    await listen(services, consumer, f"{world.url}/hook/a")
    world.hooks["a"] = [RedirectResponse(f"{world.url}/hook/elsewhere", 307)]

    await tell(services, consumer)

    delivery = await owed(services, consumer)
    (attempt,) = await see_attempts(services, delivery)
    assert (delivery.state, attempt.status, attempt.error) == (DeliveryState.PENDING, 307, "redirect")
    assert world.told("elsewhere") == []


@pytest.mark.parametrize(("answer", "word"), [(hanging, "timeout"), (resetting, "reset")], ids=["hanging", "resetting"])
async def test_an_endpoint_that_does_not_answer_is_recorded_as_such(
    services: Services, consumer: ConsumerId, answer: object, word: str
) -> None:
    change(services, webhook_timeout=timedelta(milliseconds=200))
    async with peer(answer) as endpoint:  # type: ignore[arg-type]
        await listen(services, consumer, endpoint.url("/a"))
        await tell(services, consumer)

    delivery = await owed(services, consumer)
    (attempt,) = await see_attempts(services, delivery)
    assert (delivery.state, delivery.last_error) == (DeliveryState.PENDING, word)
    assert (attempt.status, attempt.error) == (None, word)


async def test_a_forbidden_address_is_not_connected_to_and_says_why(services: Services, consumer: ConsumerId) -> None:
    await listen(services, consumer, "http://169.254.169.254/hook")

    await tell(services, consumer)

    delivery = await owed(services, consumer)
    (attempt,) = await see_attempts(services, delivery)
    assert (delivery.state, attempt.error) == (DeliveryState.PENDING, "forbidden")
    assert "169.254.169.254" in attempt.excerpt


async def test_a_crash_between_the_post_and_the_record_sends_it_again_under_the_same_id(
    services: Services, world: World, consumer: ConsumerId, clock: Clock
) -> None:
    await listen(services, consumer, f"{world.url}/hang/a")
    job, _ = await submitted(services, consumer)
    open_handoffs(services)
    await cancel(services, job.id, consumer_id=consumer)
    parcels = await services.handoffs.deliver.take(1)
    sending = asyncio.create_task(DELIVER.work(services, parcels))  # type: ignore[arg-type]
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
