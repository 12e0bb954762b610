"""Accept: an order becomes a job with its first task, durably, before it is answered.

Orders that arrive together share a transaction. A job that this process will submit is born leased to it and handed
over in memory; when its hand-off is full, the job is written unleased and waits its turn in the database.

The same Idempotency-Key again returns the job that it made, when the request is the same; another request under it
is refused. Which of two first requests wins is decided by a unique index and not by looking first.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from orchestrator.domain.errors import KeyReused, OrchestratorError, Rejected
from orchestrator.domain.ids import ConsumerId, JobId, TaskId
from orchestrator.domain.job import Job, JobState
from orchestrator.domain.operations import OPERATIONS
from orchestrator.domain.task import Task, TaskState
from orchestrator.lifecycle.metrics import ACCEPTED
from orchestrator.lifecycle.services import Services
from orchestrator.storage.database import Tx
from orchestrator.storage.jobs import find_by_idempotency_key, insert_jobs
from orchestrator.storage.tasks import insert_tasks, list_tasks
from orchestrator.storage.types import as_json


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What a consumer asks for, already checked."""

    consumer_id: ConsumerId
    operation: str
    input: Mapping[str, Any]
    input_blob: str | None = None
    uploads: Sequence[Mapping[str, Any]] | None = None
    provider: str | None = None
    callback_url: str | None = None
    metadata: Mapping[str, Any]
    deadline: timedelta | None = None
    trace_id: str | None = None
    idempotency_key: str | None = None
    request_digest: str
    """SHA-256 of the request, hex: tells a repetition from another request under the same key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """A job that is in the database."""

    job: Job
    tasks: Sequence[Task]
    is_replay: bool


async def accept(services: Services, order: Order) -> Accepted:
    """Return the job once it is committed.

    Raises Rejected for an unknown operation or provider, KeyReused, and Unavailable when nothing could be kept.
    """
    if order.operation not in OPERATIONS:
        raise Rejected("operation", f"{order.operation!r} is unknown; use one of {', '.join(sorted(OPERATIONS))}.")
    job = _draft(services, order)
    task = draft_task(services, job)
    with services.ingress:
        return await services.together(_accept_all, _Draft(order, job, task))


async def _accept_all(services: Services, drafts: Sequence["_Draft"]) -> Sequence[Accepted | OrchestratorError]:
    room = services.handoffs.submit.room
    drafts = [draft.leased(services) if place < room else draft for place, draft in enumerate(drafts)]
    async with services.db.writing() as tx:
        new = await insert_jobs(tx, [_job_row(draft.job, draft.order) for draft in drafts])
        born = [draft for draft in drafts if draft.job.id in new]
        await insert_drafts(tx, [draft.task for draft in born])
        results = [
            Accepted(job=draft.job, tasks=[draft.task], is_replay=False)
            if draft.job.id in new
            else await _replay(tx, draft)
            for draft in drafts
        ]
    services.handoffs.submit.offer((draft.job, draft.task) for draft in born if draft.task.attempt)
    for draft in born:
        ACCEPTED.labels(draft.job.operation).inc()
    return results


@dataclass(frozen=True, slots=True)
class _Draft:
    """An order with the rows it becomes. Drafted once, so that a batch that is written again has the same ids."""

    order: Order
    job: Job
    task: Task

    def leased(self, services: Services) -> "_Draft":
        return replace(self, task=lease_draft(services, self.task))


def _draft(services: Services, order: Order) -> Job:
    now = services.now()
    job_id = JobId(services.new_id())
    provider = services.providers.resolve(order.provider).name
    deadline_at = now + (order.deadline or OPERATIONS[order.operation].deadline)
    return Job(
        id=job_id,
        consumer_id=order.consumer_id,
        operation=order.operation,
        provider=provider,
        state=JobState.QUEUED,
        revision=1,
        attempt=0,
        attempt_before=0,
        due_at=None,
        input=order.input,
        input_blob=order.input_blob,
        uploads=order.uploads,
        metadata=order.metadata,
        callback_url=order.callback_url,
        trace_id=order.trace_id or job_id,
        progress=None,
        partial=False,
        error=None,
        upstream_created=None,
        deadline_at=deadline_at,
        created_at=now,
        submitted_at=None,
        finished_at=None,
    )


def draft_task(services: Services, job: Job) -> Task:
    """A new task for `job`, due at once."""
    now = services.now()
    return Task(
        id=TaskId(services.new_id()),
        job_id=job.id,
        operation=job.operation,
        provider=job.provider,
        state=TaskState.QUEUED,
        attempt=0,
        due_at=now,
        sends=0,
        asks=0,
        absences=0,
        upstream_task_id=None,
        recovered_by=None,
        last_error=None,
        sent_at=None,
        deadline_at=job.deadline_at,
        created_at=now,
        finished_at=None,
    )


def lease_draft(services: Services, task: Task) -> Task:
    """The same task, born leased to this process."""
    return replace(task, attempt=1, due_at=services.now() + services.policy.lease)


async def insert_drafts(tx: Tx, drafts: Sequence[Task]) -> None:
    """Write tasks that `draft_task` drafted."""
    await insert_tasks(tx, [_task_row(task) for task in drafts])


async def _replay(tx: Tx, draft: _Draft) -> Accepted | OrchestratorError:
    order = draft.order
    if order.idempotency_key is None:
        # Our own row, from a commit whose answer was lost.
        return Accepted(job=draft.job, tasks=[draft.task], is_replay=False)
    found = await find_by_idempotency_key(tx, order.consumer_id, order.idempotency_key)
    assert found is not None
    job, digest = found
    if digest != order.request_digest:
        return KeyReused("Idempotency-Key", "this key was used with another request; use a new key for a new request.")
    return Accepted(job=job, tasks=(await list_tasks(tx, [job.id]))[job.id], is_replay=True)


def _job_row(job: Job, order: Order) -> dict[str, Any]:
    return {
        "id": job.id,
        "consumer_id": job.consumer_id,
        "operation": job.operation,
        "provider": job.provider,
        "state": job.state,
        "revision": job.revision,
        "attempt": job.attempt,
        "attempt_before": job.attempt_before,
        "input": as_json(job.input),
        "input_blob": job.input_blob,
        "uploads": as_json(job.uploads),
        "metadata": as_json(job.metadata),
        "callback_url": job.callback_url,
        "trace_id": job.trace_id,
        "partial": job.partial,
        "idempotency_key": order.idempotency_key,
        "request_digest": order.request_digest,
        "deadline_at": job.deadline_at,
        "created_at": job.created_at,
    }


def _task_row(task: Task) -> dict[str, Any]:
    return {
        "id": task.id,
        "job_id": task.job_id,
        "operation": task.operation,
        "provider": task.provider,
        "state": task.state,
        "attempt": task.attempt,
        "due_at": task.due_at,
        "sends": task.sends,
        "asks": task.asks,
        "absences": task.absences,
        "deadline_at": task.deadline_at,
        "created_at": task.created_at,
    }
