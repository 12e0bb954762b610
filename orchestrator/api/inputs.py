"""What may stand in a job's `input`: the fields of each operation that are known, with their bounds.

The structs below are the data; msgspec checks against them, and the OpenAPI document shows them. A field that is not
listed passes through unseen, and models are never a closed list: the platform adds both faster than anybody releases.
What is listed is what is certain to be refused by the platform, or would be misunderstood by it without a word.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

from msgspec import Meta, Struct

from orchestrator.domain.errors import Rejected
from orchestrator.web.decoding import check

_Prompt = Annotated[str, Meta(min_length=1, max_length=32_000)]
_Text = Annotated[str, Meta(min_length=1)]
_Images = _Text | Annotated[list[_Text], Meta(min_length=1, max_length=16)]
_Size = Annotated[str, Meta(pattern=r"^(auto|[0-9]+x[0-9]+)$")]
_Count = Annotated[int, Meta(ge=1, le=10)]
_Percent = Annotated[int, Meta(ge=0, le=100)]
_Partial = Annotated[int, Meta(ge=0, le=3)]


class GenerationInput(Struct, frozen=True, kw_only=True):
    """The `input` of `openai/images/generations`; other fields are passed on."""

    prompt: _Prompt
    model: _Text | None = None
    n: _Count | None = None
    size: _Size | None = None
    quality: str | None = None
    style: str | None = None
    background: str | None = None
    moderation: str | None = None
    output_format: str | None = None
    output_compression: _Percent | None = None
    partial_images: _Partial | None = None
    response_format: Literal["url", "b64_json"] | None = None


class EditInput(Struct, frozen=True, kw_only=True):
    """The `input` of `openai/images/edits`; other fields are passed on. Files may take the place of `image`."""

    prompt: _Prompt
    image: _Images
    model: _Text | None = None
    n: _Count | None = None
    size: _Size | None = None
    quality: str | None = None
    background: str | None = None
    input_fidelity: str | None = None
    output_format: str | None = None
    output_compression: _Percent | None = None
    partial_images: _Partial | None = None
    response_format: Literal["url", "b64_json"] | None = None


class NanoBananaInput(Struct, frozen=True, kw_only=True):
    """The `input` of `nano-banana/images`; other fields are passed on."""

    prompt: _Prompt
    action: Literal["generate", "edit"] | None = None
    model: _Text | None = None
    image_urls: list[_Text] | None = None
    count: Annotated[int, Meta(ge=1, le=4)] | None = None
    aspect_ratio: _Text | None = None
    resolution: _Text | None = None


SHAPES: Final[Mapping[str, type[Struct]]] = {
    "openai/images/generations": GenerationInput,
    "openai/images/edits": EditInput,
    "nano-banana/images": NanoBananaInput,
}
TAKES_FILES: Final = frozenset({"openai/images/edits"})

# What the service itself sets in every submit.
FORBIDDEN: Final = {
    "callback_url": "is the service's to set; for your own, use `callback_url` beside `input`.",
    "async": "is the service's to set; every job is asynchronous, so leave it out.",
    "trace_id": "is the service's to set; leave it out, and read the job's `trace_id`.",
}


def check_input(operation: str, given: Mapping[str, Any]) -> None:
    """Raise Rejected for an input that the platform would refuse, or that is not a consumer's to give."""
    for name, remedy in FORBIDDEN.items():
        if name in given:
            raise Rejected(f"input.{name}", remedy)
    if given.get("stream") not in (None, False):
        raise Rejected("input.stream", "is not possible; follow the job at its `urls.events` instead.")
    shape = SHAPES.get(operation)
    if shape is not None:
        check(shape, given, at="input")
