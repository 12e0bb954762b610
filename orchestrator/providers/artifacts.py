"""Find the media that a reply delivers, in the upstream's order.

Two rules make the order. The elements of a list stay as the upstream put them. Within one result, whose keys have no
order worth trusting (the same task is spelled differently in callback and record), the service's own kind comes
first, then video, audio, image, file; a single `*_url` before a list of `*_urls`; then by name. So an edit of
midjourney is the image, then its four parts; a song of suno is the audio, its video, its cover.

The walk is bounded in depth, in breadth and in what it returns: the JSON may be hostile.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Final, TypeAlias

from orchestrator.domain.outcome import Artifact, AssetKind
from orchestrator.providers.errors import find_complaint
from orchestrator.providers.media import MEDIA_ENDINGS, family, kind_of, media_url
from orchestrator.providers.shape import MAX_ITEMS, JsonObject, text
from orchestrator.providers.words import Phase, phase

MAX_ARTIFACTS: Final = 64
_MAX_DEPTH: Final = 8
_MAX_OBJECTS: Final = 10_000
_CLOSED: Final = frozenset({"request", "error", "usage", "input", "metadata"})
"""Objects that repeat the request or tell about the work. A prompt or an input is never a result."""
_KINDS: Final = (AssetKind.VIDEO, AssetKind.AUDIO, AssetKind.IMAGE, AssetKind.FILE)

_Path: TypeAlias = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Trust:
    """Whether media are results: those of the object itself, and those of listed results that say nothing about it."""

    own: bool = True
    listed: bool = True

    def within(self, node: JsonObject) -> "Trust":
        """What is left of it inside `node`, which may say that it failed or is not ready."""
        if phase(node) in (Phase.FAILED, Phase.RUNNING):
            return Trust(own=False, listed=False)
        return Trust(own=False, listed=self.listed) if find_complaint(node) else self

    def inside_element(self, node: JsonObject) -> "Trust":
        """The same for an element of a list. One that says that it is done is good whatever is said of the whole."""
        good = self.listed or phase(node) is Phase.DONE
        return Trust(own=good, listed=good).within(node)


_Element: TypeAlias = tuple[JsonObject, Trust, _Path]
"""An element of a list, the trust around it, and where it stands."""


def find_artifacts(reply: JsonObject, *, service: str, trust: Trust) -> tuple[Artifact, ...]:
    """The media of the reply's good results; the same URL counts once."""
    unique: dict[str, Artifact] = {}
    for artifact in _Walk(service).media_of(reply, trust):
        unique.setdefault(artifact.url or artifact.data or "", artifact)
        if len(unique) == MAX_ARTIFACTS:
            break
    return tuple(unique.values())


class _Walk:
    """One way through one reply; it counts the objects that it has seen."""

    def __init__(self, service: str) -> None:
        self._service = service
        first = family(service)
        self._rank = {kind: (kind is not first, place) for place, kind in enumerate(_KINDS)}
        self._objects_left = _MAX_OBJECTS

    def media_of(self, node: JsonObject, trust: Trust, path: _Path = ()) -> Iterator[Artifact]:
        """What the object itself names, nested objects included, and then what its lists name, element by element."""
        own: list[Artifact] = []
        listed: list[_Element] = []
        self._spread(node, trust, path, own, listed)
        yield from sorted(own, key=lambda each: (self._rank[each.kind], each.key.rpartition(".")[2].isdigit()))
        for element, trust_around, place in listed:
            if self._objects_left <= 0:
                return
            yield from self.media_of(element, trust_around.inside_element(element), place)

    def _spread(self, node: JsonObject, trust: Trust, path: _Path, own: list[Artifact], listed: list[_Element]) -> None:
        self._objects_left -= 1
        if len(path) > _MAX_DEPTH or self._objects_left < 0:
            return
        if trust.own:
            own.extend(_fields(node, path, self._service))
        nested = (name for name, value in node.items() if isinstance(value, dict | list) and name not in _CLOSED)
        for name in sorted(islice(nested, MAX_ITEMS)):
            match node[name]:
                case dict() as inner:
                    self._spread(inner, trust.within(inner), (*path, name), own, listed)
                case list() as elements:
                    for place, element in enumerate(islice(elements, MAX_ITEMS)):
                        if isinstance(element, dict):
                            listed.append((element, trust, (*path, name, str(place))))


def _fields(node: JsonObject, path: _Path, service: str) -> Iterator[Artifact]:
    """The media fields of this very object. Bytes beside a link are the same picture, and they do not expire."""
    bytes_here = isinstance(inline := node.get("b64_json"), str) and _base64_text(inline, bare=True) is not None
    names = (name for name in node if name.endswith(MEDIA_ENDINGS) and not (bytes_here and name == "url"))
    for name in sorted(islice(names, MAX_ITEMS)):
        value = node[name]
        for place, each in enumerate(islice(value, MAX_ITEMS)) if isinstance(value, list) else [(None, value)]:
            if isinstance(each, str) and (kind := kind_of(name, each, service)) is not None:
                key = ".".join((*path, name) if place is None else (*path, name, str(place)))
                if (found := _artifact(node, each, kind=kind, key=key, inline=name == "b64_json")) is not None:
                    yield found


def _artifact(node: JsonObject, value: str, *, kind: AssetKind, key: str, inline: bool) -> Artifact | None:
    url = None if inline else media_url(value)
    data = _base64_text(value, bare=inline) if url is None else None
    if url is None and data is None:
        return None
    prompt = text(node.get("revised_prompt"), limit=32_000)
    return Artifact(kind=kind, url=url, data=data, revised_prompt=prompt, key=text(key) or "")


def _base64_text(value: str, *, bare: bool) -> str | None:
    """The base64 of a `data:` URL, or of a field that is base64 by its name. A percent-encoded one is not read."""
    if value.startswith("data:"):
        head, _, payload = value.partition(",")
        return payload or None if head.endswith(";base64") else None
    return value.strip() or None if bare else None
