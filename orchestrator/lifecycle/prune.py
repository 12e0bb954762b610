"""Prune: forget what retention allows to forget, in bounded batches.

Rows go first and their bytes after them: a crash in between leaves bytes that nobody refers to, never a record whose
bytes are gone. A blob is forgotten only a day after it was recorded, and only while no asset refers to it.
"""

import logging
from datetime import timedelta
from typing import Final

from orchestrator.lifecycle.services import Services
from orchestrator.storage.retention import (
    delete_attempts,
    delete_blob,
    delete_callbacks,
    delete_jobs,
    forget_idempotency_keys,
    list_unreferenced_blobs,
)

logger = logging.getLogger(__name__)

_AT_ONCE: Final = 500
_UNTOUCHED: Final = timedelta(hours=1)
"""How long nobody may have put a blob again for it to be forgotten: whoever did is about to refer to it."""
_GRACE: Final = timedelta(days=1)
"""How long bytes stay that nobody refers to: an asset that is being stored may be about to."""


async def prune(services: Services) -> bool:
    """Forget one batch of each kind; whether there is more to forget at once."""
    policy, now = services.policy, services.now()
    async with services.db.writing() as tx:
        await forget_idempotency_keys(tx, before=now - policy.idempotency_ttl, limit=_AT_ONCE)
        attempts = await delete_attempts(tx, before=now - policy.retain_attempts, limit=_AT_ONCE)
        keys = await delete_callbacks(tx, before=now - policy.retain_callbacks, limit=_AT_ONCE)
        jobs, pruned = 0, list[str]()
        if policy.retain_jobs is not None:
            jobs, pruned = await delete_jobs(tx, before=now - policy.retain_jobs, limit=_AT_ONCE)
    for key in filter(None, [*keys, *pruned]):
        await services.blobs.delete(key)
    blobs = await _delete_unreferenced(services)
    await services.blobs.sweep_scratch(_GRACE.total_seconds())
    return _AT_ONCE in (attempts, len(keys), jobs, blobs)


async def _delete_unreferenced(services: Services) -> int:
    async with services.db.reading() as tx:
        unused = await list_unreferenced_blobs(tx, before=services.now() - _GRACE, limit=_AT_ONCE)
    gone = 0
    for sha256, key in unused:
        if (age := await services.blobs.age(key)) is not None and age < _UNTOUCHED.total_seconds():
            continue
        async with services.db.writing() as tx:
            forgotten = await delete_blob(tx, sha256)
        if forgotten:
            gone += 1
            await services.blobs.delete(key)
    return gone
