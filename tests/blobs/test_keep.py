"""From bytes to a stored, known blob."""

import asyncio
import hashlib
from pathlib import Path

import pytest

from orchestrator.blobs.base import BlobStore
from orchestrator.blobs.errors import StoreUnavailable
from orchestrator.blobs.keep import Keeper
from orchestrator.blobs.media import Flaw, NotMedia
from orchestrator.blobs.registry import open_store
from orchestrator.blobs.spool import Spool
from orchestrator.domain.outcome import AssetKind
from tests.blobs.samples import film, picture


@pytest.fixture(params=["folder", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> BlobStore:
    return open_store(
        str(tmp_path / "assets") if request.param == "folder" else "memory://", scratch=tmp_path / "scratch"
    )


async def test_a_picture_is_kept_bit_for_bit_under_its_hash(store: BlobStore) -> None:
    content = picture("JPEG", (64, 40)) + b"trailing provenance"
    sha256 = hashlib.sha256(content).hexdigest()

    kept = await Keeper(store).keep(content, expected_kind=AssetKind.IMAGE)

    assert await store.read(kept.key) == content
    assert (kept.sha256, kept.key) == (sha256, f"{sha256[:2]}/{sha256}")
    assert (kept.bytes, kept.content_type, kept.kind) == (len(content), "image/jpeg", AssetKind.IMAGE)
    assert (kept.width, kept.height) == (64, 40)


@pytest.mark.parametrize("max_memory", [100, 1 << 20], ids=["from a file", "from memory"])
async def test_what_a_spool_took_in_is_kept_without_hashing_it_again(store: BlobStore, max_memory: int) -> None:
    content = picture("PNG", (200, 100))
    with Spool(store.scratch, max_memory=max_memory) as spool:
        for at in range(0, len(content), 1000):
            spool.write(content[at : at + 1000])

        kept = await Keeper(store).keep(spool.finish(), sha256=spool.sha256)

    assert kept.sha256 == hashlib.sha256(content).hexdigest()
    assert await store.read(kept.key) == content
    assert list(store.scratch.iterdir()) == []


async def test_the_same_bytes_twice_are_one_blob(store: BlobStore) -> None:
    first, second = await asyncio.gather(Keeper(store).keep(picture()), Keeper(store).keep(picture()))

    assert first == second


async def test_what_is_no_media_is_not_kept(store: BlobStore) -> None:
    page = b"<html>This link has expired</html>"

    with pytest.raises(NotMedia) as refusal:
        await Keeper(store).keep(page)

    assert refusal.value.reason is Flaw.NOT_MEDIA
    assert await store.size(f"{digest(page)[:2]}/{digest(page)[2:4]}/{digest(page)}") is None


@pytest.mark.parametrize("kind", [AssetKind.IMAGE, AssetKind.VIDEO])
async def test_unknown_bytes_are_no_picture_and_no_film(store: BlobStore, kind: AssetKind) -> None:
    with pytest.raises(NotMedia) as refusal:
        await Keeper(store).keep(bytes(1000), expected_kind=kind)

    assert refusal.value.reason is Flaw.NOT_MEDIA


@pytest.mark.parametrize("kind", [AssetKind.AUDIO, AssetKind.FILE, None])
async def test_unknown_bytes_may_be_sound(store: BlobStore, kind: AssetKind | None) -> None:
    kept = await Keeper(store).keep(bytes(1000), expected_kind=kind)

    assert (kept.content_type, kept.kind) == ("application/octet-stream", AssetKind.FILE)


async def test_a_film_in_place_of_a_picture_is_kept_as_a_film(store: BlobStore) -> None:
    kept = await Keeper(store).keep(film(b"isom"), expected_kind=AssetKind.IMAGE)

    assert (kept.content_type, kept.kind, kept.width) == ("video/mp4", AssetKind.VIDEO, None)


async def test_the_limit_on_pixels_is_the_callers(store: BlobStore) -> None:
    with pytest.raises(NotMedia) as refusal:
        await Keeper(store).keep(picture("PNG", (100, 100)), max_pixels=9_999)

    assert refusal.value.reason is Flaw.TOO_MANY_PIXELS


async def test_a_file_that_is_gone_is_our_trouble_and_not_the_pictures(store: BlobStore) -> None:
    with pytest.raises(StoreUnavailable):
        await Keeper(store).keep(store.scratch / "gone")


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
