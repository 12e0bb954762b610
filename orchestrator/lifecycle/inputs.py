"""The input of a job: small ones in its row, big ones and files in the blob store.

The upstream gets the input as the consumer gave it. What is kept in the row and shown in the API is shortened where a
string is long (a picture as a data URL), because rows, lists and webhooks are no place for megabytes.
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from orchestrator.domain.job import Job
from orchestrator.domain.task import Task
from orchestrator.lifecycle.services import Services
from orchestrator.providers.provider import Submission, Upload

LONG: Final = 64 * 1024
"""Bytes of JSON up to which an input is kept in its row."""
_SHOWN: Final = 96


async def keep_input(services: Services, given: Mapping[str, Any]) -> tuple[Mapping[str, Any], str | None]:
    """The input as the row holds it, and the key of the whole one where that is too big for a row."""
    encoded = msgspec.json.encode(given)
    if len(encoded) <= LONG:
        return given, None
    key = f"inputs/{services.new_id()}.json"
    await services.blobs.put(key, encoded)
    return {name: _shortened(value) for name, value in given.items()}, key


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


def _shortened(value: Any) -> Any:
    if isinstance(value, str) and len(value) > _SHOWN * 2:
        return f"{value[:_SHOWN]}… ({len(value)} characters)"
    if isinstance(value, list):
        return [_shortened(each) for each in value]
    if isinstance(value, dict):
        return {name: _shortened(each) for name, each in value.items()}
    return value
