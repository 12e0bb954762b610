"""The supervisor: whole jobs by themselves, faults that stay where they are, and an orderly end."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
from starlette.responses import Response

from orchestrator.domain.delivery import DeliveryState
from orchestrator.domain.ids import ConsumerId, JobId
from orchestrator.domain.job import Job, JobState
from orchestrator.domain.task import TaskState
from orchestrator.lifecycle.receive import inbox_key, receive_spooled
from orchestrator.lifecycle.services import Services
from orchestrator.workers.stations import STATIONS
from orchestrator.workers.supervisor import Supervisor
from tests.clock import Clock
from tests.fakes import World
from tests.lifecycle.acting import (
    FAILURE,
    another,
    ask,
    call_back,
    change,
    listen,
    see,
    see_deliveries,
    see_tasks,
)


@asynccontextmanager
async def working(services: Services) -> AsyncIterator[Supervisor]:
    """Workers for as long as the block runs; they are stopped and must come to an end."""
    supervisor = Supervisor(services, poll_every=timedelta(milliseconds=20))
    loops = asyncio.create_task(supervisor.run())
    await asyncio.wait({loops}, timeout=0)
    try:
        async with asyncio.timeout(15):
            yield supervisor
    finally:
        supervisor.stop()
        async with asyncio.timeout(10):
            await loops


async def until(services: Services, job_id: JobId, *states: JobState) -> Job:
    """The job once it is in one of these states."""
    while True:
        job = await see(services, job_id)
        change = services.watch.begin(job_id, job.revision)
        try:
            if (job := await see(services, job_id)).state in states:
                return job
            await services.watch.wait(change, seconds=5)
        finally:
            services.watch.end(job_id, change)


async def test_workers_bring_a_job_all_the_way_by_themselves(
    services: Services, world: World, consumer: ConsumerId
) -> None:
    await listen(services, consumer, f"{world.url}/hook/a")

    async with working(services):
        job = (await ask(services, consumer)).job
        await until(services, job.id, JobState.SUBMITTED)
        await call_back(services, world.submits[0]["trace_id"], world.result("a.png"))
        done = await until(services, job.id, JobState.SUCCEEDED)
        await world.until(lambda world: world.webhooks["a"])

    assert done.error is None
    assert [task.attempt for task in await see_tasks(services, job.id)] == [1]
    assert [told["type"] for told in world.told("a")] == ["job.succeeded"]
    assert [delivery.state for delivery in await see_deliveries(services, consumer)] == [DeliveryState.SUCCEEDED]


async def test_workers_find_in_the_database_what_nobody_handed_over(
    services: Services, world: World, consumer: ConsumerId
) -> None:
    jobs = [(await ask(services, consumer)).job for _ in range(5)]

    async with working(services):
        await world.until(lambda world: len(world.submits) == 5)
        states = [(await until(services, job.id, JobState.SUBMITTED)).state for job in jobs]

    assert states == [JobState.SUBMITTED] * 5
    assert len({submit["trace_id"] for submit in world.submits}) == 5


async def test_workers_of_two_processes_share_the_work_and_submit_everything_once(
    services: Services, world: World, consumer: ConsumerId
) -> None:
    jobs = [(await ask(services, consumer)).job for _ in range(30)]

    async with another(services) as other, working(services), working(other):
        await world.until(lambda world: len(world.submits) >= 30)
        for job in jobs:
            await services.watch.look(services.db)
            await until(other, job.id, JobState.SUBMITTED)

    assert len(world.submits) == len({submit["trace_id"] for submit in world.submits}) == 30


async def test_work_that_raises_is_logged_and_its_station_goes_on(
    services: Services, world: World, consumer: ConsumerId, caplog: pytest.LogCaptureFixture
) -> None:
    broken = (await ask(services, consumer, input_blob="inputs/gone.json")).job

    async with working(services):
        await services.db.probe()
        healthy = (await ask(services, consumer)).job
        await until(services, healthy.id, JobState.SUBMITTED)

    assert "submit.failed" in caplog.text
    (task,) = await see_tasks(services, broken.id)
    assert task.state is TaskState.QUEUED
    assert len(world.submits) == 1


async def test_a_poisoned_reply_is_passed_over_again_and_again_and_holds_up_nobody(
    services: Services, world: World, consumer: ConsumerId, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR)
    async with working(services):
        first, second = [(await ask(services, consumer)).job for _ in range(2)]
        await until(services, first.id, JobState.SUBMITTED)
        await until(services, second.id, JobState.SUBMITTED)
        (poisoned,), (healthy,) = [await see_tasks(services, job.id) for job in (first, second)]
        await receive_spooled(services, poisoned.id, body_key=inbox_key("gone"), digest="gone")
        await call_back(services, healthy, FAILURE)
        await until(services, second.id, JobState.FAILED)

    assert (await see(services, first.id)).state is JobState.SUBMITTED
    assert "callback.unsettled" in caplog.text


async def test_an_endpoint_that_hangs_delays_no_other(services: Services, world: World, consumer: ConsumerId) -> None:
    change(services, webhook_timeout=timedelta(seconds=10))
    await listen(services, consumer, f"{world.url}/hang/slow")
    await listen(services, consumer, f"{world.url}/hook/quick")

    async with working(services):
        jobs = [(await ask(services, consumer)).job for _ in range(3)]
        for job in jobs:
            await until(services, job.id, JobState.SUBMITTED)
            await call_back(services, (await see_tasks(services, job.id))[0], FAILURE)
        await world.until(lambda world: len(world.webhooks["quick"]) == 3)
        hanging = not world.hang.is_set()
        world.hang.set()
        await world.until(lambda world: len(world.webhooks["slow"]) == 3)

    assert hanging
    assert {delivery.state for delivery in await see_deliveries(services, consumer)} == {DeliveryState.SUCCEEDED}


async def test_an_endpoint_that_hangs_is_given_up_in_time(
    services: Services, world: World, consumer: ConsumerId
) -> None:
    change(services, webhook_timeout=timedelta(milliseconds=100))
    await listen(services, consumer, f"{world.url}/hang/slow")

    async with working(services):
        job = (await ask(services, consumer)).job
        await until(services, job.id, JobState.SUBMITTED)
        await call_back(services, (await see_tasks(services, job.id))[0], FAILURE)
        await world.until(lambda world: world.webhooks["slow"])

    # Stopping waits for what is in hand, so the attempt is on record by now.
    (delivery,) = await see_deliveries(services, consumer)
    assert (delivery.state, delivery.tries, delivery.last_error) == (DeliveryState.PENDING, 1, "timeout")


async def test_stopping_finishes_what_is_in_hand_and_leaves_the_rest_to_the_database(
    services: Services, world: World, consumer: ConsumerId
) -> None:
    async def slow(_: dict[str, Any]) -> Response:
        await world.hang.wait()
        return Response(b'{"task_id": "up-1"}', media_type="application/json")

    world.answers.append(slow)
    supervisor = Supervisor(services, poll_every=timedelta(milliseconds=20))
    loops = asyncio.create_task(supervisor.run())
    job = (await ask(services, consumer)).job
    await world.until(lambda world: world.submits)
    supervisor.stop()
    late = (await ask(services, consumer)).job
    _, waiting = await asyncio.wait({loops}, timeout=0.05)
    world.hang.set()
    async with asyncio.timeout(10):
        await loops

    assert waiting == {loops}
    assert (await see(services, job.id)).state is JobState.SUBMITTED
    assert (await see(services, late.id)).state is JobState.QUEUED
    assert [station.handoff(services.handoffs).room for station in STATIONS] == [0, 0, 0, 0]
    assert [task.attempt for task in await see_tasks(services, late.id)] == [0]


async def test_what_was_handed_over_but_not_begun_comes_due_again_after_a_stop(
    services: Services, world: World, consumer: ConsumerId, clock: Clock
) -> None:
    supervisor = Supervisor(services)
    for station in STATIONS:
        station.handoff(services.handoffs).open()
    await ask(services, consumer)
    supervisor.stop()
    clock.advance(seconds=61)

    async with working(services):
        await world.until(lambda world: world.submits)

    assert len(world.submits) == 1


async def test_workers_that_are_stopped_while_idle_end_at_once(services: Services) -> None:
    async with working(services):
        pass

    assert [station.handoff(services.handoffs).room for station in STATIONS] == [0, 0, 0, 0]


async def test_workers_that_are_stopped_before_they_began_do_not_begin(services: Services) -> None:
    supervisor = Supervisor(services)
    supervisor.stop()

    async with asyncio.timeout(10):
        await supervisor.run()

    assert services.handoffs.submit.room == 0
