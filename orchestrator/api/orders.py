"""From a request to an order: everything that is checked before a job exists, and nothing that touches the database.

A big body is read, decoded and checked in a thread and while `big_bodies` is held; a small one at once.
"""

import asyncio
import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Annotated, Any, Final, TypeVar

import msgspec
from msgspec import Meta

from orchestrator.api.inputs import TAKES_FILES, check_input
from orchestrator.api.uploads import Form, is_form, read_form, store_files
from orchestrator.api.urls import check_url
from orchestrator.domain.errors import Rejected
from orchestrator.domain.operations import OPERATIONS
from orchestrator.lifecycle.accept import Accepted, Order, accept
from orchestrator.lifecycle.inputs import Encoded, encode_input, keep_input
from orchestrator.lifecycle.services import Services
from orchestrator.web.auth import Caller
from orchestrator.web.decoding import Reader, shortened
from orchestrator.web.limits import whole_body
from orchestrator.web.state import Request

T = TypeVar("T")

MAX_BATCH: Final = 100
MAX_METADATA_KEYS: Final = 50
MAX_METADATA_BYTES: Final = 16 * 1024
MAX_DEADLINE_SECONDS: Final = 7 * 24 * 3600

_KEY: Final = re.compile(r"[\x20-\x7e]{1,255}")
# A backslash that is itself escaped does not begin an escape.
_NUL: Final = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
# Keys are printable, so that a place of a batch never has the key of another request.
_PLACE: Final = "\x1f"
_canonical: Final = msgspec.json.Encoder(order="sorted").encode


class JobRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a consumer asks for. `input` is the upstream's own body; the rest is ours."""

    operation: str
    """`service/resource`, as in the upstream's path."""
    input: dict[str, Any]
    provider: str | None = None
    """A configured provider; the first one unless told."""
    callback_url: str | None = None
    """Is told the result in the upstream's own shape, signed with the consumer's webhook secret."""
    metadata: Annotated[dict[str, Any], Meta(max_length=MAX_METADATA_KEYS)] = msgspec.field(default_factory=dict)
    """Comes back unchanged, in every form of the job."""
    deadline: Annotated[int, Meta(ge=1, le=MAX_DEADLINE_SECONDS)] | None = None
    """Seconds until the job expires; the operation's own time unless told."""


class BatchRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Several requests at once; each is judged on its own."""

    jobs: Annotated[list[msgspec.Raw], Meta(min_length=1, max_length=MAX_BATCH)]


_INSIDE: Final = "it belongs to the upstream's body: put it into `input`."
_jobs: Final = Reader(
    JobRequest,
    remedies=dict.fromkeys(("model", "prompt", "n", "size", "quality", "image", "image_urls", "action"), _INSIDE),
)
_batches: Final = Reader(BatchRequest)


@dataclass(frozen=True, slots=True)
class _Parsed:
    """A request that was found right, with the digest that tells it from others, and its input ready to be kept."""

    request: JobRequest
    digest: str
    input: Encoded


async def take_order(request: Request, caller: Caller) -> Order:
    """The order that a request for one job makes. Raises Rejected, Malformed, TooLarge or Unavailable."""
    services, key = request.state["services"], idempotency_key(request)
    if is_form(request):
        async with read_form(request, services) as form:
            return await _order_with_files(services, caller, form, key)
    async with whole_body(request, services, limit=services.policy.max_request_bytes) as body:
        return await _order(services, caller, await _parsed(services, body), key)


async def take_batch(request: Request, caller: Caller) -> list[Order | Exception]:
    """The orders of a batch, or what is wrong with each. Its Idempotency-Key counts for each place in it."""
    services, key = request.state["services"], idempotency_key(request)
    async with whole_body(request, services, limit=services.policy.max_request_bytes) as body:
        batch = await _apart(services, body, partial(_batches.read, body))
        keys = [None if key is None else f"{key}{_PLACE}{place}" for place in range(len(batch.jobs))]
        return [
            await _order_or_error(services, caller, bytes(each), own)
            for each, own in zip(batch.jobs, keys, strict=True)
        ]


async def place(services: Services, order: Order) -> Accepted:
    """Accept the order. What was stored for it is removed where it is certain that no job refers to it."""
    try:
        accepted = await accept(services, order)
    except Rejected:
        await _take_back(services, order)
        raise
    if accepted.is_replay:
        await _take_back(services, order)
    return accepted


def idempotency_key(request: Request) -> str | None:
    """The Idempotency-Key header, or Rejected for one that is not 1 to 255 printable ASCII characters."""
    key = request.headers.get("idempotency-key")
    if key is not None and not _KEY.fullmatch(key):
        raise Rejected("Idempotency-Key", "must be 1 to 255 printable ASCII characters.")
    return key


async def _parsed(services: Services, body: bytes) -> _Parsed:
    return await _apart(services, body, partial(_parse, services, body))


async def _apart(services: Services, body: bytes, work: Callable[[], T]) -> T:
    """What `work` makes of the body; made in a thread where the body is big."""
    return work() if len(body) <= services.policy.inline_body_bytes else await asyncio.to_thread(work)


def _parse(services: Services, body: bytes, form: Form | None = None) -> _Parsed:
    request = _jobs.read(body)
    _check(services, request, form)
    digest = hashlib.sha256(_canonical(request))
    for file in () if form is None else form.files:
        digest.update(_canonical([file.field, file.filename, file.media_type, file.spool.sha256]))
    given = request.input if form is None else request.input | form.shown()
    return _Parsed(request, digest.hexdigest(), encode_input(given))


def _check(services: Services, request: JobRequest, form: Form | None) -> None:
    if request.operation not in OPERATIONS:
        known = ", ".join(sorted(OPERATIONS))
        raise Rejected("operation", f"{shortened(request.operation)!r} is unknown; use one of {known}.")
    _check_metadata(request.metadata)
    check_input(request.operation, _with_files(request, form))
    services.providers.resolve(request.provider)
    if request.callback_url is not None:
        check_url(services, request.callback_url, field="callback_url")


def _check_metadata(metadata: Mapping[str, Any]) -> None:
    encoded = _canonical(metadata)
    if len(encoded) > MAX_METADATA_BYTES:
        raise Rejected("metadata", f"is over {MAX_METADATA_BYTES} bytes of JSON.")
    if _NUL.search(encoded):
        raise Rejected("metadata", "holds the character U+0000; leave it out.")


def _with_files(request: JobRequest, form: Form | None) -> Mapping[str, Any]:
    """The input with the names of the files in the places of the files."""
    if form is None or not form.files:
        return request.input
    if request.operation not in TAKES_FILES:
        raise Rejected(form.files[0].field, f"{request.operation} takes no files; pass links in `input`.")
    names: dict[str, list[str]] = {}
    for file in form.files:
        if file.name in request.input:
            raise Rejected(f"input.{file.name}", "is given as a file already; leave it out here.")
        names.setdefault(file.name, []).append(file.filename)
    if "image" not in names:
        raise Rejected("mask", "needs the image as a file too; the platform does not mix files and links.")
    return request.input | names


async def _order(services: Services, caller: Caller, parsed: _Parsed, key: str | None) -> Order:
    kept, blob = await keep_input(services, parsed.input)
    return _finished(caller, parsed, key, kept, blob)


async def _order_with_files(services: Services, caller: Caller, form: Form, key: str | None) -> Order:
    parsed = await asyncio.to_thread(_parse, services, form.job, form)
    kept, blob = await keep_input(services, parsed.input)
    uploads = await store_files(services, form.files)
    return _finished(caller, parsed, key, kept, blob, uploads or None)


async def _order_or_error(services: Services, caller: Caller, body: bytes, key: str | None) -> Order | Exception:
    try:
        return await _order(services, caller, await _parsed(services, body), key)
    except Exception as exc:  # noqa: BLE001 - each place of a batch has its own answer, whatever happens in another
        return exc


def _finished(
    caller: Caller,
    parsed: _Parsed,
    key: str | None,
    kept: Mapping[str, Any],
    blob: str | None,
    uploads: Sequence[Mapping[str, Any]] | None = None,
) -> Order:
    request = parsed.request
    return Order(
        consumer_id=caller.consumer_id,
        operation=request.operation,
        input=kept,
        input_blob=blob,
        uploads=uploads,
        provider=request.provider,
        callback_url=request.callback_url,
        metadata=request.metadata,
        deadline=None if request.deadline is None else timedelta(seconds=request.deadline),
        idempotency_key=key,
        request_digest=parsed.digest,
    )


async def _take_back(services: Services, order: Order) -> None:
    keys = [order.input_blob, *(each["key"] for each in order.uploads or ())]
    for key in filter(None, keys):
        await services.blobs.delete(key)
