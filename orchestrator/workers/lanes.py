"""Lanes: work for one destination shares a few hands, so that a slow destination holds up only its own work."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Lanes(Generic[T]):
    """Runs `work` on items, at most `hands` at a time in each lane.

    A lane's queue is bounded too: what finds no place in it is for the caller to put back where it came from.
    """

    def __init__(
        self,
        group: asyncio.TaskGroup,
        work: Callable[[T], Awaitable[None]],
        key: Callable[[T], str],
        *,
        hands: int,
        waiting: int = 2000,
    ) -> None:
        self._group = group
        self._work = work
        self._key = key
        self._hands = hands
        self._max_waiting = waiting
        self._waiting: dict[str, deque[T]] = {}
        self._busy: dict[str, int] = {}

    def put(self, item: T) -> bool:
        """Take an item; False when its lane is full."""
        lane = self._key(item)
        queue = self._waiting.setdefault(lane, deque())
        if len(queue) >= self._max_waiting:
            return False
        queue.append(item)
        if self._busy.get(lane, 0) < self._hands:
            self._busy[lane] = self._busy.get(lane, 0) + 1
            self._group.create_task(self._serve(lane))
        return True

    def clear(self) -> None:
        """Forget what waits; what is being worked on goes on."""
        for queue in self._waiting.values():
            queue.clear()

    async def _serve(self, lane: str) -> None:
        queue = self._waiting[lane]
        while queue:
            await self._work(queue.popleft())
        self._busy[lane] -= 1
        if not self._busy[lane]:
            del self._busy[lane], self._waiting[lane]
