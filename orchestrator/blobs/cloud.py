"""Blobs in S3, Google Cloud Storage or Azure, or in memory, through obstore.

What would surprise you:

* Only obstore's blocking functions are used, in the store's threads. Its async ones leave Rust threads behind that
  may touch Python while it shuts down: one process in ten that had used them ended by SIGABRT (obstore 0.12).
* Credentials, regions and endpoints come from the environment, under each cloud's own names (`AWS_…`, `GOOGLE_…`,
  `AZURE_…`), and never through the URL.
* Large blobs are read by ranges. One request for all of it would have to end within the client's time limit, however
  slow the reader at the other end is.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

import obstore
from obstore.exceptions import BaseError
from obstore.store import MemoryStore, from_url

from orchestrator.blobs.base import BlobStore, check_key
from orchestrator.blobs.errors import BlobMissing, StoreUnavailable
from orchestrator.domain.errors import Rejected

if TYPE_CHECKING:
    # obstore has its types for checkers only.
    from obstore.store import ObjectStore

_PARTS_AT_ONCE: Final = 4


class CloudStore(BlobStore):
    """A store behind obstore. The scratch folder is local, and only this machine's."""

    piece = 4 << 20

    def __init__(self, url: str, scratch: Path) -> None:
        super().__init__(url, scratch)
        self._store = _connect(url)

    def put_now(self, key: str, source: Path | bytes) -> None:
        """Upload; an object appears whole or not at all. A file stays where it is."""
        with self._explained(key):
            obstore.put(self._store, check_key(key), source, max_concurrency=_PARTS_AT_ONCE)

    def read_now(self, key: str, span: tuple[int, int] | None = None) -> bytes:
        """Read a part, or all."""
        with self._explained(key):
            if span is None:
                return obstore.get(self._store, check_key(key)).bytes().to_bytes()
            return obstore.get_range(self._store, check_key(key), start=span[0], end=span[1]).to_bytes()

    def size_now(self, key: str) -> int | None:
        """The size in bytes; None for no blob."""
        try:
            with self._explained(key):
                return obstore.head(self._store, check_key(key))["size"]
        except BlobMissing:
            return None

    def age_now(self, key: str) -> float | None:
        """Seconds since the blob was last put; None for no blob."""
        try:
            with self._explained(key):
                return time.time() - obstore.head(self._store, check_key(key))["last_modified"].timestamp()
        except BlobMissing:
            return None

    def delete_now(self, key: str) -> None:
        """Remove the blob, if there is one."""
        try:
            with self._explained(key):
                obstore.delete(self._store, check_key(key))
        except BlobMissing:
            return

    @contextmanager
    def _explained(self, key: str) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError as exc:
            raise BlobMissing(key) from exc
        except (BaseError, OSError) as exc:
            # The first line is for people; Rust's account of its inner life follows it.
            reason = str(exc).partition("\n")[0]
            raise StoreUnavailable(f"{self.name} cannot be used: {reason}", retry_after=5) from exc


def _connect(url: str) -> "ObjectStore":
    if url == "memory://":
        return MemoryStore()
    try:
        return from_url(
            url,
            # Plain HTTP is for an endpoint that says so itself, as one in the same rack may; clouds' own are https.
            client_options={"timeout": "30s", "connect_timeout": "5s", "allow_http": True},
            # The verbs above have patience of their own: a store that is away for longer is said to be away.
            retry_config={"max_retries": 3, "retry_timeout": timedelta(seconds=30)},
        )
    except (BaseError, ValueError) as exc:
        raise Rejected("STORAGE_URL", f"{url} cannot be opened: {str(exc).partition(chr(10))[0]}") from exc
