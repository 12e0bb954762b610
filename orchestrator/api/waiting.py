"""Holding a request until a job is where the client wants it: `Prefer: wait`, `?wait=` and nothing in between.

The wait begins before the job is read, so that a change between the two is not slept through.
"""

import asyncio
import re
from collections.abc import Callable
from typing import Final

from orchestrator.api.presenting import read_job
from orchestrator.domain.ids import ConsumerId, JobId
from orchestrator.lifecycle.present import JobObject
from orchestrator.lifecycle.services import Services

_WAIT: Final = re.compile(r"(?:^|[,;])\s*wait\s*=\s*\"?(\d{1,9})\"?\s*(?=[,;]|$)", re.IGNORECASE)


async def hold(
    services: Services,
    job_id: JobId,
    *,
    consumer_id: ConsumerId,
    seconds: float,
    enough: Callable[[JobObject], bool],
) -> JobObject:
    """The job as soon as it is `enough`, or as it is when `seconds` are over. Raises NotFound."""
    loop = asyncio.get_running_loop()
    deadline, revision = loop.time() + seconds, 0
    while True:
        change = services.watch.begin(job_id, revision)
        try:
            job = await read_job(services, job_id, consumer_id=consumer_id)
            left = deadline - loop.time()
            if enough(job) or left <= 0 or services.watch.is_stopping:
                return job
            # Whether the change came or the time ran out, the job is read once more: a change that another process
            # made in the last moment is news all the same.
            await services.watch.wait(change, seconds=left)
            revision = job.revision
        finally:
            services.watch.end(job_id, change)


def preferred_wait(prefer: str | None, *, most: float) -> int | None:
    """The whole seconds of `Prefer: wait=N` (RFC 7240), at most `most`; None without one.

    A preference that cannot be understood is passed over, as the standard asks.
    """
    found = _WAIT.search(prefer or "")
    return min(int(found[1]), int(most)) or None if found else None
