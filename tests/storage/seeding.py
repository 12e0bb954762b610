"""Rows to begin a storage test with."""

from datetime import datetime, timedelta
from typing import Any

import uuid_utils

from orchestrator.domain.ids import ConsumerId, JobId, TaskId
from orchestrator.storage.consumers import insert_consumer
from orchestrator.storage.database import Database
from orchestrator.storage.jobs import insert_jobs
from orchestrator.storage.tasks import insert_tasks
from orchestrator.storage.types import as_json


def new_id() -> str:
    """A fresh UUIDv7."""
    return str(uuid_utils.uuid7())


async def seed_consumer(db: Database, now: datetime) -> ConsumerId:
    """A consumer."""
    consumer_id = ConsumerId(new_id())
    async with db.writing() as tx:
        row = {"id": consumer_id, "name": consumer_id, "webhook_secret": "whsec_x", "created_at": now}
        await insert_consumer(tx, row)
    return consumer_id


def job_row(consumer_id: ConsumerId, now: datetime, **changes: Any) -> dict[str, Any]:
    """A queued job as a row."""
    job_id = new_id()
    return {
        "id": job_id,
        "consumer_id": consumer_id,
        "operation": "openai/images/generations",
        "provider": "fake",
        "state": "queued",
        "revision": 1,
        "attempt": 0,
        "attempt_before": 0,
        "due_at": None,
        "input": as_json({"prompt": "a heron"}),
        "metadata": as_json({}),
        "trace_id": job_id,
        "partial": False,
        "idempotency_key": None,
        "request_digest": "digest",
        "deadline_at": now + timedelta(hours=1),
        "created_at": now,
        "finished_at": None,
        "error": None,
    } | changes


def task_row(job_id: JobId, now: datetime, **changes: Any) -> dict[str, Any]:
    """A queued task as a row, due now."""
    return {
        "id": new_id(),
        "job_id": job_id,
        "operation": "openai/images/generations",
        "provider": "fake",
        "state": "queued",
        "attempt": 0,
        "due_at": now,
        "sends": 0,
        "asks": 0,
        "absences": 0,
        "sent_at": None,
        "finished_at": None,
        "deadline_at": now + timedelta(hours=1),
        "created_at": now,
    } | changes


async def seed_job(db: Database, now: datetime, **changes: Any) -> JobId:
    """A job of a consumer of its own."""
    row = job_row(await seed_consumer(db, now), now, **changes)
    async with db.writing() as tx:
        await insert_jobs(tx, [row])
    return JobId(row["id"])


async def seed_tasks(db: Database, now: datetime, count: int = 1, **changes: Any) -> list[TaskId]:
    """Tasks of one job."""
    job_id = await seed_job(db, now)
    rows = [task_row(job_id, now, **changes) for _ in range(count)]
    async with db.writing() as tx:
        await insert_tasks(tx, rows)
    return [TaskId(row["id"]) for row in rows]
