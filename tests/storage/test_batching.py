"""Group commit: shared commits, isolated faults, bounded queues."""

import asyncio
from collections.abc import Sequence

import pytest
from sqlalchemy.exc import IntegrityError, OperationalError

from orchestrator.domain.errors import Conflict, OrchestratorError, Unavailable
from orchestrator.storage.batching import Batcher


class Ledger:
    """A flush that writes down its batches, and fails where it is told to."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.poison: set[int] = set()
        self.gate = asyncio.Event()
        self.gate.set()

    async def flush(self, items: Sequence[int]) -> Sequence[int | OrchestratorError]:
        await self.gate.wait()
        self.batches.append(list(items))
        if self.poison & set(items):
            raise IntegrityError("INSERT", {}, Exception("a poisoned row"))
        return [item * 10 for item in items]


@pytest.fixture
def ledger() -> Ledger:
    return Ledger()


async def test_a_lone_caller_is_served_at_once(ledger: Ledger) -> None:
    batcher: Batcher[int, int] = Batcher("test", ledger.flush)

    assert await batcher.submit(1) == 10
    assert ledger.batches == [[1]]


async def test_everything_that_waits_shares_one_flush(ledger: Ledger) -> None:
    batcher: Batcher[int, int] = Batcher("test", ledger.flush)

    results = await asyncio.gather(*(batcher.submit(item) for item in range(50)))

    assert results == [item * 10 for item in range(50)]
    assert ledger.batches == [list(range(50))]


async def test_what_arrives_during_a_flush_becomes_the_next_batch(ledger: Ledger) -> None:
    batcher: Batcher[int, int] = Batcher("test", ledger.flush)
    ledger.gate.clear()
    first = asyncio.ensure_future(batcher.submit(1))
    await asyncio.wait({first}, timeout=0)

    rest = [asyncio.ensure_future(batcher.submit(item)) for item in (2, 3)]
    await asyncio.wait(rest, timeout=0)
    ledger.gate.set()
    await asyncio.gather(first, *rest)

    assert ledger.batches == [[1], [2, 3]]


async def test_a_batch_is_never_larger_than_its_limit(ledger: Ledger) -> None:
    batcher: Batcher[int, int] = Batcher("test", ledger.flush, max_batch=4)

    await asyncio.gather(*(batcher.submit(item) for item in range(10)))

    assert [len(batch) for batch in ledger.batches] == [4, 4, 2]


async def test_a_bad_row_is_its_own_callers_error_and_nobody_elses(ledger: Ledger) -> None:
    batcher: Batcher[int, int] = Batcher("test", ledger.flush)
    ledger.poison = {2}

    results = await asyncio.gather(*(batcher.submit(item) for item in (1, 2, 3)), return_exceptions=True)

    assert [results[0], results[2]] == [10, 30]
    assert isinstance(results[1], IntegrityError)


async def test_an_error_that_is_a_result_reaches_its_caller_alone() -> None:
    async def flush(items: Sequence[int]) -> Sequence[int | OrchestratorError]:
        return [Conflict("No.") if item == 2 else item for item in items]

    batcher: Batcher[int, int] = Batcher("test", flush)

    results = await asyncio.gather(batcher.submit(1), batcher.submit(2), return_exceptions=True)

    assert results[0] == 1
    assert isinstance(results[1], Conflict)


async def test_an_absent_database_is_unavailable_to_all_and_is_not_asked_row_by_row() -> None:
    flushes = 0

    async def flush(_: Sequence[int]) -> Sequence[int]:
        nonlocal flushes
        flushes += 1
        raise OperationalError("BEGIN", {}, Exception("connection refused"))

    batcher: Batcher[int, int] = Batcher("test", flush)

    results = await asyncio.gather(*(batcher.submit(item) for item in range(5)), return_exceptions=True)

    assert all(isinstance(result, Unavailable) for result in results)
    assert flushes == 1


async def test_a_full_queue_refuses_before_anything_is_kept(ledger: Ledger) -> None:
    batcher: Batcher[int, int] = Batcher("test", ledger.flush, max_batch=1, max_waiting=2)
    ledger.gate.clear()
    being_written = asyncio.ensure_future(batcher.submit(0))
    await asyncio.wait({being_written}, timeout=0)
    waiting = [asyncio.ensure_future(batcher.submit(item)) for item in (1, 2)]
    await asyncio.wait(waiting, timeout=0)

    with pytest.raises(Unavailable) as refusal:
        await batcher.submit(99)

    ledger.gate.set()
    assert await asyncio.gather(being_written, *waiting) == [0, 10, 20]
    assert refusal.value.retry_after >= 1
    assert ledger.batches == [[0], [1], [2]]


async def test_closing_writes_what_waits_and_refuses_what_comes_after(ledger: Ledger) -> None:
    batcher: Batcher[int, int] = Batcher("test", ledger.flush)
    ledger.gate.clear()
    waiting = [asyncio.ensure_future(batcher.submit(item)) for item in range(3)]
    await asyncio.wait(waiting, timeout=0)

    closing = asyncio.ensure_future(batcher.close())
    await asyncio.wait({closing}, timeout=0)
    ledger.gate.set()
    await closing

    assert [await each for each in waiting] == [0, 10, 20]
    with pytest.raises(Unavailable):
        await batcher.submit(4)


async def test_a_caller_that_goes_away_does_not_take_its_row_with_it(ledger: Ledger) -> None:
    batcher: Batcher[int, int] = Batcher("test", ledger.flush)
    ledger.gate.clear()
    first, second = (asyncio.ensure_future(batcher.submit(item)) for item in (1, 2))
    await asyncio.wait({first, second}, timeout=0)

    second.cancel()
    ledger.gate.set()

    assert await first == 10
    await batcher.close()
    assert sorted(item for batch in ledger.batches for item in batch) == [1, 2]
