"""Which fields of a reply name media, and of which kind.

A field counts by its name, and a name counts by its words: `vocal_audio_url` is audio, `video_cover_url` an image.
What is not a result is left out by name too: previews and thumbnails, `raw_` and `_large` twins of the same picture,
inputs that a reply repeats, links to interfaces. A `*_url` whose name says nothing counts if its path ends like a
media file.
"""

import re
from functools import lru_cache
from typing import Final
from urllib.parse import urlsplit

from orchestrator.domain.outcome import AssetKind

MEDIA_ENDINGS: Final = ("url", "urls", "b64_json", "last_frame")
"""How a field's name has to end to be looked at any further."""

_FAMILIES: Final = {
    AssetKind.IMAGE: "openai nano-banana flux seedream midjourney",
    AssetKind.VIDEO: ("veo sora luma kling hailuo wan seedance dreamina happyhorse digital-human maestro minimax"),
    AssetKind.AUDIO: "suno producer fish",
}
_FAMILY_OF: Final = {service: kind for kind, services in _FAMILIES.items() for service in services.split()}

_WITHOUT_MEDIA: Final = frozenset({"webextrator", "captcha"})
"""Services whose results hold links, not media: an extracted page names its own `url`."""
_ECHOES: Final = {"dreamina": frozenset({"image_url", "audio_url", "mask_url"})}
"""Inputs that a service repeats among its results under names that are results elsewhere."""

_NOT_A_RESULT: Final = re.compile(
    r"(?:^|_)(?:raw|large|thumb|thumbnail|preview|stream|streaming|source|input|reference|mask|start|end|first|avatar|"
    r"callback|webhook|polling|status|response|cancel|logs|share|page)(?:_|$)"
)
_STILLS: Final = frozenset({"cover", "frame", "poster"})
_KIND_WORDS: Final = {
    AssetKind.VIDEO: frozenset({"video", "videos"}),
    AssetKind.AUDIO: frozenset({"audio", "audios", "vocal", "vocals", "instrumental", "music", "song", "voice"}),
    AssetKind.IMAGE: frozenset({"image", "images", "picture", "photo"}) | _STILLS,
}
_PLAIN: Final = frozenset({"", "file", "output", "result", "media", "download"})
_SUFFIXES: Final = {
    AssetKind.IMAGE: "png jpg jpeg webp gif avif bmp tif tiff",
    AssetKind.VIDEO: "mp4 webm mov mkv m4v",
    AssetKind.AUDIO: "mp3 wav m4a aac flac ogg opus",
    AssetKind.FILE: "mid midi pcm zip",
}
_KIND_OF_SUFFIX: Final = {f".{suffix}": kind for kind, suffixes in _SUFFIXES.items() for suffix in suffixes.split()}
_MAX_URL: Final = 8192


def family(service: str) -> AssetKind | None:
    """The kind of media that a service is for; None for a service that is not known."""
    return _FAMILY_OF.get(service)


def names_media(name: str, service: str) -> bool:
    """Whether a field of this name is a place for media, filled or not. `foo_url` is none before its value is seen."""
    if (stem := _stem(name, service)) is None:
        return False
    return name == "b64_json" or stem in _PLAIN or _kind_of_words(stem) is not None


def kind_of(name: str, value: str, service: str) -> AssetKind | None:
    """The kind of the media that the field names with an http(s) URL or a `data:` URL; None if it is no result."""
    if (stem := _stem(name, service)) is None:
        return None
    if name == "b64_json":
        return AssetKind.IMAGE
    if (kind := _kind_of_words(stem)) is not None:
        return kind
    if (kind := _kind_of_value(value)) is not None:
        return kind
    if stem not in _PLAIN:
        return None
    return AssetKind.FILE if stem == "file" else family(service) or AssetKind.FILE


def media_url(value: str) -> str | None:
    """The value if it is an absolute http(s) URL that could be fetched, else None."""
    url = value.strip()
    if len(url) > _MAX_URL or not url.isprintable() or not url.lower().startswith(("http://", "https://")):
        return None
    try:
        return url if urlsplit(url).hostname else None
    except ValueError:  # an unbalanced bracket in the host
        return None


@lru_cache(maxsize=1024)
def _stem(name: str, service: str) -> str | None:
    """`video` of `video_url` and `video_urls`, empty for `url`; None if the name is not one of a result."""
    if not name.endswith(MEDIA_ENDINGS) or service in _WITHOUT_MEDIA or name in _ECHOES.get(service, ()):
        return None
    if name in ("b64_json", "last_frame"):
        return name
    for ending in ("url", "urls"):
        if name == ending:
            return ""
        if name.endswith(f"_{ending}"):
            stem = name.removesuffix(f"_{ending}")
            return None if _NOT_A_RESULT.search(stem) else stem
    return None


@lru_cache(maxsize=1024)
def _kind_of_words(stem: str) -> AssetKind | None:
    words = frozenset(stem.split("_"))
    if words & _STILLS:
        return AssetKind.IMAGE
    return next((kind for kind, known in _KIND_WORDS.items() if words & known), None)


def _kind_of_value(value: str) -> AssetKind | None:
    if value.startswith("data:"):
        kind = value[5:40].partition("/")[0]
        return AssetKind(kind) if kind in ("image", "video", "audio") else AssetKind.FILE
    path = value[:_MAX_URL].partition("?")[0].partition("#")[0]
    return _KIND_OF_SUFFIX.get(path[path.rfind(".") :].lower())
