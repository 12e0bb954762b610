"""Submit: hand a leased task to its provider, once.

A submit costs money and cannot be taken back, so the order of things is the point of this module: the task is marked
`sending` and committed before the first byte leaves. Whatever happens after that (no answer, a reset, a 500, our own
death) leaves a task that may have been started; it becomes `unknown`, and `reconcile` asks the provider for it by
`trace_id`. Only where nothing was started (429, connection refused) does the task go back to its queue.
"""

import logging
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, assert_never

from orchestrator.domain.backoff import exponential
from orchestrator.domain.job import EXPIRE, SUBMIT, Job
from orchestrator.domain.operations import OPERATIONS
from orchestrator.domain.policy import Policy, Reach
from orchestrator.domain.signing import callback_token
from orchestrator.domain.task import BACK_OFF, DOUBT, Task
from orchestrator.lifecycle.end import EXPIRED, end_job_of
from orchestrator.lifecycle.inputs import load_submission
from orchestrator.lifecycle.metrics import SUBMITS
from orchestrator.lifecycle.receive import record_answer
from orchestrator.lifecycle.services import Services
from orchestrator.providers.provider import NotSent, ProviderReply
from orchestrator.providers.replies import Accepted, Ambiguous, Busy, Finished, Refused
from orchestrator.storage.database import Tx
from orchestrator.storage.jobs import move_jobs
from orchestrator.storage.tasks import acknowledge_tasks, close_useless, move_tasks, send_tasks

logger = logging.getLogger(__name__)

_STALE: Final = timedelta(seconds=5)
"""How long after a task was marked as sent its submit may still begin."""


async def submit(services: Services, job: Job, task: Task) -> None:
    """Submit the task, unless somebody else took it over or its job needs it no more."""
    if services.now() >= task.deadline_at:
        await end_job_of(services, EXPIRE, task, EXPIRED)
        return
    is_big = job.input_blob is not None or bool(job.uploads)
    async with services.big_inputs if is_big else nullcontext():
        reply = await _send(services, job, task)
    if reply is None:
        return
    SUBMITS.labels(type(reply.answer).__name__.lower()).inc()
    match reply.answer:
        case Accepted(task_id=upstream_task_id):
            await services.persist(_record_accepted, _Acknowledgement(job, task, upstream_task_id))
        case Finished() | Refused():
            await record_answer(services, task, reply)
        case Busy(error=error):
            await _back_off(services, task, f"{error.code}: {error.message}", reply.retry_after)
        case NotSent(reason=reason):
            await _back_off(services, task, reason, None)
        case Ambiguous(reason=reason, task_id=named):
            logger.warning("task.unknown job=%s task=%s reason=%s", job.id, task.id, reason)
            await services.persist(_record_doubt, _Doubt(job, task, reason, named))
        case _:
            assert_never(reply.answer)


async def _send(services: Services, job: Job, task: Task) -> ProviderReply | None:
    """Send the task, marked as sent before; None where it is not, or no longer, ours to send."""
    submission = await load_submission(services, job, task, _way_back(services, task))
    sent_at = await services.together(_mark_sending, task)
    if sent_at is None:
        logger.info("task.taken_over job=%s task=%s attempt=%d", job.id, task.id, task.attempt)
        return None
    if services.now() - sent_at > _STALE:
        # This process was held up: by now another may take it for dead, and what it would send for a second submit.
        await _back_off(services, task, "The sender was held up.", None)
        return None
    provider = services.providers.get(task.provider)
    return await provider.submit(submission, timeout=services.policy.submit_timeout.total_seconds())


def first_question_at(policy: Policy, task: Task, *, now: datetime) -> datetime:
    """When the provider is first asked about a task that it accepted at `now`."""
    if policy.reach is Reach.POLL:
        wait = policy.poll_every
    else:
        wait = policy.reconcile_after or OPERATIONS[task.operation].overdue_after
    return min(now + wait, max(task.deadline_at, now))


@dataclass(frozen=True, slots=True)
class _Acknowledgement:
    job: Job
    task: Task
    upstream_task_id: str


@dataclass(frozen=True, slots=True)
class _Doubt:
    job: Job
    task: Task
    reason: str
    upstream_task_id: str | None
    """Even a failure may name the task to ask about."""


def _way_back(services: Services, task: Task) -> str | None:
    """Our receiver's address for this task, or None where the provider cannot reach it."""
    if services.policy.reach is Reach.POLL:
        return None
    token = callback_token(services.secret_keys[0], task.id)
    return f"{services.policy.public_url.rstrip('/')}/callbacks/{task.id}/{token}"


async def _mark_sending(services: Services, tasks: Sequence[Task]) -> Sequence[datetime | None]:
    """When each was marked as sent, which is now; None for those that are not ours to send."""
    async with services.db.writing() as tx:
        now = services.now()
        due_at = now + services.policy.lease
        rows = [{"id": task.id, "attempt": task.attempt, "due_at": due_at, "sent_at": now} for task in tasks]
        ours = await send_tasks(tx, rows)
        others = [task.id for task in tasks if task.id not in ours]
        if others:
            await close_useless(tx, others, now=now)
    return [now if task.id in ours else None for task in tasks]


async def _record_accepted(services: Services, items: Sequence[_Acknowledgement]) -> Sequence[None]:
    now = services.now()
    rows = [
        {
            "id": item.task.id,
            "upstream_task_id": item.upstream_task_id,
            "due_at": first_question_at(services.policy, item.task, now=now),
        }
        for item in items
    ]
    async with services.db.writing() as tx:
        accepted = await acknowledge_tasks(tx, rows)
        moved = await _show_submitted(tx, [item.job for item in items if item.task.id in accepted], now=now)
    services.watch.changed(job.id for job in moved)
    return [None] * len(items)


async def _record_doubt(services: Services, items: Sequence[_Doubt]) -> Sequence[None]:
    now = services.now()
    due_at = now + min(services.policy.doubt_after, services.policy.reconcile_after or services.policy.doubt_after)
    rows = [
        {
            "id": item.task.id,
            "attempt": item.task.attempt,
            "due_at": due_at,
            "last_error": item.reason.replace("\x00", "\ufffd"),
            "upstream_task_id": item.upstream_task_id,
        }
        for item in items
    ]
    async with services.db.writing() as tx:
        doubted = {task.id for task in await move_tasks(tx, DOUBT, rows, fenced=True)}
        moved = await _show_submitted(tx, [item.job for item in items if item.task.id in doubted], now=now)
    services.watch.changed(job.id for job in moved)
    return [None] * len(items)


async def _show_submitted(tx: Tx, jobs: Sequence[Job], *, now: datetime) -> list[Job]:
    return await move_jobs(tx, SUBMIT, [{"id": job.id, "submitted_at": now} for job in jobs])


async def _back_off(services: Services, task: Task, reason: str, retry_after: float | None) -> None:
    policy, now = services.policy, services.now()
    wait = exponential(policy.submit_backoff, task.attempt, cap=policy.submit_backoff_cap, chance=services.chance())
    # Compared as numbers: what a header asks for can be more than a timedelta holds.
    asked_for = timedelta(seconds=min(retry_after or 0, policy.retry_after_cap.total_seconds()))
    row = {
        "id": task.id,
        "attempt": task.attempt,
        "due_at": min(now + max(wait, asked_for), max(task.deadline_at, now)),
        "last_error": reason,
    }
    logger.info("task.backed_off job=%s task=%s attempt=%d reason=%s", task.job_id, task.id, task.attempt, reason)
    async with services.db.writing() as tx:
        await move_tasks(tx, BACK_OFF, [row], fenced=True)
