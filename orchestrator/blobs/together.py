"""Small works for a thread, sent there together.

A hop to a thread and back costs more than most of what is done there, and files that are made durable together share
the file system's own commits. As in a group commit there is no timer: a lone work goes at once, and while it is under
way the next ones gather.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any, Final, Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")

AT_ONCE: Final = 16
"""The most works of one hop."""
HOPS: Final = 3
"""The most hops at the same time: one decodes while another waits for the disk."""


class Together(Generic[T, R]):
    """Gathers items for `work`, which does them all in one thread and gives a result or an exception for each."""

    def __init__(
        self,
        in_thread: Callable[[Callable[[], Any]], Awaitable[Any]],
        work: Callable[[Sequence[T]], Sequence[R | Exception]],
    ) -> None:
        self._in_thread = in_thread
        self._work = work
        self._waiting: deque[tuple[T, asyncio.Future[R]]] = deque()
        self._hops: set[asyncio.Task[None]] = set()

    async def run(self, item: T) -> R:
        """The item's own result, or its own exception. A caller that goes away leaves its item to be done."""
        future: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, future))
        if len(self._hops) < HOPS:
            hop = asyncio.create_task(self._drain())
            self._hops.add(hop)
            hop.add_done_callback(self._hops.discard)
        return await future

    async def _drain(self) -> None:
        while self._waiting:
            # Spread over the hops that may still start, or the first would take everything and the others nothing.
            share = max(-(-len(self._waiting) // HOPS), 1)
            batch = [self._waiting.popleft() for _ in range(min(share, AT_ONCE))]
            try:
                results = await self._in_thread(partial(self._work, [item for item, _ in batch]))
            except Exception as error:  # noqa: BLE001 - a fault of the whole hop is everybody's in it
                results = [error] * len(batch)
            for (_, future), result in zip(batch, results, strict=True):
                if future.done():
                    continue
                if isinstance(result, Exception):
                    future.set_exception(result)
                else:
                    future.set_result(result)
