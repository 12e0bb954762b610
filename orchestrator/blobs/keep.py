"""Keep bytes as an asset: look at them, address them by their hash, store them, all in one thread.

One hop for all three, because at a thousand small images a second the hops would cost more than the work.
"""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from orchestrator.blobs.base import BlobStore, blob_key
from orchestrator.blobs.errors import storing
from orchestrator.blobs.media import MAX_PIXELS, Flaw, Media, NotMedia, digest, inspect
from orchestrator.domain.outcome import AssetKind

# Raw audio has no signature, so unknown bytes may well be sound; they are never a picture or a film.
_RECOGNISABLE: Final = frozenset({AssetKind.IMAGE, AssetKind.VIDEO})


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """Bytes that are safe, and what they are."""

    sha256: str
    """In hex."""
    bytes: int
    content_type: str
    """What the bytes are, by their own signature."""
    kind: AssetKind
    width: int | None
    """In pixels, of images."""
    height: int | None
    key: str
    """Where the store has them."""


async def keep(
    store: BlobStore,
    data: bytes | Path,
    *,
    sha256: str | None = None,
    expected_kind: AssetKind | None = None,
    max_pixels: int = MAX_PIXELS,
) -> Kept:
    """Check and store `data`; a file may be moved away. The same bytes again are the same blob.

    `sha256` saves hashing again what a spool has hashed. `expected_kind` is what the upstream called it: bytes without
    a signature are refused when they should be a picture or a film; one known kind in place of another is taken as what
    it is. Raises NotMedia, StoreFull or StoreUnavailable; nothing is kept then.
    """
    return await store.in_thread(partial(_keep_now, store, data, sha256, expected_kind, max_pixels))


def _keep_now(
    store: BlobStore, data: bytes | Path, sha256: str | None, expected: AssetKind | None, max_pixels: int
) -> Kept:
    with storing(str(store.scratch)):
        media = inspect(data, max_pixels=max_pixels)
        _check_kind(media, expected)
        size = len(data) if isinstance(data, bytes) else data.stat().st_size
        address = sha256 if sha256 is not None else digest(data)
    key = blob_key(address)
    store.put_now(key, data)
    return Kept(
        sha256=address,
        bytes=size,
        content_type=media.content_type,
        kind=media.kind,
        width=media.width,
        height=media.height,
        key=key,
    )


def _check_kind(media: Media, expected: AssetKind | None) -> None:
    if media.kind is AssetKind.FILE and expected in _RECOGNISABLE:
        raise NotMedia(Flaw.NOT_MEDIA, f"The file should be of kind {expected} and is nothing known.")
