"""What tests of the verbs do again and again: ask for a job, call back, look."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from sqlalchemy import text
from starlette.responses import Response

from orchestrator.blobs.base import BlobStore
from orchestrator.blobs.keep import Keeper
from orchestrator.domain.asset import Asset
from orchestrator.domain.delivery import Attempt, Delivery
from orchestrator.domain.ids import ConsumerId, JobId, TaskId
from orchestrator.domain.job import Job
from orchestrator.domain.task import Task
from orchestrator.egress.client import open_session
from orchestrator.lifecycle.accept import Accepted, Order, accept
from orchestrator.lifecycle.cancel import cancel
from orchestrator.lifecycle.ingress import Ingress
from orchestrator.lifecycle.receive import receive
from orchestrator.lifecycle.services import Handoffs, Services
from orchestrator.lifecycle.watch import Watch
from orchestrator.providers.provider import Provider
from orchestrator.providers.registry import Providers
from orchestrator.storage.assets import list_assets
from orchestrator.storage.callbacks import list_by_task
from orchestrator.storage.database import Database
from orchestrator.storage.deliveries import list_attempts, list_deliveries
from orchestrator.storage.endpoints import insert_endpoint
from orchestrator.storage.jobs import get_job
from orchestrator.storage.tasks import list_tasks
from tests.clock import Clock
from tests.fakes import World
from tests.working import run_until_idle

IMAGES = "openai/images/generations"
FAILURE: dict[str, Any] = {"success": False, "error": {"code": "content_policy", "message": "Not this one."}}
"""A callback that ends its task."""


def change(services: Services, **changes: Any) -> None:
    """Give the verbs other numbers to obey."""
    services.policy = replace(services.policy, **changes)


@asynccontextmanager
async def another(services: Services) -> AsyncIterator[Services]:
    """Another process's services: the same database, store and time, and nothing else in common."""
    other = replace(
        services,
        db=Database(services.db.url.render_as_string(hide_password=False)),
        session=open_session(services.guard),
        providers=Providers([Provider("fake", base_url=services.providers.resolve(None)._base_url, token="t")]),
        handoffs=Handoffs(),
        watch=Watch(),
        ingress=Ingress(),
        big_bodies=asyncio.Lock(),
        downloads=asyncio.Semaphore(8),
        _batchers={},
    )
    try:
        yield other
    finally:
        await other.close()


async def move_provider(services: Services, url: str) -> None:
    """From now on the provider is elsewhere."""
    await services.providers.close()
    services.providers = Providers([Provider("fake", base_url=url, token="upstream-token")])


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


def move_store(services: Services, store: BlobStore) -> None:
    """From now on the bytes are kept elsewhere."""
    services.blobs, services.keeper = store, Keeper(store)


async def submitted(services: Services, consumer: ConsumerId, **changes: Any) -> tuple[Job, Task]:
    """Have a job accepted and all its due work done; the job as it is then, and its newest task."""
    accepted = await ask(services, consumer, **changes)
    await run_until_idle(services)
    return await see(services, accepted.job.id), (await see_tasks(services, accepted.job.id))[-1]


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


async def see_assets(services: Services, job_id: JobId) -> Sequence[Asset]:
    """Its media files, in order."""
    async with services.db.reading() as tx:
        return (await list_assets(tx, [job_id]))[job_id]


async def see_deliveries(services: Services, consumer: ConsumerId) -> list[Delivery]:
    """What was ever owed to a consumer, the oldest first."""
    async with services.db.reading() as tx:
        return (await list_deliveries(tx, consumer, limit=100))[::-1]


async def see_attempts(services: Services, delivery: Delivery) -> list[Attempt]:
    """The tries at one delivery."""
    async with services.db.reading() as tx:
        return await list_attempts(tx, delivery.id)


async def count(services: Services, table: str) -> int:
    """How many rows a table has."""
    async with services.db.reading() as tx:
        return int((await tx.execute(text(f"SELECT count(*) FROM {table}"))).scalar_one())


async def received(services: Services, consumer: ConsumerId, *links: str) -> Job:
    """A job whose provider has called back with these links, tried once."""
    job, task = await submitted(services, consumer)
    items = [{"url": link} for link in links]
    await call_back(services, task, {"success": True, "task_id": task.upstream_task_id, "data": items})
    await run_until_idle(services)
    return await see(services, job.id)


async def wait_out(services: Services, clock: Clock, job: Job, tries: int = 20) -> Job:
    """The job once it has ended, or as it is after so many tries."""
    for _ in range(tries):
        job = await see(services, job.id)
        if job.due_at is None:
            break
        clock.now = max(clock.now, job.due_at)
        await run_until_idle(services)
    return await see(services, job.id)


def progress(percent: Any, **more: Any) -> dict[str, Any]:
    """A callback of a service that tells how far it is."""
    return {"task_id": "up-1", "status": "processing", "progress": percent, **more}


async def tell(services: Services, consumer: ConsumerId) -> Job:
    """Have something to tell, and try once."""
    job, _ = await submitted(services, consumer)
    await cancel(services, job.id, consumer_id=consumer)
    await run_until_idle(services)
    return job


async def owed(services: Services, consumer: ConsumerId) -> Delivery:
    """The one thing that is or was owed."""
    (delivery,) = await see_deliveries(services, consumer)
    return delivery


async def in_doubt(services: Services, world: World, consumer: ConsumerId) -> tuple[Job, Task]:
    """A job whose submit may or may not have happened."""
    world.answers.append(Response(status_code=502))
    return await submitted(services, consumer)


def finished(world: World, *names: str, task_id: str = "up-1") -> dict[str, Any]:
    """The record of a task that has its result."""
    return {"id": task_id, "finished_at": 1770000300.5, "response": world.result(*names, task_id=task_id)}
