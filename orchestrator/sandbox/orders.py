"""What a submit asks for, once it has been read and found acceptable: from a body's fields to an `Order`.

Pure: no request, no clock. The checks are those that the platform is known to make at once, in its words where a
client may look for them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias
from urllib.parse import urlsplit

from orchestrator.sandbox.refusals import bad_request
from orchestrator.sandbox.shapes import Layout, Operation
from orchestrator.sandbox.sizes import SQUARE, WIDE, Size, openai_size, other_size

Body: TypeAlias = Mapping[str, object]

SUBJECTS: Final = ("prompt", "text", "lyric", "url")
IMAGE_FIELDS: Final = ("image", "image_urls", "image_url")
FORMATS: Final = {"png": "png", "jpeg": "jpeg", "jpg": "jpeg", "webp": "webp"}
MOST_IMAGES: Final = 16
MOST_RESULTS: Final = {"n": 10, "count": 4}
DEFAULT_MODEL: Final = "gpt-image-1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """prompt is what the client wrote, text the part of it that is drawn; size is in pixels; images as they came."""

    operation: Operation
    body: Body
    prompt: str
    text: str
    model: str
    size: Size
    count: int
    format: str
    wants_b64: bool
    callback_url: str | None
    is_async: bool
    images: tuple[str, ...]


def subject_of(body: Body) -> str:
    """The words of a request, wherever its service has them."""
    for name in SUBJECTS:
        if isinstance(value := body.get(name), str) and value:
            return value
    content = body.get("content")
    parts = content if isinstance(content, list) else []
    return " ".join(str(part["text"]) for part in parts if isinstance(part, dict) and part.get("text"))


def read_order(operation: Operation, body: Body, text: str) -> Order:
    """The order in a body; `text` is its subject without what the sandbox was told in it.

    Raises:
        Refused: `bad_request`, when a field is missing or has a value that the platform refuses at once.
    """
    for name in operation.needs:
        if not body.get(name):
            raise bad_request(f"{name} is required")
    is_openai = operation.layout is Layout.OPENAI
    model = str(body.get("model") or (DEFAULT_MODEL if is_openai else ""))
    images = images_of(body)
    if is_openai and len(images) > MOST_IMAGES:
        raise bad_request(f"image must not hold more than {MOST_IMAGES} images")
    default = WIDE if operation.kind == "videos" else SQUARE
    return Order(
        operation=operation,
        body=body,
        prompt=subject_of(body),
        text=text,
        model=model,
        size=openai_size(model, body.get("size")) if is_openai else other_size(body, default),
        count=_count(operation, body),
        format=_format(body, strict=is_openai),
        wants_b64=is_openai and body.get("response_format") == "b64_json" and not model.startswith("nano-banana"),
        callback_url=_callback_url(body),
        is_async=body.get("async") in (True, "true", "True", "1"),
        images=images,
    )


def images_of(body: Body) -> tuple[str, ...]:
    """Links, data URLs and names of uploads that a request came with."""
    found: list[str] = []
    for name in IMAGE_FIELDS:
        value = body.get(name)
        values: Sequence[object] = value if isinstance(value, list) else [value]
        found.extend(item for item in values if isinstance(item, str) and item)
    return tuple(found)


def linked_names(images: Sequence[str]) -> list[str]:
    """The file names of those images that are only linked to; the sandbox never fetches them."""
    links = (urlsplit(image) for image in images if image.startswith(("http://", "https://")))
    return [link.path.rpartition("/")[2] or link.netloc for link in links]


def _count(operation: Operation, body: Body) -> int:
    if isinstance(operation.count, int):
        return operation.count
    value, most = body.get(operation.count), MOST_RESULTS[operation.count]
    if value is None:
        return 1
    count = int(value) if isinstance(value, int) or (isinstance(value, str) and value.isdecimal()) else 0
    if not 1 <= count <= most:
        raise bad_request(f"{operation.count} must lie between 1 and {most}")
    return count


def _format(body: Body, *, strict: bool) -> str:
    wanted = body.get("output_format") or "png"
    if wanted not in FORMATS and strict:
        raise bad_request("output_format must be png, jpeg or webp")
    return FORMATS.get(str(wanted), "png")


def _callback_url(body: Body) -> str | None:
    url = body.get("callback_url")
    if not url:
        return None
    if not isinstance(url, str) or not url.startswith(("http://", "https://")):
        raise bad_request("callback_url must be an address that begins with http:// or https://")
    return url
