"""Announce: who is told of what, and that nobody hears what is not meant for them."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from standardwebhooks import Webhook

from orchestrator.domain.delivery import DeliveryState
from orchestrator.domain.ids import ConsumerId
from orchestrator.domain.job import Job
from orchestrator.lifecycle.cancel import cancel
from orchestrator.lifecycle.handoff import Handoff
from orchestrator.lifecycle.services import Services
from orchestrator.storage.consumers import find_consumers
from orchestrator.storage.endpoints import delete_endpoint, disable_endpoints, list_endpoints, update_endpoint
from tests.clock import Clock
from tests.fakes import World
from tests.lifecycle.acting import (
    FAILURE,
    call_back,
    count,
    listen,
    see,
    see_deliveries,
    submitted,
)
from tests.working import lose_memory, open_handoffs, run_until_idle


async def end(services: Services, consumer: ConsumerId, how: str, world: World, clock: Clock) -> Job:
    """A job that has come to this end; nobody has been told yet."""
    job, task = await submitted(services, consumer, deadline=timedelta(seconds=60))
    if how == "canceled":
        await cancel(services, job.id, consumer_id=consumer)
    elif how == "expired":
        clock.advance(seconds=60)
    else:
        await call_back(services, task, world.result("a.png", task_id="") if how == "succeeded" else FAILURE)
    return job


@pytest.mark.parametrize("how", ["succeeded", "failed", "canceled", "expired"])
async def test_every_end_is_told_once_and_as_the_job_is_shown(
    services: Services, world: World, consumer: ConsumerId, clock: Clock, how: str
) -> None:
    await listen(services, consumer, f"{world.url}/hook/a")

    job = await end(services, consumer, how, world, clock)
    await run_until_idle(services)

    after = await see(services, job.id)
    (told,) = world.told("a")
    assert (told["type"], told["data"]["status"], told["data"]["id"]) == (f"job.{how}", how, job.id)
    assert told["data"]["revision"] == after.revision
    assert told["data"]["error"] == after.error
    assert [delivery.state for delivery in await see_deliveries(services, consumer)] == [DeliveryState.SUCCEEDED]


async def test_an_endpoint_hears_only_what_it_listens_to(
    services: Services, world: World, consumer: ConsumerId, clock: Clock
) -> None:
    await listen(services, consumer, f"{world.url}/hook/all")
    await listen(services, consumer, f"{world.url}/hook/failures", "job.failed", "job.expired")
    await listen(services, consumer, f"{world.url}/hook/successes", "job.succeeded")

    for how in ("failed", "succeeded", "canceled"):
        await end(services, consumer, how, world, clock)
        await run_until_idle(services)

    told = {name: [each["type"] for each in world.told(name)] for name in ("all", "failures", "successes")}
    assert told == {
        "all": ["job.failed", "job.succeeded", "job.canceled"],
        "failures": ["job.failed"],
        "successes": ["job.succeeded"],
    }


async def test_every_endpoint_is_told_the_same_bytes_under_the_same_id(
    services: Services, world: World, consumer: ConsumerId, clock: Clock
) -> None:
    for name in ("a", "b", "c"):
        await listen(services, consumer, f"{world.url}/hook/{name}")

    await end(services, consumer, "failed", world, clock)
    await run_until_idle(services)

    heard = [world.webhooks[name][0] for name in ("a", "b", "c")]
    assert len({body for _, body in heard}) == 1
    assert len({headers["webhook-id"] for headers, _ in heard}) == 1


async def test_another_consumers_endpoint_hears_nothing(
    services: Services, world: World, consumer: ConsumerId, clock: Clock, make_consumer: Callable[[str], Any]
) -> None:
    stranger = await make_consumer("stranger")
    await listen(services, consumer, f"{world.url}/hook/mine")
    await listen(services, stranger, f"{world.url}/hook/theirs")

    await end(services, consumer, "failed", world, clock)
    await end(services, stranger, "canceled", world, clock)
    await run_until_idle(services)

    assert [told["type"] for told in world.told("mine")] == ["job.failed"]
    assert [told["type"] for told in world.told("theirs")] == ["job.canceled"]


async def test_jobs_of_two_consumers_that_end_in_one_batch_are_kept_apart(
    services: Services, world: World, consumer: ConsumerId, make_consumer: Callable[[str], Any]
) -> None:
    stranger = await make_consumer("stranger")
    await listen(services, consumer, f"{world.url}/hook/mine")
    await listen(services, stranger, f"{world.url}/hook/theirs")
    mine, my_task = await submitted(services, consumer, callback_url=f"{world.url}/hook/my-own")
    theirs, their_task = await submitted(services, stranger)

    await asyncio.gather(call_back(services, my_task, FAILURE), call_back(services, their_task, FAILURE))
    await run_until_idle(services)

    assert [told["data"]["id"] for told in world.told("mine")] == [mine.id]
    assert [told["task_id"] for told in world.told("my-own")] == [mine.id]
    assert [told["data"]["id"] for told in world.told("theirs")] == [theirs.id]


async def test_without_an_endpoint_nothing_is_owed(
    services: Services, world: World, consumer: ConsumerId, clock: Clock
) -> None:
    await end(services, consumer, "failed", world, clock)
    await run_until_idle(services)

    assert await count(services, "events") == 1
    assert await count(services, "deliveries") == 0


async def test_news_that_find_no_room_in_memory_wait_in_the_database(
    services: Services, world: World, consumer: ConsumerId, clock: Clock
) -> None:
    services.handoffs.deliver = Handoff("deliver", capacity=1)
    for name in ("a", "b", "c"):
        await listen(services, consumer, f"{world.url}/hook/{name}")
    open_handoffs(services)

    await end(services, consumer, "canceled", world, clock)
    owed = await see_deliveries(services, consumer)
    await run_until_idle(services)

    assert sorted(delivery.attempt for delivery in owed) == [0, 0, 1]
    assert [len(world.told(name)) for name in ("a", "b", "c")] == [1, 1, 1]


async def test_a_deleted_endpoint_is_owed_nothing_and_holds_up_nobody(
    services: Services, world: World, consumer: ConsumerId, clock: Clock
) -> None:
    await listen(services, consumer, f"{world.url}/hook/deleted")
    await listen(services, consumer, f"{world.url}/hook/kept")
    open_handoffs(services)
    await end(services, consumer, "canceled", world, clock)
    lose_memory(services)
    async with services.db.writing() as tx:
        endpoints = await list_endpoints(tx, [consumer])
        deleted = next(each for each in endpoints if each.url.endswith("deleted"))
        await delete_endpoint(tx, deleted.id, consumer_id=consumer)

    clock.advance(seconds=61)
    await run_until_idle(services)

    assert world.told("deleted") == []
    assert len(world.told("kept")) == 1


async def test_a_disabled_endpoint_is_owed_nothing_any_more(
    services: Services, world: World, consumer: ConsumerId, clock: Clock
) -> None:
    await listen(services, consumer, f"{world.url}/hook/a")
    open_handoffs(services)
    await end(services, consumer, "canceled", world, clock)
    lose_memory(services)
    async with services.db.writing() as tx:
        (endpoint,) = await list_endpoints(tx, [consumer])
        await disable_endpoints(tx, [endpoint.id], reason="Enough.", now=clock())

    clock.advance(seconds=61)
    await run_until_idle(services)
    await end(services, consumer, "failed", world, clock)
    await run_until_idle(services)

    (delivery,) = await see_deliveries(services, consumer)
    assert (delivery.state, delivery.last_error) == (DeliveryState.CANCELED, "The endpoint is disabled.")
    assert world.told("a") == []


async def test_during_a_rotation_both_secrets_sign_and_afterwards_only_the_new_one(
    services: Services, world: World, consumer: ConsumerId, clock: Clock
) -> None:
    old = await listen(services, consumer, f"{world.url}/hook/a")
    new = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
    async with services.db.writing() as tx:
        (endpoint,) = await list_endpoints(tx, [consumer])
        rotated = {"secret": new, "previous_secret": old, "previous_secret_expires_at": clock() + timedelta(hours=24)}
        await update_endpoint(tx, endpoint.id, consumer_id=consumer, changes=rotated)

    await end(services, consumer, "canceled", world, clock)
    await run_until_idle(services)
    clock.advance(seconds=24 * 3600)
    await end(services, consumer, "failed", world, clock)
    await run_until_idle(services)

    during, after = [
        (headers["webhook-signature"].split(" "), _signatures(headers, body, new, old))
        for headers, body in world.webhooks["a"]
    ]
    assert during[0] == during[1]
    assert after[0] == after[1][:1]


def _signatures(headers: dict[str, str], body: bytes, *secrets: str) -> list[str]:
    at = datetime.fromtimestamp(int(headers["webhook-timestamp"]), tz=UTC)
    return [Webhook(secret).sign(headers["webhook-id"], at, body.decode()) for secret in secrets]


async def test_the_consumers_own_secret_signs_for_a_jobs_callback_url(
    services: Services, world: World, consumer: ConsumerId
) -> None:
    job, _ = await submitted(services, consumer, callback_url=f"{world.url}/hook/own")
    await cancel(services, job.id, consumer_id=consumer)
    await run_until_idle(services)

    async with services.db.reading() as tx:
        secret = (await find_consumers(tx, [consumer]))[consumer].webhook_secret
    ((headers, body),) = world.webhooks["own"]
    assert headers["webhook-signature"].split(" ") == _signatures(headers, body, secret)
