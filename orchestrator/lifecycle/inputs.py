"""The input of a job: small ones in its row, big ones and files in the blob store.

The upstream gets the input as the consumer gave it. What is kept in the row and shown in the API is shortened where a
string is long (a picture as a data URL), and where that is not enough, to the plain values of its first fields:
rows, lists and webhooks are no place for megabytes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

import msgspec

from orchestrator.domain.job import Job
from orchestrator.domain.task import Task
from orchestrator.lifecycle.services import Services
from orchestrator.providers.provider import Submission, Upload

LONG: Final = 64 * 1024
"""Bytes of JSON up to which an input is kept in its row."""
_SHOWN: Final = 96
_SHOWN_FIELDS: Final = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoded:
    """An input that is ready to be kept."""

    shown: Mapping[str, Any]
    """As its row holds it."""
    whole: bytes | None
    """All of it, where that is too big for a row."""


def encode_input(given: Mapping[str, Any]) -> Encoded:
    """The input, ready to be kept. Where it may be big this is work for a thread."""
    whole = msgspec.json.encode(given)
    return Encoded(shown=given, whole=None) if len(whole) <= LONG else Encoded(shown=_outlined(given), whole=whole)


async def keep_input(services: Services, encoded: Encoded) -> tuple[Mapping[str, Any], str | None]:
    """The input as the row holds it, and the key of the whole one where that is too big for a row."""
    if encoded.whole is None:
        return encoded.shown, None
    key = f"inputs/{services.new_id()}.json"
    await services.blobs.put(key, encoded.whole)
    return encoded.shown, key


async def load_submission(services: Services, job: Job, task: Task, callback_url: str | None) -> Submission:
    """What is sent to the provider: the whole input, with the way back and our trace id."""
    body: dict[str, Any] = dict(job.input)
    if job.input_blob is not None:
        body = msgspec.json.decode(await services.blobs.read(job.input_blob))
    uploads = [
        Upload(
            field=each["field"],
            filename=each["filename"],
            content_type=each["content_type"],
            content=await services.blobs.read(each["key"]),
        )
        for each in job.uploads or ()
    ]
    for each in uploads:
        body.pop(each.field.removesuffix("[]"), None)
    way_back: dict[str, Any] = {"async": True} if callback_url is None else {"callback_url": callback_url}
    return Submission(operation=job.operation, body=body | way_back | {"trace_id": task.id}, uploads=uploads)


def _outlined(given: Mapping[str, Any]) -> Mapping[str, Any]:
    """At most `LONG` bytes of what is in an input."""
    outline = {name: _shortened(value) for name, value in given.items()}
    if len(msgspec.json.encode(outline)) <= LONG:
        return outline
    first = islice(outline.items(), _SHOWN_FIELDS)
    few = {
        name[:_SHOWN]: f"… ({len(value)} items)" if isinstance(value, list | dict) else value for name, value in first
    }
    left_out = len(outline) - _SHOWN_FIELDS
    return few | {"…": f"({left_out} more fields)"} if left_out > 0 else few


def _shortened(value: Any) -> Any:
    if isinstance(value, str) and len(value) > _SHOWN * 2:
        return f"{value[:_SHOWN]}… ({len(value)} characters)"
    if isinstance(value, list):
        return [_shortened(each) for each in value]
    if isinstance(value, dict):
        return {name: _shortened(each) for name, each in value.items()}
    return value
