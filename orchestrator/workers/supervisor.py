"""Run every station and every chore until told to stop.

All loops live in one task group: should one of them end, the others end with it, loudly, instead of leaving a process
that looks alive and does half its work. A piece of work that fails is logged; it stays leased, and comes due again.

Stopping drains: nothing new is leased, what is in hand is finished, and what is only in memory stays leased in the
database and comes due there.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Any, Final

from orchestrator.lifecycle.services import Services
from orchestrator.workers.chores import CHORES, Chore
from orchestrator.workers.lanes import Lanes
from orchestrator.workers.stations import LEASED_AT_ONCE, STATIONS, Station

logger = logging.getLogger(__name__)

POLL_EVERY: Final = timedelta(seconds=1)


class Supervisor:
    """The workers of one process."""

    def __init__(
        self,
        services: Services,
        *,
        stations: Sequence[Station[Any]] = STATIONS,
        chores: Sequence[Chore] = CHORES,
        poll_every: timedelta = POLL_EVERY,
    ) -> None:
        self._services = services
        self._stations = stations
        self._chores = chores
        self._poll_every = poll_every
        self._stop = asyncio.Event()

    async def run(self) -> None:
        """Work until `stop` is called and what is in hand is done."""
        if self._stop.is_set():
            return
        for station in self._stations:
            station.handoff(self._services.handoffs).open()
        async with asyncio.TaskGroup() as group:
            for station in self._stations:
                self._start(group, station)
                group.create_task(self._repeat(station.name, self._poll_every, self._poller(station)))
            for chore in self._chores:
                group.create_task(self._repeat(chore.name, chore.every, self._runner(chore)))

    def stop(self) -> None:
        """Begin to stop."""
        self._stop.set()
        self._services.stopping.set()
        for station in self._stations:
            station.handoff(self._services.handoffs).close()

    def _start(self, group: asyncio.TaskGroup, station: Station[Any]) -> None:
        if station.lane is None:
            for _ in range(station.hands):
                group.create_task(self._serve(station))
        else:
            group.create_task(self._dispatch(group, station))

    async def _serve(self, station: Station[Any]) -> None:
        """One pair of hands."""
        handoff = station.handoff(self._services.handoffs)
        while items := await handoff.take(station.at_once):
            await self._services.ingress.stand_back(self._services.policy.background_patience)
            await self._guarded(station.name, station.work(self._services, items))

    async def _dispatch(self, group: asyncio.TaskGroup, station: Station[Any]) -> None:
        """Sort items into their lanes."""

        async def work(item: Any) -> None:
            await self._services.ingress.stand_back(self._services.policy.background_patience)
            await self._guarded(station.name, station.work(self._services, [item]))

        assert station.lane is not None
        lanes: Lanes[Any] = Lanes(group, work, station.lane, hands=station.hands)
        handoff = station.handoff(self._services.handoffs)
        while items := await handoff.take(LEASED_AT_ONCE):
            overflow = [item for item in items if not lanes.put(item)]
            if overflow and station.release is not None:
                await self._guarded(station.name, station.release(self._services, overflow))
        lanes.clear()

    def _poller(self, station: Station[Any]) -> Callable[[], Awaitable[bool]]:
        async def poll() -> bool:
            handoff = station.handoff(self._services.handoffs)
            limit = min(handoff.room, LEASED_AT_ONCE)
            if not limit:
                return False
            items = await station.lease(self._services, limit)
            handoff.offer(items)
            return len(items) == limit

        return poll

    def _runner(self, chore: Chore) -> Callable[[], Awaitable[bool]]:
        async def run() -> bool:
            return await chore.run(self._services)

        return run

    async def _repeat(self, name: str, every: timedelta, step: Callable[[], Awaitable[bool]]) -> None:
        """Run `step` again and again: at once while it finds more to do, after a rest otherwise."""
        while not self._stop.is_set():
            more = await self._guarded(name, step())
            await self._services.ingress.stand_back(self._services.policy.background_patience)
            if not more:
                # Jittered, so that the nodes of a service do not ask in step.
                rest = every.total_seconds() * (0.5 + self._services.chance())
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._stop.wait(), rest)

    async def _guarded(self, name: str, work: Awaitable[Any]) -> Any:
        """Run `work`; what it was about stays leased, and comes due again, when it fails."""
        try:
            return await work
        except Exception:
            logger.exception("%s.failed: what it was about comes due again", name)
            return None


async def work_off(services: Services, *, stations: Sequence[Station[Any]] = STATIONS) -> int:
    """Lease everything that is due now, work off everything that was handed over, and return how much that was.

    What the loops do without end, done once: for tests and for the command line.
    """
    done = 0
    for station in stations:
        handoff = station.handoff(services.handoffs)
        handoff.open()
        handoff.offer(await station.lease(services, LEASED_AT_ONCE))
        while len(handoff):
            items = await handoff.take(station.at_once)
            await station.work(services, items)
            done += len(items)
    return done
