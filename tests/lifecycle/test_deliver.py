"""Deliver: at least once, on schedule, with every attempt on record, and never an older fact after a newer one."""

from datetime import timedelta
from itertools import pairwise

import pytest
from starlette.responses import RedirectResponse, Response

from orchestrator.domain.delivery import DeliveryState
from orchestrator.domain.ids import ConsumerId
from orchestrator.lifecycle.services import Services
from orchestrator.storage.endpoints import list_endpoints
from tests.clock import Clock
from tests.egress.servers import hanging, peer, resetting
from tests.fakes import World
from tests.lifecycle.acting import (
    change,
    listen,
    owed,
    see_attempts,
    see_deliveries,
    tell,
)
from tests.working import run_until_idle


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
