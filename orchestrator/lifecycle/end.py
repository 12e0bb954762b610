"""Ending a job without a result: failed, canceled, expired. One transaction moves the job, closes its tasks and owes
the news to its consumer."""

from typing import Any, Final

from orchestrator.domain.ids import JobId
from orchestrator.domain.job import Failure, Job, JobState
from orchestrator.domain.task import OPEN
from orchestrator.domain.transition import Transition
from orchestrator.lifecycle.announce import announce, told
from orchestrator.lifecycle.services import Services
from orchestrator.storage.jobs import move_jobs
from orchestrator.storage.tasks import close_tasks
from orchestrator.storage.types import as_json

EXPIRED: Final = Failure(code="expired", message="No result arrived before the job's deadline.", retryable=True)


async def end_job(
    services: Services,
    move: Transition[JobState],
    job_id: JobId,
    failure: Failure,
    *,
    attempt: int | None = None,
) -> Job | None:
    """Apply `move`, or return None when the job's state does not allow it any more.

    With `attempt`, also when that lease of the job was lost.
    """
    now = services.now()
    row: dict[str, Any] = {"id": job_id, "error": as_json(failure.as_dict()), "finished_at": now}
    if attempt is not None:
        row["attempt"] = attempt
    async with services.db.writing() as tx:
        moved = await move_jobs(tx, move, [row], fenced=attempt is not None)
        await close_tasks(tx, [job.id for job in moved], states=OPEN, reason=failure.code, now=now)
        parcels = await announce(services, tx, moved, {})
    told(services, moved, parcels)
    return moved[0] if moved else None
