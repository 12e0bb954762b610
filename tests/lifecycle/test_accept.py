"""Accept: what is answered is kept, once, and one caller's mistake is nobody else's."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy.exc import IntegrityError

from orchestrator.domain.errors import KeyReused, Rejected
from orchestrator.domain.ids import ConsumerId
from orchestrator.domain.job import JobState
from orchestrator.lifecycle.accept import Accepted
from orchestrator.lifecycle.handoff import Handoff
from orchestrator.lifecycle.services import Services
from tests.clock import Clock
from tests.fakes import World
from tests.lifecycle.acting import another, ask, count, see, see_tasks
from tests.working import open_handoffs, run_until_idle


async def test_the_same_request_under_the_same_key_is_the_same_job_and_one_submit(
    services: Services, world: World, consumer: ConsumerId
) -> None:
    first = await ask(services, consumer, idempotency_key="k")
    await run_until_idle(services)
    again = await ask(services, consumer, idempotency_key="k")
    await run_until_idle(services)

    assert (first.is_replay, again.is_replay) == (False, True)
    assert again.job.id == first.job.id
    assert again.job.state is JobState.SUBMITTED
    assert [task.id for task in again.tasks] == [task.id for task in first.tasks]
    assert len(world.submits) == 1


async def test_another_request_under_the_same_key_is_refused_and_keeps_nothing(
    services: Services, consumer: ConsumerId
) -> None:
    await ask(services, consumer, idempotency_key="k")

    with pytest.raises(KeyReused):
        await ask(services, consumer, idempotency_key="k", request_digest="another")

    assert await count(services, "jobs") == await count(services, "tasks") == 1


async def test_two_first_requests_at_once_are_one_job(services: Services, consumer: ConsumerId) -> None:
    both = await asyncio.gather(*(ask(services, consumer, idempotency_key="k") for _ in range(2)))

    assert {accepted.job.id for accepted in both} == {both[0].job.id}
    assert sorted(accepted.is_replay for accepted in both) == [False, True]
    assert await count(services, "jobs") == await count(services, "tasks") == 1


async def test_two_first_requests_at_once_at_two_processes_are_one_job(
    services: Services, consumer: ConsumerId
) -> None:
    async with another(services) as other, asyncio.timeout(10):
        for n in range(5):
            both = await asyncio.gather(*(ask(each, consumer, idempotency_key=f"k{n}") for each in (services, other)))

            assert both[0].job.id == both[1].job.id
            assert sorted(accepted.is_replay for accepted in both) == [False, True]
    assert await count(services, "jobs") == await count(services, "tasks") == 5


async def test_a_conflict_is_its_own_callers_alone(services: Services, consumer: ConsumerId) -> None:
    results = await asyncio.gather(
        ask(services, consumer, idempotency_key="k"),
        ask(services, consumer, idempotency_key="k", request_digest="another"),
        ask(services, consumer),
        return_exceptions=True,
    )

    assert isinstance(results[0], Accepted)
    assert isinstance(results[1], KeyReused)
    assert isinstance(results[2], Accepted)
    assert await count(services, "jobs") == 2


async def test_a_key_belongs_to_its_consumer(
    services: Services, consumer: ConsumerId, make_consumer: Callable[[str], Any]
) -> None:
    mine = await ask(services, consumer, idempotency_key="k")
    theirs = await ask(services, await make_consumer("stranger"), idempotency_key="k", request_digest="another")

    assert mine.job.id != theirs.job.id
    assert not theirs.is_replay


async def test_without_a_key_equal_requests_are_two_jobs(services: Services, consumer: ConsumerId) -> None:
    first, second = await ask(services, consumer), await ask(services, consumer)

    assert first.job.id != second.job.id


@pytest.mark.parametrize(("field", "value"), [("operation", "openai/images/dreams"), ("provider", "nobody")])
async def test_what_is_unknown_is_refused_by_name_and_keeps_nothing(
    services: Services, consumer: ConsumerId, field: str, value: str
) -> None:
    with pytest.raises(Rejected) as refusal:
        await ask(services, consumer, **{field: value})

    assert refusal.value.field == field
    assert value in refusal.value.message
    assert await count(services, "jobs") == 0


async def test_what_finds_no_room_in_memory_waits_unleased_in_the_database(
    services: Services, world: World, consumer: ConsumerId
) -> None:
    services.handoffs.submit = Handoff("submit", capacity=1)
    open_handoffs(services)

    accepted = await asyncio.gather(*(ask(services, consumer) for _ in range(3)))
    (first, *rest) = [(await see_tasks(services, each.job.id))[0] for each in accepted]
    handed_over = len(services.handoffs.submit)
    await run_until_idle(services)

    assert handed_over == 1
    assert (first.attempt, [task.attempt for task in rest]) == (1, [0, 0])
    assert len(world.submits) == 3


async def test_a_process_without_workers_leaves_everything_to_the_others(
    services: Services, world: World, consumer: ConsumerId
) -> None:
    await ask(services, consumer)

    async with another(services) as other:
        await run_until_idle(other)

    assert len(services.handoffs.submit) == 0
    assert len(world.submits) == 1


async def test_what_a_dead_process_had_in_memory_is_submitted_by_another_once_its_lease_is_over(
    services: Services, world: World, consumer: ConsumerId, clock: Clock
) -> None:
    open_handoffs(services)
    await ask(services, consumer)

    async with another(services) as other:
        await run_until_idle(other)
        before = len(world.submits)
        clock.advance(seconds=61)
        await run_until_idle(other)
        await run_until_idle(services)

    assert before == 0
    assert len(world.submits) == 1


async def test_a_batch_that_is_written_again_row_by_row_keeps_its_ids(services: Services, consumer: ConsumerId) -> None:
    drawn: list[str] = []
    draw = services.new_id

    def drawing() -> str:
        drawn.append(draw())
        return drawn[-1]

    services.new_id = drawing
    nobody = ConsumerId("0199aa00-0000-7000-8000-000000000000")

    results = await asyncio.gather(
        ask(services, consumer), ask(services, nobody), ask(services, consumer), return_exceptions=True
    )

    first, refused, last = results
    assert isinstance(first, Accepted)
    assert isinstance(refused, IntegrityError)
    assert isinstance(last, Accepted)
    assert len(drawn) == 6
    assert [first.job.id, first.tasks[0].id, last.job.id, last.tasks[0].id] == [drawn[0], drawn[1], drawn[4], drawn[5]]
    assert await count(services, "jobs") == await count(services, "tasks") == 2


async def test_a_job_carries_its_own_deadline_and_trace(services: Services, consumer: ConsumerId, clock: Clock) -> None:
    mine = (await ask(services, consumer, deadline=timedelta(seconds=90), trace_id="mine")).job
    plain = (await ask(services, consumer)).job

    assert (mine.deadline_at - clock(), mine.trace_id) == (timedelta(seconds=90), "mine")
    assert (plain.deadline_at - clock(), plain.trace_id) == (timedelta(minutes=45), plain.id)
    assert (await see(services, mine.id)) == mine
