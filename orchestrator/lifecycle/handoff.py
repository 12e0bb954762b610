"""Handing leased work from one verb to the next, in memory.

A hand-off is a hint with a lease behind it: what is lost from memory comes due again in the database. It is bounded,
so that a burst waits on the disk and not in memory; what finds no room is written unleased, and is leased when its
turn comes. In a process that runs no workers every hand-off stays closed, and everything goes by the database.
"""

import asyncio
from collections import deque
from collections.abc import Iterable, Iterator
from typing import Generic, TypeVar

T = TypeVar("T")


class Handoff(Generic[T]):
    """A bounded queue of leased work, served by the workers of this process."""

    def __init__(self, name: str, *, capacity: int) -> None:
        self.name = name
        self._capacity = capacity
        self._items: deque[T] = deque()
        self._arrived = asyncio.Event()
        self._open = False

    def __len__(self) -> int:
        return len(self._items)

    def __iter__(self) -> Iterator[T]:
        return iter(self._items)

    @property
    def room(self) -> int:
        """How many items would be worked on here; 0 while no worker serves this hand-off."""
        return max(self._capacity - len(self._items), 0) if self._open else 0

    def open(self) -> None:
        """Called by the workers when they start to serve."""
        self._open = True

    def close(self) -> None:
        """Called by the workers when they stop; what is still here comes due in the database."""
        self._open = False
        self._items.clear()
        self._arrived.set()

    def offer(self, items: Iterable[T]) -> None:
        """Hand over leased work, after the commit that leased it."""
        if self._open:
            self._items.extend(items)
            self._arrived.set()

    async def take(self, limit: int) -> list[T]:
        """Wait for work and take up to `limit`; empty once the hand-off is closed."""
        while not self._items:
            if not self._open:
                return []
            self._arrived.clear()
            await self._arrived.wait()
        return [self._items.popleft() for _ in range(min(limit, len(self._items)))]
