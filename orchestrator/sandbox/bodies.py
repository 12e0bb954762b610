"""Read the body of a submit, JSON or form, into plain fields and the bytes that were uploaded with it."""

import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec
import pybase64
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request

from orchestrator.sandbox.refusals import Refused, bad_request, refusal

NUMBERS: Final = frozenset({"n", "count", "output_compression", "partial_images"})
LONGEST_ECHO: Final = 40_000  # characters: more than the longest prompt, less than most pictures
LONGEST_SHOWN: Final = 120


@dataclass(frozen=True, slots=True)
class Received:
    """The fields of a body, and the files that came with it (the mask is not among them)."""

    fields: dict[str, object]
    uploads: tuple[bytes, ...] = ()


async def read_body(request: Request, limit: int) -> Received:
    """Read a body of at most `limit` bytes.

    Raises:
        Refused: `request_too_large`, or `bad_request` for what is neither an object nor a form.
    """
    declared = request.headers.get("content-length", "0")
    if declared.isdecimal() and int(declared) > limit:
        raise Refused(refusal("request_too_large"))
    # Whatever is not multipart is taken for JSON: `curl -d` labels it as a form.
    if request.headers.get("content-type", "").startswith("multipart/form-data"):
        return await _read_form(request, limit)
    body = await request.body()
    if len(body) > limit:
        raise Refused(refusal("request_too_large"))
    try:
        return Received(msgspec.json.decode(body, type=dict[str, object]))
    except (msgspec.DecodeError, UnicodeDecodeError) as exc:
        raise bad_request("the body must be a JSON object") from exc


async def _read_form(request: Request, limit: int) -> Received:
    try:
        async with request.form(max_part_size=limit) as form:
            return await _fields(form)
    except HTTPException as exc:
        raise bad_request(f"the form could not be read: {exc.detail}") from exc


async def _fields(form: FormData) -> Received:
    fields: dict[str, object] = {}
    images: list[str] = []
    uploads: list[bytes] = []
    for key, value in form.multi_items():
        name = key.removesuffix("[]")
        shown = value if isinstance(value, str) else f"{value.filename} ({value.size} bytes)"
        if name == "image":
            images.append(shown)
            uploads.extend([await value.read()] if isinstance(value, UploadFile) else [])
        else:
            fields[name] = int(shown) if name in NUMBERS and shown.isdecimal() else shown
    if images:
        fields["image"] = images
    return Received(fields, tuple(uploads))


def inline_images(images: Sequence[str]) -> list[bytes]:
    """The bytes of those images that are data URLs; what cannot be decoded is left out."""
    found = []
    for image in images:
        if image.startswith("data:"):
            try:
                found.append(pybase64.b64decode(image.partition(",")[2]))
            except (binascii.Error, ValueError):
                continue
    return found


def shorten(value: object) -> object:
    """The same value, with every text that is longer than any prompt cut: what is remembered of a body."""
    if isinstance(value, str) and len(value) > LONGEST_ECHO:
        return f"{value[:LONGEST_SHOWN]}… ({len(value)} characters)"
    if isinstance(value, list):
        return [shorten(item) for item in value]
    if isinstance(value, Mapping):
        return {key: shorten(item) for key, item in value.items()}
    return value
