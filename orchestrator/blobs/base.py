"""What a blob store is: bytes at keys, durable once `put` returns.

Keys are chosen by us, never by a peer: `blob_key` for assets, so that the same bytes have the same key.
"""

import asyncio
import re
import secrets
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import ClassVar, Final, TypeVar

from orchestrator.blobs.errors import BlobMissing, StoreUnavailable, storing
from orchestrator.blobs.spool import sweep

T = TypeVar("T")
_THREADS: Final = 4
_KEY: Final = re.compile(r"(?:[A-Za-z0-9_-][A-Za-z0-9._-]*/)*[A-Za-z0-9_-][A-Za-z0-9._-]*")


class BlobStore(ABC):
    """Where blobs are kept. Any method may raise StoreUnavailable.

    Subclasses say how, in blocking methods; they run in threads of the store's own, because they wait for disks and
    networks, and a dozen of them must not keep the event loop's common pool from its other work.
    """

    piece: ClassVar[int] = 1 << 20
    """How many bytes `stream` reads at a time."""

    def __init__(self, name: str, scratch: Path) -> None:
        self.name = name
        """What messages call the store; it holds no credentials."""
        self.scratch = scratch
        """A local folder for temporary files."""
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="blobs")
        with storing(name):
            scratch.mkdir(parents=True, exist_ok=True)

    async def put(self, key: str, source: Path | bytes) -> None:
        """Store `source` at `key`, all of it or nothing, durably.

        Putting the same bytes again changes nothing. A file may be moved instead of copied: it belongs to the store
        from now on, and its owner only removes what is left of it. Raises StoreFull when there is no room. Cancelled,
        it goes on in its thread to a clean end. Not to be mixed with `delete` of the same key.
        """
        await self.in_thread(partial(self.put_now, key, source))

    async def stream(self, key: str, *, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        """Yield the bytes from `start` up to, not including, `end`, both within the blob; BlobMissing comes first."""
        if end is None:
            end = await self.size(key)
        if end is None:
            raise BlobMissing(key)
        for begin in range(start, end, self.piece):
            yield await self.in_thread(partial(self.read_now, key, (begin, min(begin + self.piece, end))))

    async def read(self, key: str) -> bytes:
        """All the bytes at once, or BlobMissing."""
        return await self.in_thread(partial(self.read_now, key))

    async def size(self, key: str) -> int | None:
        """How many bytes there are at `key`; None for no blob."""
        return await self.in_thread(partial(self.size_now, key))

    async def age(self, key: str) -> float | None:
        """Seconds since the blob was last put, the same bytes again included; None for no blob."""
        return await self.in_thread(partial(self.age_now, key))

    async def delete(self, key: str) -> None:
        """Remove the blob, if there is one."""
        await self.in_thread(partial(self.delete_now, key))

    async def probe(self) -> None:
        """Write, read and delete a small blob: raise StoreUnavailable unless the store works."""
        await self.in_thread(self._probe_now)

    async def sweep_scratch(self, older_than: float) -> int:
        """Remove temporary files untouched for `older_than` seconds, left by processes that died; how many."""
        return await self.in_thread(partial(sweep, self.scratch, older_than))

    async def in_thread(self, work: Callable[[], T]) -> T:
        """Run `work`, which may block, in one of the store's threads."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    @abstractmethod
    def put_now(self, key: str, source: Path | bytes) -> None:
        """`put`, blocking."""

    def put_all_now(self, items: Sequence[tuple[str, Path | bytes]]) -> list[Exception | None]:
        """Store several, and give each one's exception, or None; blocking."""
        faults: list[Exception | None] = []
        for key, source in items:
            try:
                self.put_now(key, source)
            except Exception as error:  # noqa: BLE001 - one item's fault is not another's
                faults.append(error)
            else:
                faults.append(None)
        return faults

    @abstractmethod
    def read_now(self, key: str, span: tuple[int, int] | None = None) -> bytes:
        """`read`, blocking; with `span`, only from its first offset up to its second."""

    @abstractmethod
    def size_now(self, key: str) -> int | None:
        """`size`, blocking."""

    @abstractmethod
    def age_now(self, key: str) -> float | None:
        """`age`, blocking."""

    @abstractmethod
    def delete_now(self, key: str) -> None:
        """`delete`, blocking."""

    def _probe_now(self) -> None:
        key, data = f"probe/{secrets.token_hex(16)}", secrets.token_bytes(16)
        try:
            self.put_now(key, data)
            if self.read_now(key) != data:
                raise StoreUnavailable(f"{self.name} does not give back what was written.")
        finally:
            with suppress(StoreUnavailable):
                self.delete_now(key)


def blob_key(sha256: str) -> str:
    """The key of bytes by their SHA-256 in hex: `ab/abcd…`.

    256 folders keep each of a million files in the low thousands; a second level would have nearly every new file make
    and sync a folder of its own, which costs more than the file does.
    """
    return f"{sha256[:2]}/{sha256}"


def check_key(key: str) -> str:
    """Return `key`, or raise ValueError when it could lead out of the store or to a hidden file of ours."""
    if not _KEY.fullmatch(key):
        raise ValueError(f"{key!r} is not a blob key.")
    return key
