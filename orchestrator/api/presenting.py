"""Jobs as their consumer sees them, read together with their tasks and assets."""

from collections.abc import Sequence
from typing import Final

from orchestrator.domain.ids import ConsumerId, JobId
from orchestrator.domain.job import Job, JobState
from orchestrator.lifecycle.present import JobObject, Links, job_object
from orchestrator.lifecycle.services import Services
from orchestrator.storage.assets import list_assets
from orchestrator.storage.database import Tx
from orchestrator.storage.jobs import get_job
from orchestrator.storage.tasks import list_tasks

FINAL: Final = frozenset(state for state in JobState if state.is_final)


def links_of(services: Services) -> Links:
    """Where this service's jobs and assets are found."""
    return Links(services.policy, services.secret_keys[0])


async def read_job(services: Services, job_id: JobId, *, consumer_id: ConsumerId) -> JobObject:
    """The consumer's job, or NotFound."""
    async with services.db.reading() as tx:
        job = await get_job(tx, job_id, consumer_id=consumer_id)
        return (await show_jobs(services, tx, [job]))[0]


async def show_job(services: Services, job: Job) -> JobObject:
    """A job that a verb has returned."""
    async with services.db.reading() as tx:
        return (await show_jobs(services, tx, [job]))[0]


async def show_jobs(services: Services, tx: Tx, jobs: Sequence[Job]) -> list[JobObject]:
    """Several jobs, with two statements for all of them."""
    if not jobs:
        return []
    tasks = await list_tasks(tx, [job.id for job in jobs])
    done = [job.id for job in jobs if job.state is JobState.SUCCEEDED]
    assets = await list_assets(tx, done) if done else {}
    links = links_of(services)
    return [job_object(job, assets.get(job.id, ()), tasks[job.id], links=links) for job in jobs]
