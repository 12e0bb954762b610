"""Work that is done later: nothing of it outlives the sandbox, and a reset forgets what has not happened yet."""

import asyncio
from collections.abc import Callable, Coroutine
from itertools import count
from typing import TypeAlias

Work: TypeAlias = Callable[[], Coroutine[None, None, None]]


class Timers:
    """Starts coroutines after a while; keeps hold of all of them, so that they can be called off."""

    def __init__(self) -> None:
        self._keys = count()
        self._waiting: dict[int, asyncio.TimerHandle] = {}
        self._running: set[asyncio.Task[None]] = set()
        self._closing = asyncio.Event()

    def after(self, seconds: float, work: Work) -> None:
        key = next(self._keys)
        self._waiting[key] = asyncio.get_running_loop().call_later(seconds, self._start, key, work)

    def _start(self, key: int, work: Work) -> None:
        del self._waiting[key]
        task = asyncio.get_running_loop().create_task(work())
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def pause(self, seconds: float) -> None:
        """Hold the caller up for so long, or until the sandbox closes."""
        if seconds <= 0:
            return
        try:
            async with asyncio.timeout(seconds):
                await self._closing.wait()
        except TimeoutError:
            return

    def cancel(self) -> None:
        """Call off everything that waits or runs; pauses go on."""
        for handle in self._waiting.values():
            handle.cancel()
        self._waiting.clear()
        for task in self._running:
            task.cancel()

    async def close(self) -> None:
        self._closing.set()
        running = tuple(self._running)
        self.cancel()
        await asyncio.gather(*running, return_exceptions=True)
