"""Ending a job without a result: failed, canceled, expired. One transaction moves the job, closes its tasks and owes
the news to its consumer.

Tasks are locked before their job, here as in every transaction that moves both: were it done in two orders, a cancel
and a callback that meet would wait for each other until the database kills one of them.
"""

from collections.abc import Mapping
from typing import Any, Final

from orchestrator.domain.ids import JobId
from orchestrator.domain.job import Failure, Job, JobState
from orchestrator.domain.task import FAIL as FAIL_TASK
from orchestrator.domain.task import OPEN, Task, TaskState
from orchestrator.domain.transition import Transition
from orchestrator.lifecycle.announce import announce, told
from orchestrator.lifecycle.parcels import Parcel
from orchestrator.lifecycle.services import Services
from orchestrator.storage.callbacks import find_unsettled
from orchestrator.storage.database import Tx
from orchestrator.storage.jobs import move_jobs
from orchestrator.storage.tasks import close_tasks, lock_tasks, move_tasks
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
    fence = {} if attempt is None else {"attempt": attempt}
    async with services.db.writing() as tx:
        await lock_tasks(tx, job_id)
        moved, parcels = await _end(services, tx, move, job_id, failure, fence)
    told(services, moved, parcels)
    return moved[0] if moved else None


async def end_job_of(
    services: Services,
    move: Transition[JobState],
    task: Task,
    failure: Failure,
    *,
    closing: Transition[TaskState] = FAIL_TASK,
) -> None:
    """Apply `move` on behalf of a leased task, which ends by `closing`, whatever has become of its job.

    Nothing happens when the lease was lost, or the task of a job that was retried since could end it anew. Nor while a
    reply about the job lies unsettled in the inbox: what was acknowledged is heard before a job is given up. The lease
    is left to run out then, and the question comes up again.
    """
    now = services.now()
    row = {"id": task.id, "attempt": task.attempt, "finished_at": now, "last_error": failure.code}
    moved: list[Job] = []
    parcels: list[Parcel] = []
    async with services.db.writing() as tx:
        # The lock also keeps new replies out until we are through: recording one needs a share of its task's row.
        await lock_tasks(tx, task.job_id, against_replies=True)
        if not await find_unsettled(tx, task.job_id) and await move_tasks(tx, closing, [row], fenced=True):
            moved, parcels = await _end(services, tx, move, task.job_id, failure, {})
    told(services, moved, parcels)


async def _end(
    services: Services,
    tx: Tx,
    move: Transition[JobState],
    job_id: JobId,
    failure: Failure,
    fence: Mapping[str, Any],
) -> tuple[list[Job], list[Parcel]]:
    now = services.now()
    row = {"id": job_id, "error": as_json(failure.as_dict()), "finished_at": now, **fence}
    moved = await move_jobs(tx, move, [row], fenced=bool(fence))
    await close_tasks(tx, [job.id for job in moved], states=OPEN, reason=failure.code, now=now)
    return moved, await announce(services, tx, moved, {})
