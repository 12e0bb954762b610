"""What can go wrong with a blob store.

OrchestratorError
 ├─ NotFound ── BlobMissing
 └─ Unavailable ── StoreUnavailable ── StoreFull
"""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from orchestrator.domain.errors import NotFound, Unavailable

_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class BlobMissing(NotFound):
    """The store has nothing at this key."""

    def __init__(self, key: str) -> None:
        super().__init__(f"There is no blob {key}.")


class StoreUnavailable(Unavailable):
    """The store cannot be read or written now; nothing was half stored."""


class StoreFull(StoreUnavailable):
    """There is no room left: disk, quota or file size limit."""


@contextmanager
def storing(what: str) -> Iterator[None]:
    """Turn an OSError into StoreFull or StoreUnavailable; `what` is where, for the message."""
    try:
        yield
    except OSError as exc:
        reason = exc.strerror or str(exc)
        if exc.errno in _FULL:
            raise StoreFull(f"There is no room in {what}: {reason}.", retry_after=30) from exc
        raise StoreUnavailable(f"{what} cannot be used: {reason}.", retry_after=5) from exc
