"""Collect: bring a result's media files home before their links die, and end the job with what came of it.

A job succeeds only once all of its files are stored: consumers never hear of a success whose pictures cannot be had.
What can pass (a broken connection, a full disk) is tried again at growing intervals. A dead link is tried again, then
the provider is asked for fresh ones, and only then does the job fail, with the reason. What can never become right (a
forbidden address, a file that is too large, bytes that are no media) fails it at once.
"""

import asyncio
import logging
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from orchestrator.blobs.base import blob_key
from orchestrator.domain.asset import Asset, AssetState
from orchestrator.domain.backoff import exponential
from orchestrator.domain.job import GIVE_UP, STORED, Failure, Job
from orchestrator.lifecycle.announce import announce, told
from orchestrator.lifecycle.end import end_job
from orchestrator.lifecycle.fetch import Trouble, fetch, fresh_links
from orchestrator.lifecycle.metrics import STORED as STORED_ASSETS
from orchestrator.lifecycle.parcels import Collection
from orchestrator.lifecycle.services import Services
from orchestrator.storage.assets import insert_blobs, list_assets, store_assets
from orchestrator.storage.jobs import move_jobs, renew_leases

logger = logging.getLogger(__name__)

_REFRESH_FROM: Final = 2
"""The try from which on a dead link is replaced by a fresh one."""


async def collect(services: Services, collection: Collection) -> None:
    """Store a leased job's assets and end the job, or leave it to be tried again."""
    job = collection.job
    if not await _still_ours(services, job):
        logger.info("job.taken_over job=%s attempt=%d", job.id, job.attempt)
        return
    services.collecting[job.id, job.attempt] = job
    trouble: Trouble | None = None
    stored: list[Asset] = []
    try:
        stored = await _fetch_all(services, collection)
    except Trouble as error:
        trouble = error
    finally:
        # Before anything else is written about the job: its lease is not to be renewed over its own back-off.
        services.collecting.pop((job.id, job.attempt), None)
    if trouble is not None:
        await _after_trouble(services, collection, trouble)
        return
    await services.together(_finish_all, Collection(job=job, assets=stored))


async def load_collections(services: Services, jobs: Sequence[Job]) -> list[Collection]:
    """What leased jobs have to collect."""
    if not jobs:
        return []
    async with services.db.reading() as tx:
        assets = await list_assets(tx, [job.id for job in jobs])
    return [Collection(job=job, assets=assets[job.id]) for job in jobs]


async def _still_ours(services: Services, job: Job) -> bool:
    """Whether the lease holds for a job that may have waited in memory; one that waited long is renewed by that."""
    now = services.now()
    if job.due_at is not None and job.due_at - now > services.policy.lease / 2:
        return True
    async with services.db.writing() as tx:
        row = {"id": job.id, "attempt": job.attempt, "due_at": now + services.policy.lease}
        return job.id in await renew_leases(tx, [row])


async def renew(services: Services) -> bool:
    """Hold the jobs that are being collected, or wait here for it, for longer. A lease that was lost stays lost."""
    held = [*services.collecting.values(), *(waiting.job for waiting in services.handoffs.collect)]
    if held:
        until = services.now() + services.policy.lease
        async with services.db.writing() as tx:
            await renew_leases(tx, [{"id": job.id, "attempt": job.attempt, "due_at": until} for job in held])
    return False


async def _fetch_all(services: Services, collection: Collection) -> list[Asset]:
    pending = [asset for asset in collection.assets if asset.state is AssetState.PENDING]
    if len(pending) == 1:
        fetched = [await fetch(services, pending[0])]
    else:
        results = await asyncio.gather(*(fetch(services, asset) for asset in pending), return_exceptions=True)
        fetched = [result for result in results if isinstance(result, Asset)]
        troubles = [result for result in results if isinstance(result, BaseException)]
        if troubles:
            await _note_blobs(services, fetched)
            raise max(troubles, key=_gravity)
    by_id = {asset.id: asset for asset in fetched}
    return [by_id.get(asset.id, asset) for asset in collection.assets]


async def _note_blobs(services: Services, fetched: Sequence[Asset]) -> None:
    """Record bytes that are stored although their job may yet fail, so that `prune` finds them."""
    async with services.db.writing() as tx:
        await insert_blobs(tx, [_blob_row(services, asset, services.now()) for asset in _distinct(fetched)])


def _gravity(trouble: BaseException) -> int:
    """What cannot be helped comes before what may pass."""
    if not isinstance(trouble, Trouble):
        return 3
    return 2 if trouble.is_final else 1


async def _after_trouble(services: Services, collection: Collection, trouble: Trouble) -> None:
    job, policy = collection.job, services.policy
    tries = policy.store_tries if trouble.is_ours else policy.collect_tries
    if trouble.is_dead_link:
        tries = min(tries, _REFRESH_FROM + 1)
    if trouble.is_final or job.collects >= tries:
        logger.warning("job.failed job=%s code=%s %s", job.id, trouble.code, trouble)
        failure = Failure(code=trouble.code, message=str(trouble), retryable=not trouble.is_final)
        await end_job(services, GIVE_UP, job.id, failure, attempt=job.attempt)
        return
    if trouble.is_dead_link and job.collects >= _REFRESH_FROM:
        await fresh_links(services, collection)
    wait = exponential(policy.collect_backoff, job.collects, cap=policy.collect_backoff_cap, chance=services.chance())
    # A full disk is for the operator to hear of; a link that fails once is not.
    level = logging.WARNING if trouble.is_ours else logging.INFO
    logger.log(level, "job.waits job=%s try=%d code=%s %s", job.id, job.collects, trouble.code, trouble)
    async with services.db.writing() as tx:
        await renew_leases(tx, [{"id": job.id, "attempt": job.attempt, "due_at": services.now() + wait}])


async def _finish_all(services: Services, done: Sequence[Collection]) -> Sequence[None]:
    now = services.now()
    async with services.db.writing() as tx:
        rows = [{"id": each.job.id, "attempt": each.job.attempt, "finished_at": now} for each in done]
        moved = await move_jobs(tx, STORED, rows, fenced=True)
        ours = {job.id for job in moved}
        assets = {each.job.id: each.assets for each in done if each.job.id in ours}
        stored = [asset for owned in assets.values() for asset in owned]
        await insert_blobs(tx, [_blob_row(services, asset, now) for asset in _distinct(stored)])
        await store_assets(tx, [_asset_row(asset, now) for asset in stored])
        parcels = await announce(services, tx, moved, assets)
    STORED_ASSETS.inc(len(stored))
    told(services, moved, parcels)
    return [None] * len(done)


def _distinct(stored: Sequence[Asset]) -> list[Asset]:
    """One asset for each blob."""
    return list({asset.sha256: asset for asset in stored}.values())


def _blob_row(services: Services, asset: Asset, now: datetime) -> dict[str, Any]:
    assert asset.sha256 is not None
    return {
        "id": services.new_id(),
        "sha256": asset.sha256,
        "key": blob_key(asset.sha256),
        "bytes": asset.bytes,
        "content_type": asset.content_type,
        "created_at": now,
    }


def _asset_row(asset: Asset, now: datetime) -> dict[str, Any]:
    return {
        "id": asset.id,
        "sha256": asset.sha256,
        "content_type": asset.content_type,
        "bytes": asset.bytes,
        "width": asset.width,
        "height": asset.height,
        "source_url": asset.source_url,
        "stored_at": now,
    }
