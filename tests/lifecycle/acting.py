"""What tests of the verbs do again and again: ask for a job, call back, look."""

import json
from collections.abc import Sequence
from typing import Any

from orchestrator.domain.ids import ConsumerId, JobId, TaskId
from orchestrator.domain.job import Job
from orchestrator.domain.task import Task
from orchestrator.lifecycle.accept import Accepted, Order, accept
from orchestrator.lifecycle.receive import receive
from orchestrator.lifecycle.services import Services
from orchestrator.storage.callbacks import list_by_task
from orchestrator.storage.endpoints import insert_endpoint
from orchestrator.storage.jobs import get_job
from orchestrator.storage.tasks import list_tasks

IMAGES = "openai/images/generations"


async def ask(services: Services, consumer: ConsumerId, **changes: Any) -> Accepted:
    """Have a job accepted."""
    order = {
        "consumer_id": consumer,
        "operation": IMAGES,
        "input": {"model": "gpt-image-2", "prompt": "a heron in the reeds"},
        "metadata": {},
        "request_digest": "digest",
    }
    return await accept(services, Order(**(order | changes)))


async def call_back(services: Services, task: Task | str, body: Any) -> None:
    """What the receiver does with a callback."""
    task_id = TaskId(task if isinstance(task, str) else task.id)
    await receive(services, task_id, body=json.dumps(body).encode(), decoded=body)


async def see(services: Services, job_id: JobId) -> Job:
    """The job as it is now."""
    async with services.db.reading() as tx:
        return await get_job(tx, job_id)


async def see_tasks(services: Services, job_id: JobId) -> Sequence[Task]:
    """Its tasks as they are now."""
    async with services.db.reading() as tx:
        return (await list_tasks(tx, [job_id]))[job_id]


async def see_inbox(services: Services, job_id: JobId) -> list[str]:
    """What became of each reply about the job, in the order of arrival."""
    tasks = await see_tasks(services, job_id)
    async with services.db.reading() as tx:
        return [str(state) for _, state in await list_by_task(tx, [task.id for task in tasks])]


async def listen(services: Services, consumer: ConsumerId, url: str, *events: str) -> str:
    """Register an endpoint, and return its secret."""
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    async with services.db.writing() as tx:
        await insert_endpoint(
            tx,
            {
                "id": services.new_id(),
                "consumer_id": consumer,
                "url": url,
                "events": list(events or ("*",)),
                "description": "",
                "secret": secret,
                "created_at": services.now(),
            },
        )
    return secret
