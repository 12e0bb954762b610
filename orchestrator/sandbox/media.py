"""The media links that were handed out, and the bytes behind them.

A link costs nothing until it is opened: only then is its picture drawn, in a thread, and kept while there is room.
Because drawing is pure and the stamp is made from the link's name, a link always gives the same bytes.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random
from typing import Final

from orchestrator.sandbox import clips
from orchestrator.sandbox.behaviour import Behaviour
from orchestrator.sandbox.pictures import Picture, draw
from orchestrator.sandbox.stamps import padding, stamp

TYPES: Final[Mapping[str, str]] = {
    "png": "image/png",
    "jpeg": "image/jpeg",
    "webp": "image/webp",
    "mp4": "video/mp4",
    "wav": "audio/wav",
    "mid": "audio/midi",
}
EXTENSIONS: Final[Mapping[str, str]] = {"video": "mp4", "audio": "wav", "midi": "mid"}
CLIPS: Final[Mapping[str, Callable[[], bytes]]] = {"mp4": clips.film, "wav": clips.sound, "mid": clips.tune}
LINKS_PER_TASK: Final = 4


@dataclass(slots=True, kw_only=True, eq=False)
class Media:
    """One link: what it shows, until when (seconds since 1970), and how often it has been opened."""

    name: str
    picture: Picture | None
    behaviour: Behaviour
    expires_at: float
    opened: int = 0

    @property
    def extension(self) -> str:
        return self.name.rpartition(".")[2]


class Shelf:
    """The newest links, about four for each task kept, and as many drawings as fit into `cache_bytes`."""

    def __init__(self, keep: int, cache_bytes: int) -> None:
        self._keep = keep * LINKS_PER_TASK
        self._capacity = cache_bytes
        self._used = 0
        self._links: OrderedDict[str, Media] = OrderedDict()
        self._drawings: OrderedDict[Picture, bytes] = OrderedDict()

    def add(self, media: Media) -> None:
        self._links[media.name] = media
        while len(self._links) > self._keep:
            self._links.popitem(last=False)

    def find(self, name: str) -> Media | None:
        return self._links.get(name)

    def remove(self, name: str) -> None:
        self._links.pop(name, None)

    def clear(self) -> None:
        self._links.clear()

    async def read(self, media: Media) -> bytes:
        """The link's file."""
        if media.behaviour.bomb:
            return await asyncio.to_thread(clips.bomb)
        base = CLIPS[media.extension]() if media.picture is None else await self._drawing(media.picture)
        return _own(base, media)

    async def _drawing(self, picture: Picture) -> bytes:
        if (known := self._drawings.get(picture)) is not None:
            self._drawings.move_to_end(picture)
            return known
        drawn = await asyncio.to_thread(draw, picture)
        if picture not in self._drawings:
            self._drawings[picture] = drawn
            self._used += len(drawn)
        while self._used > self._capacity:
            _, dropped = self._drawings.popitem(last=False)
            self._used -= len(dropped)
        return drawn


def _own(base: bytes, media: Media) -> bytes:
    """Make the bytes this link's own, and as many as it was told to have."""
    missing = padding(base, media.behaviour.bytes)
    name = b"" if media.behaviour.same else media.name.encode()
    noise = Random(name).randbytes(max(0, missing - len(name))) if missing else b""  # noqa: S311 - padding
    return stamp(base, media.extension, name + noise)
