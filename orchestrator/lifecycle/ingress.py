"""Acknowledging goes first.

While requests are being acknowledged (a job accepted, a callback recorded), the work behind them stands back for a
moment, so that a burst is on the disk before it is worked off. Only for a moment: under unbroken load the work behind
goes on at a trickle, because a service that only ever acknowledges would be lying.
"""

import asyncio
from datetime import timedelta
from types import TracebackType


class Ingress:
    """Counts the requests that are being acknowledged; use it as a context manager around each."""

    def __init__(self) -> None:
        self._count = 0
        self._idle = asyncio.Event()
        self._idle.set()

    def __enter__(self) -> None:
        self._count += 1
        self._idle.clear()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._count -= 1
        if self._count == 0:
            self._idle.set()

    async def stand_back(self, patience: timedelta) -> None:
        """Return once nothing is being acknowledged, or when patience ends."""
        if self._idle.is_set():
            return
        try:
            async with asyncio.timeout(patience.total_seconds()):
                await self._idle.wait()
        except TimeoutError:
            return
