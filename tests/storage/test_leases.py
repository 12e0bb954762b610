"""Leases: who holds a row, and what the fence refuses."""

import asyncio
from datetime import timedelta

from sqlalchemy import text

from orchestrator.domain.task import SEND
from orchestrator.storage.database import Database
from orchestrator.storage.tasks import (
    close_useless,
    find_tasks,
    lease_to_reconcile,
    lease_to_submit,
    move_tasks,
    send_tasks,
)
from tests.clock import Clock
from tests.storage.seeding import seed_tasks

LEASE = timedelta(seconds=60)


async def test_a_due_row_is_leased_once(db: Database, clock: Clock) -> None:
    (task_id,) = await seed_tasks(db, clock())

    async with db.writing() as tx:
        first = await lease_to_submit(tx, now=clock(), until=clock() + LEASE, limit=10)
        second = await lease_to_submit(tx, now=clock(), until=clock() + LEASE, limit=10)

    assert [task.id for task in first] == [task_id]
    assert first[0].attempt == 1
    assert second == []


async def test_a_dead_workers_row_comes_due_again_with_a_new_fence(db: Database, clock: Clock) -> None:
    await seed_tasks(db, clock())
    async with db.writing() as tx:
        (dead,) = await lease_to_submit(tx, now=clock(), until=clock() + LEASE, limit=1)

    clock.advance(seconds=61)
    async with db.writing() as tx:
        (living,) = await lease_to_submit(tx, now=clock(), until=clock() + LEASE, limit=1)
        row = {"id": dead.id, "attempt": dead.attempt, "due_at": clock() + LEASE, "sent_at": clock()}
        by_the_dead = await move_tasks(tx, SEND, [row], fenced=True)
        by_the_living = await move_tasks(tx, SEND, [row | {"attempt": living.attempt}], fenced=True)

    assert by_the_dead == []
    assert [task.id for task in by_the_living] == [living.id]


async def test_a_lease_takes_no_more_than_its_limit_and_the_longest_due_first(db: Database, clock: Clock) -> None:
    late = await seed_tasks(db, clock(), 3)
    early = await seed_tasks(db, clock() - timedelta(minutes=5), 2)

    async with db.writing() as tx:
        leased = await lease_to_submit(tx, now=clock(), until=clock() + LEASE, limit=3)

    assert len(leased) == 3
    assert set(early) <= {task.id for task in leased} <= {*early, *late}


async def test_a_row_that_is_not_due_is_left_alone(db: Database, clock: Clock) -> None:
    await seed_tasks(db, clock(), due_at=clock() + timedelta(seconds=1))

    async with db.writing() as tx:
        leased = await lease_to_submit(tx, now=clock(), until=clock() + LEASE, limit=10)

    assert leased == []


async def test_each_state_is_leased_by_its_own_station(db: Database, clock: Clock) -> None:
    await seed_tasks(db, clock(), state="accepted")

    async with db.writing() as tx:
        to_submit = await lease_to_submit(tx, now=clock(), until=clock() + LEASE, limit=10)
        to_reconcile = await lease_to_reconcile(tx, now=clock(), until=clock() + LEASE, limit=10)

    assert (len(to_submit), len(to_reconcile)) == (0, 1)


async def test_two_workers_at_the_same_time_share_the_rows_without_waiting_for_each_other(
    db: Database, clock: Clock
) -> None:
    if db.is_embedded:
        # One writer at a time is SQLite's own answer; `test_database.py` holds it to that.
        return
    await seed_tasks(db, clock(), 4)

    async with db.writing() as one:
        mine = await lease_to_submit(one, now=clock(), until=clock() + LEASE, limit=2)
        async with asyncio.timeout(5), db.writing() as other:
            theirs = await lease_to_submit(other, now=clock(), until=clock() + LEASE, limit=4)

    assert len(mine) == len(theirs) == 2
    assert not {task.id for task in mine} & {task.id for task in theirs}


async def test_a_lost_fence_leaves_the_row_as_it_is(db: Database, clock: Clock) -> None:
    (task_id,) = await seed_tasks(db, clock())
    row = {"id": task_id, "attempt": 7, "due_at": clock(), "sent_at": clock()}

    async with db.writing() as tx:
        moved = await move_tasks(tx, SEND, [row], fenced=True)
        found = await find_tasks(tx, [task_id])

    assert moved == []
    assert found[task_id].state == "queued"


async def test_a_task_whose_job_is_decided_is_never_sent(db: Database, clock: Clock) -> None:
    """Such as one that was being sent when its job was decided, and was put off by a 429 afterwards."""
    (task_id,) = await seed_tasks(db, clock())
    async with db.writing() as tx:
        await tx.execute(text("UPDATE jobs SET state = 'canceled', finished_at = created_at"))
        (task,) = await lease_to_submit(tx, now=clock(), until=clock() + LEASE, limit=1)
        row = {"id": task_id, "attempt": task.attempt, "due_at": clock() + LEASE, "sent_at": clock()}

        sent = await send_tasks(tx, [row])
        await close_useless(tx, [task_id], now=clock())

        found = await find_tasks(tx, [task_id])
    assert sent == set()
    assert found[task_id].state == "failed"
