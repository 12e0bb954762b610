"""What the verbs work with: the database, the blob store, the outside world, the clock.

One value, made in `app.py`, passed first to every verb. Time, randomness and identifiers come from here, so that a
test decides them.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

from orchestrator.blobs.base import BlobStore
from orchestrator.blobs.keep import Keeper
from orchestrator.domain.errors import OrchestratorError, Unavailable
from orchestrator.domain.ids import JobId
from orchestrator.domain.job import Job
from orchestrator.domain.policy import Policy
from orchestrator.domain.task import Task
from orchestrator.egress.client import Session
from orchestrator.egress.guard import Guard
from orchestrator.lifecycle.handoff import Handoff
from orchestrator.lifecycle.ingress import Ingress
from orchestrator.lifecycle.parcels import Collection, Parcel, Reply
from orchestrator.lifecycle.watch import Watch
from orchestrator.providers.registry import Providers
from orchestrator.storage.batching import Batcher
from orchestrator.storage.database import Database

T = TypeVar("T")
R = TypeVar("R")


@dataclass(slots=True, kw_only=True)
class Handoffs:
    """What goes from verb to verb in memory, each behind a lease."""

    submit: Handoff[tuple[Job, Task]] = field(default_factory=lambda: Handoff("submit", capacity=4096))
    settle: Handoff[Reply] = field(default_factory=lambda: Handoff("settle", capacity=4096))
    collect: Handoff[Collection] = field(default_factory=lambda: Handoff("collect", capacity=1024))
    deliver: Handoff[Parcel] = field(default_factory=lambda: Handoff("deliver", capacity=4096))


@dataclass(slots=True, kw_only=True)
class Services:
    """Everything that a verb may touch."""

    db: Database
    blobs: BlobStore
    guard: Guard
    session: Session
    """The guarded way to endpoints."""
    media: Session
    """The guarded way to media links, apart from endpoints: those that hang must not keep files from being fetched."""
    providers: Providers
    policy: Policy
    secret_keys: Sequence[str] = field(repr=False)
    """The first signs, all verify."""
    now: Callable[[], datetime]
    new_id: Callable[[], str]
    """A fresh UUIDv7."""
    chance: Callable[[], float]
    """A random number in [0, 1), for jitter."""
    random_bytes: Callable[[int], bytes]
    keeper: Keeper = field(init=False)
    handoffs: Handoffs = field(default_factory=Handoffs)
    big_bodies: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held by whoever has a body over the inline limit in memory."""
    big_inputs: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(4))
    """Held by whoever has a job's big input or its files in memory, to submit them."""
    downloads: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(64))
    """Bounds the downloads under way, and with them their memory."""
    collecting: dict[tuple[JobId, int], Job] = field(default_factory=dict)
    """The jobs whose files are being fetched now: their leases are renewed for as long as that takes."""
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the process begins to stop: nobody is to rest any longer."""
    watch: Watch = field(default_factory=Watch)
    ingress: Ingress = field(default_factory=Ingress)
    _batchers: dict[Any, Batcher[Any, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.keeper = Keeper(self.blobs)

    async def together(
        self,
        flush: Callable[["Services", Sequence[T]], Awaitable[Sequence[R | OrchestratorError]]],
        item: T,
    ) -> R:
        """Run `flush` for `item` in one transaction with everything else that waits for the same `flush`.

        Raises Unavailable when too much waits already, and what `flush` returned for this item if that is an error.
        """
        batcher: Batcher[T, R] | None = self._batchers.get(flush)
        if batcher is None:

            async def run(items: Sequence[T]) -> Sequence[R | OrchestratorError]:
                return await flush(self, items)

            batcher = self._batchers[flush] = Batcher(flush.__name__.strip("_"), run)
        return await batcher.submit(item)

    async def persist(
        self,
        flush: Callable[["Services", Sequence[T]], Awaitable[Sequence[R | OrchestratorError]]],
        item: T,
    ) -> R:
        """`together` for what must not be lost: while the database is away it is tried again, for as long as a lease.

        What a provider answered to a submit was paid for. Were it dropped at the first failed write, the task would be
        in doubt, and in the end submitted again.
        """
        give_up_at = self.now() + self.policy.lease
        while True:
            try:
                return await self.together(flush, item)
            except Unavailable:
                if self.stopping.is_set() or self.now() >= give_up_at:
                    raise
            with suppress(TimeoutError):
                await asyncio.wait_for(self.stopping.wait(), self.policy.rest.total_seconds())

    async def close(self) -> None:
        """Write what waits, then let go of the outside world."""
        for batcher in self._batchers.values():
            await batcher.close()
        await self.session.close()
        await self.media.close()
        await self.providers.close()
        await self.db.close()
