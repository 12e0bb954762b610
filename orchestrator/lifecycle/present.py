"""The job object: one shape everywhere, in create, get, list and webhook.

These structs are also where the OpenAPI document takes its schemas from.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final, Literal

import msgspec

from orchestrator.domain.asset import Asset, AssetState
from orchestrator.domain.job import Job, JobState
from orchestrator.domain.outcome import AssetKind
from orchestrator.domain.policy import Policy
from orchestrator.domain.signing import sign_link
from orchestrator.domain.task import RecoveredBy, Task, TaskState

encode: Final = msgspec.json.Encoder().encode


class AssetObject(msgspec.Struct, frozen=True, kw_only=True):
    """One stored media file of a job."""

    id: str
    kind: AssetKind
    url: str
    content_type: str
    bytes: int
    sha256: str
    width: int | None
    height: int | None
    index: int
    source_url: str | None


class ErrorObject(msgspec.Struct, frozen=True, kw_only=True):
    """Why a job did not succeed."""

    code: str
    message: str
    retryable: bool


class CostObject(msgspec.Struct, frozen=True, kw_only=True):
    """What a job costs, as far as is known; an unknown price is null, never 0."""

    estimated: float | None
    currency: str


class TaskObject(msgspec.Struct, frozen=True, kw_only=True):
    """One submission of a job; `attempt` counts them from 1."""

    id: str
    task_id: str | None
    state: TaskState
    attempt: int
    recovered_by: RecoveredBy | None


class JobUrls(msgspec.Struct, frozen=True, kw_only=True):
    """Where a job's own resources are."""

    self: str
    events: str
    cancel: str
    retry: str


class JobObject(msgspec.Struct, frozen=True, kw_only=True):
    """A job as consumers see it."""

    id: str
    object: Literal["job"] = "job"
    status: JobState
    operation: str
    provider: str
    input: dict[str, Any]
    metadata: dict[str, Any]
    revision: int
    trace_id: str
    assets: list[AssetObject]
    error: ErrorObject | None
    cost: CostObject
    tasks: list[TaskObject]
    created_at: datetime
    submitted_at: datetime | None
    finished_at: datetime | None
    urls: JobUrls
    progress: int | None
    partial: bool


_UNKNOWN_COST: Final = CostObject(estimated=None, currency="credits")


class Links:
    """Where assets are found: plain links answer to the consumer's key, signed ones need none until they expire."""

    def __init__(self, policy: Policy, secret_key: str) -> None:
        self._base = policy.public_url.rstrip("/")
        self._ttl = policy.link_ttl
        self._secret_key = secret_key

    def plain(self, asset: Asset) -> str:
        """For the consumer's own requests."""
        return f"{self._base}/v1/assets/{asset.id}"

    def signed(self, asset: Asset, *, now: datetime) -> str:
        """For webhooks, callbacks and everything that is passed on."""
        # Whole hours, so that the same link is given for a while and caches can do their work.
        expires = int((now + self._ttl + timedelta(hours=1)).timestamp()) // 3600 * 3600
        signature = sign_link(self._secret_key, asset_id=asset.id, expires=expires)
        return f"{self._base}/v1/assets/{asset.id}?expires={expires}&signature={signature}"

    def job(self, job: Job) -> JobUrls:
        """The job's own resources."""
        base = f"{self._base}/v1/jobs/{job.id}"
        return JobUrls(self=base, events=f"{base}/events", cancel=f"{base}/cancel", retry=f"{base}/retry")


def job_object(
    job: Job, assets: Sequence[Asset], tasks: Sequence[Task], *, links: Links, signed_at: datetime | None = None
) -> JobObject:
    """The job as consumers see it; with `signed_at`, its assets have signed links."""
    shown = assets if job.state is JobState.SUCCEEDED else ()
    return JobObject(
        id=job.id,
        status=job.state,
        operation=job.operation,
        provider=job.provider,
        input=dict(job.input),
        metadata=dict(job.metadata),
        revision=job.revision,
        trace_id=job.trace_id,
        assets=[_asset(asset, links, signed_at) for asset in shown if asset.state is AssetState.STORED],
        error=None if job.error is None else ErrorObject(**job.error),
        cost=_UNKNOWN_COST,
        tasks=[_task(task, number) for number, task in enumerate(tasks, 1)],
        created_at=job.created_at,
        submitted_at=job.submitted_at,
        finished_at=job.finished_at,
        urls=links.job(job),
        progress=job.progress,
        partial=job.partial,
    )


def upstream_body(job: Job, assets: Sequence[Asset], *, links: Links, now: datetime) -> dict[str, Any]:
    """The body in the upstream's own shape, for a job's `callback_url`: links are ours, and signed."""
    envelope = {"success": job.state is JobState.SUCCEEDED, "task_id": job.id, "trace_id": job.trace_id}
    if job.state is not JobState.SUCCEEDED:
        error = job.error or {"code": str(job.state), "message": f"The job is {job.state}."}
        return envelope | {"error": {"code": error["code"], "message": error["message"]}}
    created = job.upstream_created or int((job.finished_at or now).timestamp())
    items = [_item(asset, links.signed(asset, now=now)) for asset in assets]
    return envelope | {"data": {"created": created, "data": items}}


def _item(asset: Asset, url: str) -> dict[str, Any]:
    revised = {} if asset.revised_prompt is None else {"revised_prompt": asset.revised_prompt}
    return revised | {"url": url}


def _asset(asset: Asset, links: Links, signed_at: datetime | None) -> AssetObject:
    assert asset.content_type is not None
    assert asset.bytes is not None
    assert asset.sha256 is not None
    return AssetObject(
        id=asset.id,
        kind=asset.kind,
        url=links.plain(asset) if signed_at is None else links.signed(asset, now=signed_at),
        content_type=asset.content_type,
        bytes=asset.bytes,
        sha256=asset.sha256,
        width=asset.width,
        height=asset.height,
        index=asset.index,
        source_url=asset.source_url,
    )


def _task(task: Task, number: int) -> TaskObject:
    return TaskObject(
        id=task.id,
        task_id=task.upstream_task_id,
        state=task.state,
        attempt=number,
        recovered_by=task.recovered_by,
    )
