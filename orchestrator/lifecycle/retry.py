"""Retry: submit a job again that failed, expired or was canceled. It is a new task, and it costs again."""

from orchestrator.domain.errors import Conflict
from orchestrator.domain.ids import ConsumerId, JobId
from orchestrator.domain.job import RETRY, Job
from orchestrator.domain.task import OPEN
from orchestrator.lifecycle.accept import draft_task, insert_drafts, lease_draft
from orchestrator.lifecycle.services import Services
from orchestrator.storage.assets import delete_assets
from orchestrator.storage.jobs import get_job, move_jobs
from orchestrator.storage.tasks import close_tasks, list_tasks


async def retry(services: Services, job_id: JobId, *, consumer_id: ConsumerId) -> Job:
    """Return the job, queued again with a fresh deadline. Raises NotFound, or Conflict when it is not to be retried."""
    now = services.now()
    async with services.db.reading() as tx:
        job = await get_job(tx, job_id, consumer_id=consumer_id)
        first, *_ = (await list_tasks(tx, [job_id]))[job_id]
    if job.state not in RETRY.sources:
        raise Conflict(f"The job {job_id} is {job.state}; only a failed, expired or canceled job can be retried.")
    # The first task knows the deadline that the job was accepted with; the job's own was moved by each retry.
    deadline_at = now + (first.deadline_at - job.created_at)
    fresh = {"deadline_at": deadline_at, "error": None, "progress": None, "partial": False}
    async with services.db.writing() as tx:
        moved = await move_jobs(tx, RETRY, [{"id": job_id, **fresh}])
        if not moved:
            raise Conflict(f"The job {job_id} is being retried already.")
        await close_tasks(tx, [job_id], states=OPEN, reason="The job was retried.", now=now)
        await delete_assets(tx, [job_id])
        task = draft_task(services, moved[0])
        if services.handoffs.submit.room:
            task = lease_draft(services, task)
        await insert_drafts(tx, [task])
    if task.attempt:
        services.handoffs.submit.offer([(moved[0], task)])
    services.watch.changed([job_id])
    return moved[0]
