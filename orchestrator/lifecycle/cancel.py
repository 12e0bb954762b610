"""Cancel: a consumer wants a job no more.

What is at the provider cannot be called back: it may still be made and charged. Its result is then kept in the inbox,
marked late, and told to nobody.
"""

from typing import Final

from orchestrator.domain.errors import Conflict
from orchestrator.domain.ids import ConsumerId, JobId
from orchestrator.domain.job import CANCEL, Failure, Job, JobState
from orchestrator.lifecycle.end import end_job
from orchestrator.lifecycle.services import Services
from orchestrator.storage.jobs import get_job

_CANCELED: Final = Failure(code="canceled", message="The job was canceled.", retryable=True)


async def cancel(services: Services, job_id: JobId, *, consumer_id: ConsumerId) -> Job:
    """Return the canceled job, also when it was canceled before. Raises NotFound, or Conflict when it has ended."""
    async with services.db.reading() as tx:
        job = await get_job(tx, job_id, consumer_id=consumer_id)
    if not job.state.is_final:
        await end_job(services, CANCEL, job_id, _CANCELED)
        async with services.db.reading() as tx:
            job = await get_job(tx, job_id, consumer_id=consumer_id)
    if job.state is not JobState.CANCELED:
        raise Conflict(f"The job {job_id} has {job.state} already; only a job that has not ended can be canceled.")
    return job
