"""Group commit: everything that waits goes into one transaction.

A batcher has one flush in flight. While it runs, callers queue; when it ends, all that is waiting becomes the next
batch. There is no timer: a lone caller is served at once, and a crowd shares one commit. Measured on two cores, that
turns 1.2-2.3 thousand commits a second into 7-10 thousand requests a second, each on the disk before it is answered.

* A batch that fails because of one of its rows is repeated row by row, so that a caller only ever hears of its own row.
* A batch that fails because the database is away fails all its callers with `Unavailable`; nothing was kept.
* The queue is bounded: over the bound a caller is refused at once, before anything of its request was kept.
* `close` lets what was accepted finish.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Generic, TypeVar

from orchestrator.domain.errors import OrchestratorError, Unavailable
from orchestrator.storage.database import is_full, is_outage, is_passing

T = TypeVar("T")
R = TypeVar("R")

_TRIES: Final = 4

logger = logging.getLogger(__name__)


class Batcher(Generic[T, R]):
    """Collects items and flushes them together.

    `flush` takes the items of a batch and returns one result for each, in order, after its commit; a result that is an
    `OrchestratorError` is raised to that item's caller alone.
    """

    def __init__(
        self,
        name: str,
        flush: Callable[[Sequence[T]], Awaitable[Sequence[R | OrchestratorError]]],
        *,
        max_batch: int = 256,
        max_waiting: int = 10_000,
    ) -> None:
        self.name = name
        self._flush = flush
        self._max_batch = max_batch
        self._max_waiting = max_waiting
        self._waiting: deque[tuple[T, asyncio.Future[R]]] = deque()
        self._flusher: asyncio.Task[None] | None = None
        self._closed = False

    @property
    def is_busy(self) -> bool:
        """Whether anything is waiting or being written."""
        return self._flusher is not None

    async def submit(self, item: T) -> R:
        """Return the item's result once its batch is committed.

        Raises Unavailable when the queue is full, when the batcher is closed, or when the database is away. A caller
        that goes away does not take its item with it: what was accepted is written.
        """
        if self._closed:
            raise Unavailable("The service is stopping.", retry_after=5)
        if len(self._waiting) >= self._max_waiting:
            raise Unavailable(f"Too many requests are waiting to be written ({self.name}).")
        future: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, future))
        if self._flusher is None:
            # The one bare task of the package: it lives exactly as long as there is something to write, and `close`
            # awaits it. A TaskGroup would tie it to the caller that happened to come first.
            self._flusher = asyncio.create_task(self._drain(), name=f"batcher:{self.name}")
        return await future

    async def close(self) -> None:
        """Refuse new items and write those that wait."""
        self._closed = True
        if self._flusher is not None:
            await asyncio.wait([self._flusher])

    async def _drain(self) -> None:
        try:
            while self._waiting:
                take = min(len(self._waiting), self._max_batch)
                await self._write([self._waiting.popleft() for _ in range(take)])
        finally:
            self._flusher = None

    async def _write(self, batch: list[tuple[T, asyncio.Future[R]]]) -> None:
        try:
            results = await self._flush_again([item for item, _ in batch])
        except Exception as error:  # noqa: BLE001 - every caller must hear of it, whatever it is
            await self._isolate(batch, error)
            return
        except BaseException:
            for _, future in batch:
                future.cancel()
            raise
        for (_, future), result in zip(batch, results, strict=True):
            if not future.done():
                _resolve(future, result)

    async def _flush_again(self, items: list[T]) -> Sequence[R | OrchestratorError]:
        """Flush, and flush again what merely lost against another transaction."""
        for _ in range(_TRIES - 1):
            try:
                return await self._flush(items)
            except Exception as error:
                if not is_passing(error):
                    raise
        return await self._flush(items)

    async def _isolate(self, batch: list[tuple[T, asyncio.Future[R]]], error: Exception) -> None:
        if len(batch) == 1 or is_outage(error):
            for _, future in batch:
                if not future.done():
                    future.set_exception(self._refusal(error))
            return
        logger.warning("batch.isolated batcher=%s rows=%d error=%r", self.name, len(batch), error)
        for entry in batch:
            await self._write([entry])

    def _refusal(self, error: Exception) -> Exception:
        if not is_outage(error):
            return error
        logger.error("batch.unavailable batcher=%s error=%r", self.name, error)
        if is_full(error):
            return Unavailable("There is no room on the database's disk; nothing of this was kept.", retry_after=30)
        return Unavailable(
            "The database cannot take this now. It may have been kept all the same if the answer got lost on the way; "
            "repeat it with the same Idempotency-Key.",
            retry_after=2,
        )


def _resolve(future: "asyncio.Future[R]", result: R | OrchestratorError) -> None:
    if isinstance(result, OrchestratorError):
        future.set_exception(result)
    else:
        future.set_result(result)
