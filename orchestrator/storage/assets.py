"""Every statement about assets and blobs."""

from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import Update, delete, select, update

from orchestrator.domain.asset import Asset, AssetState
from orchestrator.domain.errors import NotFound
from orchestrator.domain.ids import AssetId, ConsumerId, JobId
from orchestrator.storage.database import Tx
from orchestrator.storage.incoming import batch, incoming, insert_new
from orchestrator.storage.rows import columns, find, types
from orchestrator.storage.schema import assets, blobs, jobs

_SELECT = columns(assets, Asset)


async def insert_assets(tx: Tx, rows: Sequence[Mapping[str, Any]]) -> None:
    """Record the media files of a result, still to be fetched."""
    await insert_new(tx, assets, rows)


async def delete_assets(tx: Tx, job_ids: Collection[JobId]) -> None:
    """Forget the files of a result that came to nothing, so that a retry begins anew."""
    await tx.execute(delete(assets).where(assets.c.job_id.in_(job_ids)))


async def list_assets(tx: Tx, job_ids: Collection[JobId]) -> dict[JobId, list[Asset]]:
    """The assets of these jobs, each job's in the upstream's order."""
    found: dict[JobId, list[Asset]] = {job_id: [] for job_id in job_ids}
    for asset in sorted(await find(tx, assets, Asset, "job_id", job_ids), key=lambda asset: asset.index):
        found[asset.job_id].append(asset)
    return found


async def get_stored(tx: Tx, asset_id: AssetId, *, consumer_id: ConsumerId | None) -> tuple[Asset, str]:
    """A stored asset and the key of its blob, or NotFound; with `consumer_id`, also when it is somebody else's."""
    query = (
        select(*_SELECT, blobs.c.key)
        .join(blobs, blobs.c.sha256 == assets.c.sha256)
        .where(assets.c.id == asset_id, assets.c.state == AssetState.STORED)
    )
    if consumer_id is not None:
        query = query.join(jobs, jobs.c.id == assets.c.job_id).where(jobs.c.consumer_id == consumer_id)
    row = (await tx.execute(query)).first()
    if row is None:
        raise NotFound(f"There is no asset {asset_id}.")
    facts = dict(row._mapping)  # noqa: SLF001 - SQLAlchemy's documented way to a row as a mapping
    key: str = facts.pop("key")
    return Asset(**facts), key


async def insert_blobs(tx: Tx, rows: Sequence[Mapping[str, Any]]) -> None:
    """Record blobs by their SHA-256; one that is known is left alone."""
    await insert_new(tx, blobs, rows)


async def store_assets(tx: Tx, rows: Sequence[Mapping[str, Any]]) -> None:
    """Record what was stored. A row holds `id` and all that is known of the bytes."""
    if rows:
        await tx.execute(_store(tx.dialect.name, tuple(rows[0])), batch(rows))


async def relink_assets(tx: Tx, rows: Sequence[Mapping[str, Any]]) -> None:
    """Give assets that are not stored yet other links. A row holds `id` and `source_url`."""
    if rows:
        await tx.execute(_relink(tx.dialect.name), batch(rows))


@lru_cache
def _store(dialect: str, keys: tuple[str, ...]) -> Update:
    source = incoming(dialect, types(assets, *keys))
    new = {key: source.c[key] for key in keys if key != "id"}
    return update(assets).where(assets.c.id == source.c.id).values(**new, state=AssetState.STORED)


@lru_cache
def _relink(dialect: str) -> Update:
    source = incoming(dialect, types(assets, "id", "source_url"))
    return (
        update(assets)
        .where(assets.c.id == source.c.id, assets.c.state == AssetState.PENDING)
        .values(source_url=source.c.source_url)
    )
