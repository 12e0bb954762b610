"""The store in a folder: durable, atomic, and honest about what is wrong with the disk."""

import asyncio
import errno
import os
import resource
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from orchestrator.blobs.base import blob_key
from orchestrator.blobs.errors import BlobMissing, StoreFull, StoreUnavailable, storing
from orchestrator.blobs.local import LocalStore

KEY = blob_key("cd" * 32)


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "deep" / "assets")


@contextmanager
def files_limited_to(size: int) -> Iterator[None]:
    """A limit of the kernel's own on the size of files: the nearest to a full disk that needs no privileges."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def everything_in(store: LocalStore) -> list[Path]:
    return [path for path in store.scratch.parent.rglob("*") if path.is_file()]


@pytest.mark.parametrize("from_file", [False, True], ids=["bytes", "file"])
async def test_a_put_syncs_the_file_before_its_name_and_every_folder_after(
    store: LocalStore, from_file: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, real = store.scratch.parent, os.fsync
    synced: list[tuple[Path, bool]] = []
    source = store.scratch / "incoming"
    source.write_bytes(b"bytes")

    def fsync(handle: int) -> None:
        real(handle)
        synced.append((Path(f"/proc/self/fd/{handle}").readlink(), (root / KEY).exists()))

    monkeypatch.setattr(os, "fsync", fsync)
    await store.put(KEY, source if from_file else b"bytes")

    (file, named), *folders = synced
    assert file.parent == store.scratch
    assert not named
    assert folders == [(root / "cd", True), (root, True)]


async def test_a_known_folder_costs_one_sync_more_than_the_file(
    store: LocalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    await store.put("aa/bb/first", b"1")
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", synced.append)

    await store.put("aa/bb/second", b"2")

    assert len(synced) == 2


async def test_a_file_in_scratch_is_moved_and_not_copied(store: LocalStore) -> None:
    source = store.scratch / "incoming"
    source.write_bytes(b"bytes")
    inode = source.stat().st_ino

    await store.put(KEY, source)

    assert not source.exists()
    assert (store.scratch.parent / KEY).stat().st_ino == inode


async def test_a_file_on_another_disk_is_copied(store: LocalStore) -> None:
    other = Path("/dev/shm") / f"orchestrator-{os.getpid()}"
    other.write_bytes(b"x" * 3_000_000)
    try:
        await store.put(KEY, other)
    finally:
        other.unlink(missing_ok=True)

    assert await store.size(KEY) == 3_000_000
    assert everything_in(store) == [store.scratch.parent / KEY]


async def test_the_same_bytes_again_keep_the_file_that_is_there(store: LocalStore) -> None:
    await store.put(KEY, b"bytes")
    before = (store.scratch.parent / KEY).stat()

    await store.put(KEY, b"bytes")

    after = (store.scratch.parent / KEY).stat()
    assert after.st_ino == before.st_ino
    assert after.st_mtime_ns > before.st_mtime_ns, "It was wanted again: it is not to be pruned."


async def test_a_file_that_lost_its_end_is_replaced(store: LocalStore) -> None:
    await store.put(KEY, b"bytes")
    os.truncate(store.scratch.parent / KEY, 2)

    await store.put(KEY, b"bytes")

    assert await store.read(KEY) == b"bytes"


async def test_many_puts_of_the_same_and_of_other_keys_at_once_all_succeed(store: LocalStore) -> None:
    keys = [blob_key(f"{n % 20:064x}") for n in range(100)]

    await asyncio.gather(*(store.put(key, key.encode()) for key in keys))

    assert {await store.read(key) == key.encode() for key in keys} == {True}
    assert len(everything_in(store)) == 20


async def test_a_disk_without_room_leaves_nothing_half_stored(store: LocalStore) -> None:
    with files_limited_to(100_000), pytest.raises(StoreFull, match="There is no room in"):
        await store.put(KEY, b"x" * 200_000)

    assert everything_in(store) == []
    assert await store.size(KEY) is None
    await store.put(KEY, b"x" * 200_000)


async def test_a_cancelled_put_ends_cleanly_in_its_thread(store: LocalStore) -> None:
    putting = asyncio.create_task(store.put(KEY, b"x" * 20_000_000))
    asyncio.get_running_loop().call_later(0.001, putting.cancel)

    with pytest.raises(asyncio.CancelledError):
        await putting
    store._threads.shutdown(wait=True)

    assert everything_in(store) in ([], [store.scratch.parent / KEY])
    assert store.size_now(KEY) in (None, 20_000_000)


async def test_a_folder_that_is_gone_is_unavailable_and_its_blobs_not_lost(store: LocalStore) -> None:
    await store.put(KEY, b"bytes")
    shutil.rmtree(store.scratch.parent)

    for call in (store.read(KEY), store.size(KEY), store.put(KEY, b"bytes"), store.probe()):
        with pytest.raises(StoreUnavailable):
            await call


async def test_a_blob_that_is_gone_is_missing(store: LocalStore) -> None:
    with pytest.raises(BlobMissing):
        await store.read(KEY)


def test_a_folder_that_cannot_be_made_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(StoreUnavailable, match="cannot be used: Not a directory"):
        LocalStore(tmp_path / "file" / "assets")


async def test_only_old_scratch_files_are_swept(store: LocalStore) -> None:
    old, new = store.scratch / "old", store.scratch / "new"
    old.touch()
    new.touch()
    os.utime(old, (0, 0))
    await store.put(KEY, b"bytes")

    removed = await store.sweep_scratch(older_than=3600)

    assert removed == 1
    assert set(everything_in(store)) == {new, store.scratch.parent / KEY}


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (errno.ENOSPC, StoreFull),
        (errno.EDQUOT, StoreFull),
        (errno.EFBIG, StoreFull),
        (errno.EACCES, StoreUnavailable),
        (errno.EROFS, StoreUnavailable),
        (errno.EIO, StoreUnavailable),
        (errno.EMFILE, StoreUnavailable),
    ],
)
def test_the_systems_complaint_becomes_ours(code: int, kind: type[StoreUnavailable]) -> None:
    with pytest.raises(StoreUnavailable, match=os.strerror(code)) as complaint, storing("/srv/assets"):
        raise OSError(code, os.strerror(code))

    assert type(complaint.value) is kind
    assert "/srv/assets" in str(complaint.value)
