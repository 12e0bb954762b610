"""Settle: apply replies from the inbox to their tasks and jobs.

What a reply says is decided by one pure function of `providers`; what it does is decided here, for a whole batch in
one transaction. The first final reply wins. Everything else about a decided task is kept and marked `late`, and
changes nothing that consumers see; a reply that names another upstream task than ours is kept and marked as well.
"""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from orchestrator.domain.asset import Asset, AssetState
from orchestrator.domain.callback import InboxState, Source
from orchestrator.domain.ids import AssetId, JobId, TaskId
from orchestrator.domain.job import FAIL, PROGRESS, RESULT_WITHOUT_MEDIA, Failure, Job
from orchestrator.domain.outcome import Artifact, Outcome, OutcomeState
from orchestrator.domain.task import ACCEPT, COMPLETE, RecoveredBy, Task, TaskState
from orchestrator.domain.task import FAIL as FAIL_TASK
from orchestrator.lifecycle.announce import announce, told
from orchestrator.lifecycle.metrics import CALLBACKS, RECOVERED
from orchestrator.lifecycle.outcomes import read_reply
from orchestrator.lifecycle.parcels import Collection, Parcel, Reply
from orchestrator.lifecycle.services import Services
from orchestrator.lifecycle.submit import first_question_at
from orchestrator.storage.assets import insert_assets
from orchestrator.storage.callbacks import close_callbacks
from orchestrator.storage.database import Tx
from orchestrator.storage.jobs import begin_storing, find_jobs, move_jobs
from orchestrator.storage.tasks import acknowledge_tasks, close_tasks, find_tasks, move_tasks
from orchestrator.storage.types import as_json

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Reading:
    """A reply with its task and what it amounts to."""

    reply: Reply
    task: Task
    outcome: Outcome


async def settle(services: Services, replies: Sequence[Reply]) -> None:
    """Settle replies that are leased to us. Each is settled once; a crash before the commit leaves all to be redone."""
    readings = await _read(services, replies)
    # One item each, so that a reply that cannot be settled is isolated from its neighbours by the batcher.
    results = await asyncio.gather(
        *(services.together(_settle_all, reading) for reading in readings), return_exceptions=True
    )
    for reading, result in zip(readings, results, strict=True):
        if isinstance(result, BaseException):
            # The reply stays in the inbox and comes due again.
            logger.error("callback.unsettled task=%s error=%r", reading.task.id, result)


async def _read(services: Services, replies: Sequence[Reply]) -> list[_Reading]:
    async with services.db.reading() as tx:
        tasks = await find_tasks(tx, {reply.callback.task_id for reply in replies})
    readings = []
    for reply in replies:
        task = tasks.get(reply.callback.task_id)
        if task is None:  # its job was pruned or erased, and the inbox with it
            continue
        try:
            outcome = await read_reply(services, reply.callback, reply.body, operation=task.operation)
        except Exception:
            # A body that cannot be read back must not hold up its neighbours; it comes due again.
            logger.exception("callback.unsettled task=%s", task.id)
            continue
        # Inline bytes are decoded when they are collected; until then they would only sit in memory.
        if reply.callback.source is not Source.CALLBACK and task.upstream_task_id is not None:
            # We asked about this very task, or sent it: what the answer calls it does not matter.
            outcome = replace(outcome, task_id=task.upstream_task_id)
        light = tuple(replace(artifact, data="" if artifact.data else None) for artifact in outcome.artifacts)
        readings.append(_Reading(reply, task, replace(outcome, artifacts=light)))
    return readings


async def _settle_all(services: Services, readings: Sequence[_Reading]) -> Sequence[None]:
    now = services.now()
    async with services.db.writing() as tx:
        verdicts, deciding, followers = _judge(readings)
        won = await _move_tasks(tx, deciding, now=now)
        verdicts |= {reading.reply.callback.id: InboxState.LATE for reading in deciding if reading.task.id not in won}
        # Who came behind a reply that decided nothing after all stays in the inbox, and has its own turn.
        verdicts |= {each.reply.callback.id: InboxState.LATE for each in followers if each.task.id in won}
        decided = [reading for reading in deciding if reading.task.id in won]
        told_of = await _move_progress(services, tx, readings, verdicts, now=now)
        storing, final, useless = await _move_jobs(services, tx, decided, now=now)
        verdicts |= dict.fromkeys(useless, InboxState.LATE)
        collections = await _plan(services, tx, storing, decided)
        parcels = await announce(services, tx, final, {})
        await close_callbacks(tx, [_closed(callback_id, state, now) for callback_id, state in verdicts.items()])
    _after(services, [*told_of, *storing], final, parcels, collections, verdicts)
    RECOVERED.inc(sum(reading.reply.callback.source is Source.POLL for reading in decided))
    return [None] * len(readings)


def _judge(readings: Sequence[_Reading]) -> tuple[dict[str, InboxState], list[_Reading], list[_Reading]]:
    """What becomes of each reply if its task can be moved; the replies that would move one, the first of each task; and
    those that come behind them.

    The tasks were read before the transaction, so this only sorts; it is the guarded statements that decide.
    """
    verdicts: dict[str, InboxState] = {}
    deciding: dict[TaskId, _Reading] = {}
    followers: list[_Reading] = []
    for reading in sorted(readings, key=lambda reading: reading.reply.callback.id):
        task, outcome = reading.task, reading.outcome
        if task.upstream_task_id and outcome.task_id and outcome.task_id != task.upstream_task_id:
            verdict = InboxState.MISMATCHED
            logger.warning("callback.mismatched task=%s named=%.80s", task.id, outcome.task_id)
        elif _is_over(task, outcome):
            verdict = InboxState.LATE
        elif task.id in deciding:
            followers.append(reading)
            continue
        elif outcome.is_final:
            verdict = InboxState.SETTLED
            deciding[task.id] = reading
        else:
            verdict = InboxState.PROGRESS
        verdicts[reading.reply.callback.id] = verdict
    return verdicts, list(deciding.values()), followers


def _is_over(task: Task, outcome: Outcome) -> bool:
    if outcome.state is OutcomeState.SUCCEEDED:
        return task.state not in COMPLETE.sources
    return task.state.is_final


async def _move_tasks(tx: Tx, deciding: Sequence[_Reading], *, now: datetime) -> set[TaskId]:
    rows: dict[OutcomeState, list[dict[str, Any]]] = {OutcomeState.SUCCEEDED: [], OutcomeState.FAILED: []}
    for reading in deciding:
        error = reading.outcome.error
        rows[reading.outcome.state].append(
            {
                "id": reading.task.id,
                "upstream_task_id": reading.outcome.task_id,
                "recovered_by": RecoveredBy.POLL if reading.reply.callback.source is Source.POLL else None,
                "last_error": None if error is None else f"{error.code}: {error.message}",
                "finished_at": now,
            }
        )
    moved = await move_tasks(tx, COMPLETE, rows[OutcomeState.SUCCEEDED])
    moved += await move_tasks(tx, FAIL_TASK, rows[OutcomeState.FAILED])
    return {task.id for task in moved}


async def _move_progress(
    services: Services,
    tx: Tx,
    readings: Sequence[_Reading],
    verdicts: Mapping[str, InboxState],
    *,
    now: datetime,
) -> list[Job]:
    """Show progress, the furthest of each job; a job that is at that point already is left alone."""
    telling = [reading for reading in readings if verdicts[reading.reply.callback.id] is InboxState.PROGRESS]
    await _end_doubts(services, tx, telling, now=now)
    furthest: dict[JobId, int] = {}
    for reading in telling:
        if (progress := reading.outcome.progress) is not None:
            furthest[reading.task.job_id] = max(progress, furthest.get(reading.task.job_id, 0))
    if not furthest:
        return []
    jobs = (await find_jobs(tx, furthest)).values()
    ahead = [job.id for job in jobs if job.progress is None or furthest[job.id] > job.progress]
    rows = [{"id": job_id, "progress": furthest[job_id], "submitted_at": now} for job_id in ahead]
    return await move_jobs(tx, PROGRESS, rows)


async def _end_doubts(services: Services, tx: Tx, telling: Sequence[_Reading], *, now: datetime) -> None:
    """Whoever reports progress has the task: it counts as accepted, and is never taken for lost and paid twice."""
    rows = [
        {
            "id": reading.task.id,
            "upstream_task_id": reading.outcome.task_id,
            "due_at": first_question_at(services.policy, reading.task, now=now),
        }
        for reading in telling
        if reading.task.state in ACCEPT.sources and reading.task.sends
    ]
    if rows:
        await acknowledge_tasks(tx, rows)


async def _move_jobs(
    services: Services, tx: Tx, decided: Sequence[_Reading], *, now: datetime
) -> tuple[list[Job], list[Job], set[str]]:
    """Jobs to be stored, jobs that are final, and the replies whose job was decided before them."""
    room = services.handoffs.collect.room
    leased = {"attempt": 1, "due_at": now + services.policy.lease}
    storing: list[dict[str, Any]] = []
    without_media: list[dict[str, Any]] = []
    failed: list[dict[str, Any]] = []
    first_of_job: dict[JobId, _Reading] = {}
    for reading in decided:
        outcome, job_id = reading.outcome, reading.task.job_id
        if first_of_job.setdefault(job_id, reading) is not reading:
            continue
        facts = {"id": job_id, "submitted_at": now, "partial": outcome.partial, "upstream_created": outcome.created}
        if outcome.state is OutcomeState.FAILED:
            failed.append({"id": job_id, "error": as_json(_failure(outcome).as_dict()), "finished_at": now})
        elif outcome.artifacts:
            storing.append(facts | (leased if len(storing) < room else {"attempt": 0, "due_at": now}))
        else:
            without_media.append(facts | {"finished_at": now})
    stored = await begin_storing(tx, storing)
    final = await move_jobs(tx, RESULT_WITHOUT_MEDIA, without_media)
    final += await move_jobs(tx, FAIL, failed)
    moved = {job.id for job in stored} | {job.id for job in final}
    # A job has one fate: what was still to be submitted for it would be paid for nothing.
    await close_tasks(tx, moved, states=[TaskState.QUEUED], reason="The job was decided.", now=now)
    useful = {id(reading) for job_id, reading in first_of_job.items() if job_id in moved}
    return stored, final, {reading.reply.callback.id for reading in decided if id(reading) not in useful}


def _failure(outcome: Outcome) -> Failure:
    assert outcome.error is not None
    return Failure(code=outcome.error.code, message=outcome.error.message, retryable=outcome.error.retryable)


async def _plan(services: Services, tx: Tx, storing: Sequence[Job], decided: Sequence[_Reading]) -> list[Collection]:
    """Write down the media files that are to be fetched."""
    readings = {reading.task.job_id: reading for reading in reversed(decided)}
    collections = [
        Collection(
            job=job,
            assets=[
                _asset(services, readings[job.id], index, artifact)
                for index, artifact in enumerate(readings[job.id].outcome.artifacts)
            ],
        )
        for job in storing
    ]
    await insert_assets(tx, [_asset_row(asset) for collection in collections for asset in collection.assets])
    return collections


def _asset(services: Services, reading: _Reading, index: int, artifact: Artifact) -> Asset:
    return Asset(
        id=AssetId(services.new_id()),
        job_id=reading.task.job_id,
        index=index,
        kind=artifact.kind,
        state=AssetState.PENDING,
        source_url=artifact.url,
        callback_id=reading.reply.callback.id,
        revised_prompt=artifact.revised_prompt,
        sha256=None,
        content_type=None,
        bytes=None,
        width=None,
        height=None,
        stored_at=None,
    )


def _asset_row(asset: Asset) -> dict[str, Any]:
    return {
        "id": asset.id,
        "job_id": asset.job_id,
        "index": asset.index,
        "kind": asset.kind,
        "state": asset.state,
        "source_url": asset.source_url,
        "callback_id": asset.callback_id,
        "revised_prompt": asset.revised_prompt,
    }


def _closed(callback_id: str, state: InboxState, now: datetime) -> dict[str, Any]:
    return {"id": callback_id, "state": state, "settled_at": now}


def _after(
    services: Services,
    changed: Sequence[Job],
    final: Sequence[Job],
    parcels: Sequence[Parcel],
    collections: Sequence[Collection],
    verdicts: Mapping[str, InboxState],
) -> None:
    services.watch.changed(job.id for job in changed)
    services.handoffs.collect.offer(each for each in collections if each.job.collects)
    told(services, final, parcels)
    for state in verdicts.values():
        CALLBACKS.labels(state).inc()
