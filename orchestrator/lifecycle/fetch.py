"""Fetch: one asset's bytes, from its link or from the reply that held them, verified and stored under their hash.

Everything that can go wrong becomes one `Trouble`, which says what may be done about it.
"""

import asyncio
import logging
from dataclasses import replace
from typing import Final

from orchestrator.blobs.encoded import decode_base64
from orchestrator.blobs.errors import BlobMissing, StoreUnavailable
from orchestrator.blobs.keep import Kept
from orchestrator.blobs.media import Flaw, NotMedia
from orchestrator.blobs.spool import Spool
from orchestrator.domain.asset import Asset, AssetState
from orchestrator.domain.outcome import Outcome, OutcomeState
from orchestrator.domain.task import TaskState
from orchestrator.egress.client import Fault
from orchestrator.egress.download import DownloadFailed, download
from orchestrator.lifecycle.outcomes import read_big_reply, read_reply
from orchestrator.lifecycle.parcels import Collection
from orchestrator.lifecycle.services import Services
from orchestrator.providers.provider import Question
from orchestrator.storage.assets import relink_assets
from orchestrator.storage.callbacks import find_callbacks
from orchestrator.storage.tasks import find_tasks, list_tasks

logger = logging.getLogger(__name__)

_CODES: Final = {
    Fault.FORBIDDEN: "asset_forbidden",
    Fault.TOO_LARGE: "asset_too_large",
    Fault.INVALID_URL: "asset_link_invalid",
}


class Trouble(Exception):
    """An asset could not be stored; the message is for the job's `error`."""

    def __init__(
        self, code: str, message: str, *, is_final: bool = False, is_dead_link: bool = False, is_ours: bool = False
    ) -> None:
        super().__init__(message)
        self.code = code
        self.is_final = is_final
        """No repetition will help."""
        self.is_dead_link = is_dead_link
        """Another link to the same file may work."""
        self.is_ours = is_ours
        """Our own store is the trouble: patience, because the result was paid for."""


async def fetch(services: Services, asset: Asset) -> Asset:
    """The asset with what is now known of its bytes, which are in the store. Raises Trouble."""
    try:
        kept = await (_from_reply(services, asset) if asset.source_url is None else _from_link(services, asset))
    except StoreUnavailable as error:
        raise Trouble("storage_unavailable", str(error), is_ours=True) from error
    except BlobMissing as error:
        raise Trouble("asset_unavailable", f"The reply that held asset {asset.index} is gone.") from error
    return replace(
        asset,
        state=AssetState.STORED,
        sha256=kept.sha256,
        content_type=kept.content_type,
        bytes=kept.bytes,
        width=kept.width,
        height=kept.height,
    )


async def _from_link(services: Services, asset: Asset) -> Kept:
    assert asset.source_url is not None
    with Spool(services.blobs.scratch) as spool:
        try:
            async with services.downloads:
                await download(
                    services.media,
                    services.guard,
                    url=asset.source_url,
                    sink=spool,
                    max_bytes=services.policy.max_asset_bytes,
                    timeout=services.policy.download_timeout.total_seconds(),
                )
        except DownloadFailed as error:
            raise Trouble(
                _CODES.get(error.reason, "asset_unavailable"),
                f"Asset {asset.index} could not be downloaded: {error}",
                is_final=not (error.retryable or error.expired),
                is_dead_link=error.expired,
            ) from error
        try:
            return await services.keeper.keep(
                spool.finish(),
                sha256=spool.sha256,
                expected_kind=asset.kind,
                max_pixels=services.policy.max_pixels,
            )
        except NotMedia as error:
            # A page that says "expired", or a file that broke off: another link may lead to the real one.
            raise Trouble(
                f"asset_{error.reason}",
                f"Asset {asset.index} is not usable: {error}",
                is_final=error.reason is Flaw.TOO_MANY_PIXELS,
                is_dead_link=True,
            ) from error


async def _from_reply(services: Services, asset: Asset) -> Kept:
    """The bytes came in base64 inside the reply: read it back, and take them out.

    From reading to storing it is one hold of `big_bodies`: sixty-four such jobs may be collected at once, and each of
    them in memory would be several times its body.
    """
    async with services.db.reading() as tx:
        callback = (await find_callbacks(tx, [asset.callback_id]))[asset.callback_id]
        task = (await find_tasks(tx, [callback.task_id]))[callback.task_id]
    if callback.body_key is None:
        outcome = await read_reply(services, callback, None, operation=task.operation)
        return await _keep_inline(services, asset, outcome)
    async with services.big_bodies:
        outcome = await read_big_reply(services, callback, callback.body_key, operation=task.operation)
        return await _keep_inline(services, asset, outcome)


async def _keep_inline(services: Services, asset: Asset, outcome: Outcome) -> Kept:
    try:
        content = await asyncio.to_thread(decode_base64, outcome.artifacts[asset.index].data or "")
        if len(content) > services.policy.max_asset_bytes:
            raise Trouble("asset_too_large", f"Asset {asset.index} has {len(content)} bytes: too many.", is_final=True)
        return await services.keeper.keep(content, expected_kind=asset.kind, max_pixels=services.policy.max_pixels)
    except NotMedia as error:
        raise Trouble(f"asset_{error.reason}", f"Asset {asset.index} is not usable: {error}", is_final=True) from error


async def fresh_links(services: Services, collection: Collection) -> None:
    """Ask the provider for the result again, and keep its links where there are as many as before."""
    job = collection.job
    async with services.db.reading() as tx:
        tasks = (await list_tasks(tx, [job.id]))[job.id]
    # Not the newest: a task that was thought lost may have brought the result while another one runs.
    task = next((task for task in tasks if task.state is TaskState.SUCCEEDED), None)
    if task is None:
        return
    question = Question(upstream_task_id=task.upstream_task_id, trace_id=task.id)
    (found,) = await services.providers.get(task.provider).ask(job.service, [question])
    outcome = found.outcome
    if outcome is None or outcome.state is not OutcomeState.SUCCEEDED:
        return
    if len(outcome.artifacts) != len(collection.assets):
        logger.warning("job.links_differ job=%s had=%d", job.id, len(collection.assets))
        return
    rows = [
        {"id": asset.id, "source_url": artifact.url}
        for asset, artifact in zip(collection.assets, outcome.artifacts, strict=True)
        if artifact.url is not None and asset.source_url is not None
    ]
    async with services.db.writing() as tx:
        await relink_assets(tx, rows)
