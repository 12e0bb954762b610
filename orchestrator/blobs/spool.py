"""A spool: takes bytes in as they come, in memory while they are few, in a scratch file when they are many.

It serves what has no known size: downloads and large request bodies. It hashes while it writes, so that nobody has to
read the bytes again for that.

Writing happens in the event loop, on purpose: a piece of at most a few hundred KiB goes into the page cache faster
than a thread could be asked to do it. Making it durable is for the store's `put`, in a thread.
"""

import hashlib
import secrets
import time
from contextlib import suppress
from io import BufferedWriter
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from orchestrator.blobs.errors import storing

MEMORY_BYTES: Final = 1 << 20


class Spool:
    """Collects one body. Leaving the `with` block removes whatever was not handed on.

    Any call may raise StoreFull or StoreUnavailable once a file is involved.
    """

    def __init__(self, scratch: Path, *, max_memory: int = MEMORY_BYTES) -> None:
        self._scratch = scratch
        self._max_memory = max_memory
        self._hash = hashlib.sha256()
        self._pieces: list[bytes] = []
        self._path: Path | None = None
        self._file: BufferedWriter | None = None
        self.size = 0
        """How many bytes have been written."""

    @property
    def sha256(self) -> str:
        """The hash of what has been written, in hex."""
        return self._hash.hexdigest()

    def write(self, chunk: bytes) -> None:
        """Take the next bytes."""
        self._hash.update(chunk)
        self.size += len(chunk)
        if self._file is None and self.size <= self._max_memory:
            self._pieces.append(chunk)
            return
        with storing(str(self._scratch)):
            self._spilled().write(chunk)

    def finish(self) -> bytes | Path:
        """End the writing and return the bytes, or the scratch file that holds them."""
        if self._path is None:
            return self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)
        with storing(str(self._scratch)):
            self._close()
        return self._path

    def discard(self) -> None:
        """Remove what is left; harmless after the file was moved away."""
        self._pieces.clear()
        if self._path is not None:
            with suppress(OSError):
                self._close()
            self._path.unlink(missing_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None) -> None:
        self.discard()

    def _spilled(self) -> BufferedWriter:
        if self._file is None:
            self._path = self._scratch / new_scratch_name()
            self._file = self._path.open("xb")
            self._file.writelines(self._pieces)
            self._pieces.clear()
        return self._file

    def _close(self) -> None:
        if self._file is not None:
            self._file.close()


def new_scratch_name() -> str:
    """A name that no other process has chosen."""
    return secrets.token_hex(16)


def sweep(scratch: Path, older_than: float) -> int:
    """Remove files untouched for `older_than` seconds, and say how many. Blocking."""
    limit = time.time() - older_than
    removed = 0
    with storing(str(scratch)):
        for path in scratch.iterdir():
            # Another process may sweep, or finish with a file, at the same moment.
            with suppress(FileNotFoundError):
                if path.stat().st_mtime <= limit:
                    path.unlink()
                    removed += 1
    return removed
