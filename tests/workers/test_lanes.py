"""Lanes: what one destination holds up is its own."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from orchestrator.workers.lanes import Lanes


@dataclass
class Desk:
    """Work that stays unfinished until its item is let go."""

    lanes: "Lanes[str]" = field(init=False)
    begun: list[str] = field(default_factory=list)
    ended: list[str] = field(default_factory=list)
    moved: asyncio.Event = field(default_factory=asyncio.Event)
    gates: dict[str, asyncio.Event] = field(default_factory=dict)

    async def work(self, item: str) -> None:
        self.begun.append(item)
        self.moved.set()
        await self.gates.setdefault(item, asyncio.Event()).wait()
        self.ended.append(item)
        self.moved.set()

    def finish(self, *items: str) -> None:
        for item in items:
            self.gates.setdefault(item, asyncio.Event()).set()

    async def until_begun(self, *items: str) -> None:
        while not set(items) <= set(self.begun):
            self.moved.clear()
            await self.moved.wait()


@asynccontextmanager
async def desk(*, hands: int, waiting: int = 10) -> AsyncIterator[Desk]:
    """A desk whose items are named after their lane: `a1` belongs to lane `a`."""
    made = Desk()
    async with asyncio.timeout(10), asyncio.TaskGroup() as group:
        made.lanes = Lanes(group, made.work, lambda item: item[0], hands=hands, waiting=waiting)
        yield made


async def test_a_lane_works_on_so_many_at_a_time_and_in_order() -> None:
    async with desk(hands=2) as made:
        taken = [made.lanes.put(item) for item in ("a1", "a2", "a3", "a4")]
        await made.until_begun("a1", "a2")
        at_first = list(made.begun)
        made.finish("a1")
        await made.until_begun("a3")
        later = list(made.begun)
        made.finish("a2", "a3", "a4")

    assert taken == [True] * 4
    assert at_first == ["a1", "a2"]
    assert later == ["a1", "a2", "a3"]
    assert sorted(made.ended) == ["a1", "a2", "a3", "a4"]


async def test_a_stuck_lane_holds_up_no_other() -> None:
    async with desk(hands=1) as made:
        for item in ("a1", "a2", "b1", "b2"):
            made.lanes.put(item)
        made.finish("b1", "b2")
        await made.until_begun("b2")
        stuck = list(made.begun)
        made.finish("a1", "a2")

    assert "a2" not in stuck


async def test_a_full_lane_refuses_and_another_does_not() -> None:
    async with desk(hands=1, waiting=2) as made:
        made.lanes.put("a1")
        await made.until_begun("a1")
        taken = [made.lanes.put(item) for item in ("a2", "a3", "a4", "b1")]
        made.finish("a1", "a2", "a3", "b1")

    assert taken == [True, True, False, True]
    assert "a4" not in made.begun


async def test_what_waits_can_be_forgotten_and_what_is_in_hand_goes_on() -> None:
    async with desk(hands=1) as made:
        made.lanes.put("a1")
        made.lanes.put("a2")
        await made.until_begun("a1")
        made.lanes.clear()
        made.finish("a1")

    assert made.ended == ["a1"]


async def test_an_empty_lane_leaves_nothing_behind_and_can_be_used_again() -> None:
    async with desk(hands=1) as made:
        made.finish("a1", "a2")
        made.lanes.put("a1")
        await made.until_begun("a1")
        while made.lanes._busy:
            await asyncio.wait([asyncio.ensure_future(made.moved.wait())], timeout=0.005)
        empty = (dict(made.lanes._waiting), dict(made.lanes._busy))
        made.lanes.put("a2")

    assert empty == ({}, {})
    assert made.ended == ["a1", "a2"]
