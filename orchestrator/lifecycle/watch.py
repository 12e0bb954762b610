"""Waiting for a job to change: long polls and server-sent events.

Inside the process a verb says after its commit which jobs it changed. Changes made by other processes are found by
one query for all watched jobs together (`look`, called about once a second), however many wait.
"""

import asyncio
from collections.abc import Iterable
from contextlib import suppress

from orchestrator.domain.ids import JobId
from orchestrator.storage.database import Database
from orchestrator.storage.jobs import list_revisions


class Watch:
    """Who waits for which job."""

    def __init__(self) -> None:
        self._waiting: dict[JobId, dict[asyncio.Future[None], int]] = {}
        self.is_stopping = False
        """Nobody is to wait any more."""

    def stop(self) -> None:
        """Wake everybody for good: the process is about to end, and must not be held up by those who wait."""
        self.is_stopping = True
        self.changed(list(self._waiting))

    def changed(self, job_ids: Iterable[JobId]) -> None:
        """Wake everybody who waits for one of these jobs."""
        if not self._waiting:
            return
        for job_id in job_ids:
            for future in self._waiting.get(job_id, ()):
                if not future.done():
                    future.set_result(None)

    def begin(self, job_id: JobId, revision: int) -> "asyncio.Future[None]":
        """Begin to wait for a change after `revision`. Begin before reading the job, or a change in between is lost."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(job_id, {})[future] = revision
        return future

    def end(self, job_id: JobId, future: "asyncio.Future[None]") -> None:
        """Stop waiting."""
        waiting = self._waiting.get(job_id, {})
        waiting.pop(future, None)
        if not waiting:
            self._waiting.pop(job_id, None)

    async def wait(self, future: "asyncio.Future[None]", *, seconds: float) -> bool:
        """Wait for the change, at most so long; whether it came."""
        with suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(future), seconds)
        return future.done()

    async def look(self, db: Database) -> None:
        """Find the changes that other processes made."""
        if not self._waiting:
            return
        async with db.reading() as tx:
            revisions = await list_revisions(tx, list(self._waiting))
        for job_id, revision in revisions.items():
            for future, seen in self._waiting.get(job_id, {}).items():
                if revision > seen and not future.done():
                    future.set_result(None)
