"""Reconcile: ask the provider about tasks whose callback is overdue, or whose submit may or may not have happened.

A final record goes into the inbox like any other reply, and `settle` does the rest. "I do not know this task" is a
serious matter, because the answer to it is to pay again: it counts only for a task in doubt, only when it was said
twice, and only when the second time is well after the send. A job's deadline is also judged here, after a last
question, so that no job expires whose result was there to be had.
"""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from orchestrator.domain.job import EXPIRE, FAIL, RESUBMIT, SUBMIT, Failure, Job, service_of
from orchestrator.domain.outcome import OutcomeState
from orchestrator.domain.policy import Policy, Resubmit
from orchestrator.domain.task import DOUBT, LOSE, Task, TaskState
from orchestrator.lifecycle.accept import draft_task, insert_drafts, lease_draft
from orchestrator.lifecycle.end import EXPIRED, end_job_of
from orchestrator.lifecycle.receive import record_poll
from orchestrator.lifecycle.services import Services
from orchestrator.providers.provider import Found, Question
from orchestrator.storage.callbacks import find_unsettled
from orchestrator.storage.jobs import move_jobs
from orchestrator.storage.tasks import acknowledge_tasks, list_tasks, lock_tasks, move_tasks, note_asked

logger = logging.getLogger(__name__)

_UNKNOWN_SUBMIT = Failure(
    code="submit_unknown",
    message="It is not known whether the provider took this job, and the policy forbids to submit it again.",
)
_TOO_MANY_SUBMITS = Failure(
    code="submit_unknown",
    message="The provider lost this job again and again, or does not tell what it knows; it is not submitted any more.",
)


async def reconcile(services: Services, tasks: Sequence[Task]) -> None:
    """Ask about leased tasks, those of one service together."""
    tasks = await _doubt_the_dead(services, tasks)
    groups: dict[tuple[str, str], list[Task]] = {}
    for task in tasks:
        groups.setdefault((task.provider, service_of(task.operation)), []).append(task)
    await asyncio.gather(*(_ask(services, provider, service, group) for (provider, service), group in groups.items()))


async def _ask(services: Services, provider: str, service: str, group: Sequence[Task]) -> None:
    """Ask about the tasks of one service, within half a lease, so that the answers can still be recorded under it."""
    questions = [Question(upstream_task_id=task.upstream_task_id, trace_id=task.id) for task in group]
    limit = services.policy.lease.total_seconds() / 2
    try:
        found = await services.providers.get(provider).ask(service, questions, limit=limit)
    except Exception:
        # Another service's tasks must not wait for what this one's answers do to us.
        logger.exception("tasks.unasked provider=%s service=%s", provider, service)
        return
    for task, each in zip(group, found, strict=True):
        try:
            await _apply(services, task, each)
        except Exception:
            # Its neighbours must not wait for it; it stays leased, and is asked for again.
            logger.exception("task.unasked task=%s", task.id)


async def _doubt_the_dead(services: Services, tasks: Sequence[Task]) -> list[Task]:
    """A task found `sending` belongs to a sender that died: its submit may have happened."""
    dead = [task for task in tasks if task.state is TaskState.SENDING]
    if not dead:
        return list(tasks)
    rows = [{"id": task.id, "attempt": task.attempt, "last_error": "Its sender died."} for task in dead]
    async with services.db.writing() as tx:
        moved = await move_tasks(tx, DOUBT, rows, fenced=True)
        jobs = await move_jobs(tx, SUBMIT, [{"id": task.job_id, "submitted_at": task.sent_at} for task in moved])
    services.watch.changed(job.id for job in jobs)
    doubted = {task.id for task in moved}
    logger.warning("task.unknown count=%d: their sender died", len(doubted))
    living = [task for task in tasks if task.state is not TaskState.SENDING]
    return living + [replace(task, state=TaskState.UNKNOWN) for task in dead if task.id in doubted]


async def _apply(services: Services, task: Task, found: Found) -> None:
    outcome, now = found.outcome, services.now()
    if outcome is not None and outcome.is_final and await record_poll(services, task, found.record):
        return
    # A final record that was recorded before did not decide the task: waiting for it to be settled is all that is left.
    if now >= task.deadline_at:
        await end_job_of(services, EXPIRE, task, EXPIRED)
        return
    absences = 0
    if outcome is not None and outcome.state is OutcomeState.UNKNOWN_TASK:
        absences = task.absences + 1
        if task.state is TaskState.UNKNOWN and _is_absent(services.policy, task, absences, now=now):
            await _lose(services, task)
            return
    elif (
        outcome is not None and not outcome.is_final and task.state is TaskState.UNKNOWN and outcome.task_id is not None
    ):
        await _find_again(services, task, outcome.task_id, now=now)
        return
    due_at = _ask_again_at(services.policy, task, now=now)
    async with services.db.writing() as tx:
        await note_asked(tx, [{"id": task.id, "attempt": task.attempt, "due_at": due_at, "absences": absences}])


def _is_absent(policy: Policy, task: Task, absences: int, *, now: datetime) -> bool:
    return absences >= 2 and task.sent_at is not None and now >= task.sent_at + policy.absent_after


def _ask_again_at(policy: Policy, task: Task, *, now: datetime) -> datetime:
    """At growing intervals; for a task in doubt the second question waits until its answer counts."""
    wait = min(policy.poll_every * 1.5 ** min(task.asks, 30), policy.poll_cap)
    at = now + wait
    if task.state is TaskState.UNKNOWN and task.sent_at is not None and now < task.sent_at + policy.absent_after:
        at = task.sent_at + policy.absent_after
    # Never before the deadline's own question, and always a moment ahead.
    return max(min(at, task.deadline_at), now + timedelta(seconds=1))


async def _find_again(services: Services, task: Task, upstream_task_id: str, *, now: datetime) -> None:
    """The submit had happened: the task goes on as if it had been answered."""
    logger.info("task.found job=%s task=%s upstream=%s", task.job_id, task.id, upstream_task_id)
    due_at = _ask_again_at(services.policy, replace(task, state=TaskState.ACCEPTED), now=now)
    async with services.db.writing() as tx:
        await acknowledge_tasks(tx, [{"id": task.id, "upstream_task_id": upstream_task_id, "due_at": due_at}])


async def _lose(services: Services, task: Task) -> None:
    """The provider does not have it: submit again as a new task, where the policy allows that."""
    now = services.now()
    logger.warning("task.lost job=%s task=%s", task.job_id, task.id)
    if (failure := await _why_not_again(services, task)) is not None:
        await end_job_of(services, FAIL, task, failure, closing=LOSE)
        return
    row = {"id": task.id, "attempt": task.attempt, "finished_at": now, "last_error": "The provider does not know it."}
    async with services.db.writing() as tx:
        await lock_tasks(tx, task.job_id, against_replies=True)
        if await find_unsettled(tx, task.job_id):
            # Its result may be here already, acknowledged and not settled yet: then another submit would be paid twice.
            return
        lost = await move_tasks(tx, LOSE, [row], fenced=True)
        # Moving the job takes its row lock, so that a callback that is settled meanwhile waits and then sees this task.
        jobs = await move_jobs(tx, RESUBMIT, [{"id": task.job_id, "progress": None}]) if lost else []
        drafts = [_redraft(services, job) for job in jobs]
        await insert_drafts(tx, [draft for _, draft in drafts])
    services.handoffs.submit.offer((job, draft) for job, draft in drafts if draft.attempt)
    services.watch.changed(job.id for job in jobs)


async def _why_not_again(services: Services, task: Task) -> Failure | None:
    """What forbids another submit of the task's job; None when nothing does."""
    if services.policy.resubmit is Resubmit.NEVER:
        return _UNKNOWN_SUBMIT
    async with services.db.reading() as tx:
        tasks = (await list_tasks(tx, [task.job_id]))[task.job_id]
    return _TOO_MANY_SUBMITS if len(tasks) >= services.policy.max_submits else None


def _redraft(services: Services, job: Job) -> tuple[Job, Task]:
    draft = draft_task(services, job)
    return job, lease_draft(services, draft) if services.handoffs.submit.room else draft
