"""Blobs in a local folder: durable and atomic, written by hand.

obstore has a store for local files, but it only renames: its `put` makes no fsync (seen with strace, obstore 0.12), and
the option that the library beneath it has for this is not passed on. An asset that we call stored must outlive a power
cut, so here a file is written to the scratch folder, synced, renamed into place, and the folders are synced.

What would surprise you:

* The same bytes have the same key, so a file that is there with the right size is kept. Its folder is synced all the
  same: whoever wrote it may not have come that far yet.
* A folder's own entry is synced the first time that this process uses the folder, not only when it makes it.
"""

import os
import time
from collections.abc import Callable, Sequence
from functools import partial
from io import FileIO
from pathlib import Path
from typing import Final

from orchestrator.blobs.base import BlobStore, check_key
from orchestrator.blobs.errors import BlobMissing, StoreUnavailable, storing
from orchestrator.blobs.spool import new_scratch_name

_COPY: Final = 1 << 20


class LocalStore(BlobStore):
    """A store in one folder, shared by any number of processes.

    Its scratch folder lies inside, so that moving a file from there to its key is one rename. Keys cannot begin with a
    dot, so no blob can lie in it.
    """

    def __init__(self, root: Path) -> None:
        self._root = root.absolute()
        self._durable: set[Path] = set()
        made = [folder for folder in (self._root, *self._root.parents) if not folder.exists()]
        super().__init__(str(self._root), self._root / ".scratch")
        with storing(self.name):
            for folder in made:
                _sync(folder.parent)

    def put_now(self, key: str, source: Path | bytes) -> None:
        """Store durably; see `BlobStore.put`."""
        (fault,) = self.put_all_now([(key, source)])
        if fault is not None:
            raise fault

    def put_all_now(self, items: Sequence[tuple[str, Path | bytes]]) -> list[Exception | None]:
        """Store several durably: all files first, then the folders that they are in, each once."""
        faults: list[Exception | None] = []
        for key, source in items:
            faults.append(self._fault_of(partial(self._place, key, source)))
        folders = {(self._root / key).parent for (key, _), fault in zip(items, faults, strict=True) if fault is None}
        unsynced = {folder: self._fault_of(partial(self._sync_folders, folder)) for folder in folders}
        return [
            unsynced[(self._root / key).parent] if fault is None else fault
            for (key, _), fault in zip(items, faults, strict=True)
        ]

    def _fault_of(self, step: Callable[[], None]) -> Exception | None:
        try:
            with storing(self.name):
                step()
        except Exception as error:  # noqa: BLE001 - it is for one item's caller
            return error
        return None

    def _place(self, key: str, source: Path | bytes) -> None:
        target = self._root / check_key(key)
        if _is_there(target, _length(source)):
            # Says that somebody wants it: what was put a moment ago is not to be pruned as unreferenced.
            os.utime(target)
        else:
            self._write(target, source)

    def read_now(self, key: str, span: tuple[int, int] | None = None) -> bytes:
        """Read a part, or all."""
        with storing(self.name):
            try:
                with (self._root / check_key(key)).open("rb") as file:
                    if span is None:
                        return file.read()
                    file.seek(span[0])
                    return file.read(span[1] - span[0])
            except FileNotFoundError as exc:
                self._check_root()
                raise BlobMissing(key) from exc

    def size_now(self, key: str) -> int | None:
        """The size in bytes; None for no blob."""
        with storing(self.name):
            try:
                return (self._root / check_key(key)).stat().st_size
            except FileNotFoundError:
                self._check_root()
                return None

    def age_now(self, key: str) -> float | None:
        """Seconds since the blob was last put; None for no blob."""
        with storing(self.name):
            try:
                return time.time() - (self._root / check_key(key)).stat().st_mtime
            except FileNotFoundError:
                return None

    def delete_now(self, key: str) -> None:
        """Remove the blob, if there is one. Empty folders stay."""
        with storing(self.name):
            (self._root / check_key(key)).unlink(missing_ok=True)

    def _write(self, target: Path, source: Path | bytes) -> None:
        if target.parent not in self._durable:
            target.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(source, Path) and source.stat().st_dev == target.parent.stat().st_dev:
            _sync(source)
            source.replace(target)
            return
        temporary = self.scratch / new_scratch_name()
        try:
            _copy(source, temporary)
            temporary.replace(target)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise

    def _sync_folders(self, folder: Path) -> None:
        """Make the newest entry of `folder` durable, and the way down to it where this process has not yet."""
        _sync(folder)
        while folder != self._root and folder not in self._durable:
            _sync(folder.parent)
            self._durable.add(folder)
            folder = folder.parent

    def _check_root(self) -> None:
        """Raise StoreUnavailable when the whole folder is gone: a blob in an unmounted volume is not lost."""
        if not self.scratch.is_dir():
            raise StoreUnavailable(f"{self.name} is not there any more.", retry_after=5)


def _is_there(target: Path, length: int) -> bool:
    try:
        return target.stat().st_size == length
    except FileNotFoundError:
        return False


def _length(source: Path | bytes) -> int:
    return source.stat().st_size if isinstance(source, Path) else len(source)


def _copy(source: Path | bytes, temporary: Path) -> None:
    # Unbuffered: every call that may block gives up the interpreter's lock and has to win it back, and with a thousand
    # small files a second that costs more than the calls do.
    with temporary.open("xb", buffering=0) as file:
        if isinstance(source, bytes):
            _write_all(file, source)
        else:
            with source.open("rb") as original:
                while piece := original.read(_COPY):
                    _write_all(file, piece)
        os.fsync(file.fileno())


def _write_all(file: FileIO, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[file.write(rest) :]


def _sync(path: Path) -> None:
    """Make a file's bytes, or a folder's entries, outlive a power cut."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
