"""Keep bytes as an asset: look at them, address them by their hash, store them, all in one thread.

One hop for all three, and for everything else that waits to be kept: at a thousand small images a second the hops
would cost more than the work, and files that are synced together share the file system's commits.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from orchestrator.blobs.base import BlobStore, blob_key
from orchestrator.blobs.errors import storing
from orchestrator.blobs.media import MAX_PIXELS, Flaw, Media, NotMedia, digest, inspect
from orchestrator.blobs.together import Together
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


@dataclass(frozen=True, slots=True)
class _Wish:
    """Bytes that somebody wants kept."""

    data: bytes | Path
    sha256: str | None
    expected: AssetKind | None
    max_pixels: int


class Keeper:
    """Keeps bytes in one store. The same bytes again are the same blob."""

    def __init__(self, store: BlobStore) -> None:
        self._store = store
        self._together: Together[_Wish, Kept] = Together(store.in_thread, self._keep_all)

    async def keep(
        self,
        data: bytes | Path,
        *,
        sha256: str | None = None,
        expected_kind: AssetKind | None = None,
        max_pixels: int = MAX_PIXELS,
    ) -> Kept:
        """Check and store `data`; a file may be moved away.

        `sha256` saves hashing again what a spool has hashed. `expected_kind` is what the upstream called it: bytes
        without a signature are refused when they should be a picture or a film; one known kind in place of another is
        taken as what it is. Raises NotMedia, StoreFull or StoreUnavailable; nothing is kept then.
        """
        return await self._together.run(_Wish(data, sha256, expected_kind, max_pixels))

    def _keep_all(self, wishes: Sequence[_Wish]) -> list[Kept | Exception]:
        looked = [self._look(wish) for wish in wishes]
        good = [(place, kept) for place, kept in enumerate(looked) if isinstance(kept, Kept)]
        faults = self._store.put_all_now([(kept.key, wishes[place].data) for place, kept in good])
        for (place, _), fault in zip(good, faults, strict=True):
            if fault is not None:
                looked[place] = fault
        return looked

    def _look(self, wish: _Wish) -> Kept | Exception:
        try:
            with storing(str(self._store.scratch)):
                return _examined(wish)
        except Exception as error:  # noqa: BLE001 - it is for this wish's own caller, and no other's
            return error


def _examined(wish: _Wish) -> Kept:
    """What the bytes are and where they belong; nothing is stored yet."""
    media = inspect(wish.data, max_pixels=wish.max_pixels)
    _check_kind(media, wish.expected)
    address = wish.sha256 if wish.sha256 is not None else digest(wish.data)
    return Kept(
        sha256=address,
        bytes=len(wish.data) if isinstance(wish.data, bytes) else wish.data.stat().st_size,
        content_type=media.content_type,
        kind=media.kind,
        width=media.width,
        height=media.height,
        key=blob_key(address),
    )


def _check_kind(media: Media, expected: AssetKind | None) -> None:
    if media.kind is AssetKind.FILE and expected in _RECOGNISABLE:
        raise NotMedia(Flaw.NOT_MEDIA, f"The file should be of kind {expected} and is nothing known.")
