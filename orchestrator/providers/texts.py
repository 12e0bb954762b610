"""Results that are not media: lyrics, a persona's id, descriptions of a picture, an extracted page.

Such a task has succeeded although nothing is to be fetched. The danger is to see a result in what is none, which
would end a paid task with nothing to show. So a service that only makes media never has one, a place for media that
is empty rules it out, and what merely tells about the work does not count.
"""

from typing import Final

from orchestrator.providers.media import family, names_media
from orchestrator.providers.shape import JsonObject, items, layers

_WITH_TEXTS: Final = frozenset({"suno", "producer", "midjourney", "digital-human"})
"""Services for media that also have operations without."""
_BARE: Final = ("descriptions", "content")
"""Midjourney's describe and translate: the result stands at the top, without `success` or `data`."""
_ABOUT: Final = (
    "id task_id trace_id job_id success state status progress code type action message msg detail error model prompt "
    "revised_prompt title created created_at updated_at started_at finished_at complete_at data variants"
)
_TELLS_ABOUT: Final = frozenset(_ABOUT.split())


def has_text(reply: JsonObject, *, service: str, succeeded: bool) -> bool:
    """Whether the reply holds a result that is not media. Under `data` it only counts if the reply says success."""
    if family(service) and service not in _WITH_TEXTS:
        return False
    top, *inner = (*layers(reply), *items(reply))
    if any(names_media(name, service) for node in (top, *inner) for name in node):
        return False
    if service == "midjourney" and any(_is_substance(top.get(name)) for name in _BARE):
        return True
    told = (value for node in inner for name, value in node.items() if name not in _TELLS_ABOUT)
    return succeeded and any(map(_is_substance, told))


def _is_substance(value: object) -> bool:
    """Numbers and flags tell about a result; only texts and structures are one."""
    return isinstance(value, str | list | dict) and bool(value)
