"""What every store does, on a folder, in memory, and over the wire to something that speaks S3."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from orchestrator.blobs.base import BlobStore, blob_key
from orchestrator.blobs.errors import BlobMissing, StoreUnavailable
from orchestrator.blobs.registry import open_store
from tests.blobs.bucket import Bucket, s3

KEY = blob_key("ab" * 32)


@pytest.fixture(params=["folder", "memory", "s3"])
async def store(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[BlobStore]:
    if request.param == "folder":
        yield open_store(f"file://{tmp_path}/assets")
    elif request.param == "memory":
        yield open_store("memory://", scratch=tmp_path / "scratch")
    else:
        async with s3(Bucket(), monkeypatch):
            yield open_store("s3://media/assets", scratch=tmp_path / "scratch")


async def collected(store: BlobStore, start: int = 0, end: int | None = None) -> bytes:
    return b"".join([piece async for piece in store.stream(KEY, start=start, end=end)])


def test_a_key_is_the_hash_under_two_folders_of_its_first_digits() -> None:
    assert blob_key("abcdef" + "0" * 58) == "ab/abcdef" + "0" * 58


async def test_what_was_put_is_read_back(store: BlobStore) -> None:
    await store.put(KEY, b"bytes")

    assert await store.read(KEY) == b"bytes"
    assert await store.size(KEY) == 5


async def test_a_file_is_put_like_bytes_and_leaves_nothing_but_itself_behind(store: BlobStore) -> None:
    source = store.scratch / "incoming"
    source.write_bytes(b"x" * 300_000)

    await store.put(KEY, source)

    assert await store.read(KEY) == b"x" * 300_000
    assert set(store.scratch.iterdir()) <= {source}


async def test_a_large_file_survives_the_way_in_parts(store: BlobStore) -> None:
    content = bytes(range(256)) * 50_000
    source = store.scratch / "incoming"
    source.write_bytes(content)

    await store.put(KEY, source)

    assert await store.size(KEY) == len(content)
    assert await collected(store) == content


async def test_putting_the_same_bytes_again_changes_nothing(store: BlobStore) -> None:
    await store.put(KEY, b"bytes")
    await store.put(KEY, b"bytes")

    assert await store.read(KEY) == b"bytes"


@pytest.mark.parametrize(("start", "end"), [(0, None), (0, 1), (5, None), (3, 7), (9, 10), (4, 4), (0, 10)])
async def test_a_range_is_streamed(
    store: BlobStore, start: int, end: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(store), "piece", 3)
    await store.put(KEY, b"0123456789")

    assert await collected(store, start, end) == b"0123456789"[start:end]


async def test_what_is_not_there_is_missing(store: BlobStore) -> None:
    assert await store.size(KEY) is None
    with pytest.raises(BlobMissing, match=KEY):
        await store.read(KEY)
    with pytest.raises(BlobMissing):
        await collected(store)
    with pytest.raises(BlobMissing):
        await collected(store, 0, 5)


async def test_what_was_deleted_is_missing_and_may_be_deleted_again(store: BlobStore) -> None:
    await store.put(KEY, b"bytes")

    await store.delete(KEY)
    await store.delete(KEY)

    assert await store.size(KEY) is None


async def test_a_working_store_passes_its_probe_and_keeps_nothing_of_it(store: BlobStore) -> None:
    await store.probe()

    assert list(store.scratch.iterdir()) == []


@pytest.mark.parametrize(
    "key", ["", "/etc/passwd", "../x", "a/../b", "a//b", ".scratch/x", "a/.hidden", "a/", "a\\b", "ä", "a\n"]
)
async def test_a_key_that_could_lead_elsewhere_is_a_bug(tmp_path: Path, key: str) -> None:
    for store in (open_store(str(tmp_path)), open_store("memory://", scratch=tmp_path)):
        for call in (store.put(key, b""), store.read(key), store.size(key), store.delete(key)):
            with pytest.raises(ValueError, match="not a blob key"):
                await call


async def test_a_bucket_that_is_away_is_unavailable_and_names_no_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket = Bucket(broken=True)
    async with s3(bucket, monkeypatch), asyncio.timeout(20):
        store = open_store("s3://media/assets", scratch=tmp_path)

        with pytest.raises(StoreUnavailable, match="s3://media/assets cannot be used") as refusal:
            await store.put(KEY, b"bytes")
        with pytest.raises(StoreUnavailable):
            await store.probe()

    assert "\n" not in str(refusal.value)
    assert "secret-of-a-test" not in str(refusal.value)
    assert bucket.objects == {}
