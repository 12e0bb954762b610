"""One attempt to tell an endpoint something. Whatever the peer does is a value; nothing that it does is an exception.

What would surprise you:

* The status decides. Once it is there, a body that stalls, breaks off or never ends changes nothing: the excerpt is
  what had come by then, and the connection is given up instead of being used again.
* A kept connection that the peer has just closed fails like one that it broke off. Such a POST is sent again at once,
  on another connection: consumers tell repeats by the message id, and a server that closes after each answer without
  saying so would fail every other attempt.
* A redirect is a failure and is not followed: a webhook goes where its consumer said, and nowhere else.
"""

import asyncio
import io
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

import aiohttp

from orchestrator.egress.client import Fault, Passage, fault_of, forbidden_in
from orchestrator.egress.guard import parse_url

EXCERPT_BYTES: Final = 1024
_EXCERPT_SECONDS: Final = 2.0
# Larger bodies are handed to aiohttp as a file, which it sends in pieces; bytes of that size make it warn.
_ONE_PIECE: Final = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What came of one attempt."""

    status: int | None
    """The HTTP status; None when there was no answer."""
    retry_after: float | None
    """Seconds from now for which the peer asked to be left alone."""
    excerpt: str
    """The first KiB of the answer's body, as text; the guard's reason when it refused the address."""
    error: str | None
    """A word of `Fault`: there was no answer, or it was a redirect. None for a status that speaks for itself."""
    seconds: float
    """How long the attempt took."""


async def send_webhook(
    session: aiohttp.ClientSession,
    *,
    url: str,
    headers: Mapping[str, str],
    body: bytes,
    now: datetime,
    timeout: float = 15.0,  # noqa: ASYNC109 - one limit for the whole attempt, and running out of it is a value
) -> Reply:
    """POST `body` to `url`; `timeout` is in seconds, for all of it; a date in Retry-After counts from `now`."""
    started = time.monotonic()
    deadline = asyncio.get_running_loop().time() + timeout
    try:
        async with asyncio.timeout_at(deadline):
            answer = await _post(session, url, headers, body)
    except (aiohttp.ClientError, OSError) as exc:
        forbidden = forbidden_in(exc)
        return Reply(
            status=None,
            retry_after=None,
            excerpt="" if forbidden is None else forbidden.reason,
            error=fault_of(exc),
            seconds=time.monotonic() - started,
        )
    excerpt = await _excerpt(answer, deadline)
    return Reply(
        status=answer.status,
        retry_after=parse_retry_after(answer.headers.get("retry-after"), now=now),
        excerpt=excerpt,
        error=Fault.REDIRECT if 300 <= answer.status < 400 else None,
        seconds=time.monotonic() - started,
    )


async def _post(
    session: aiohttp.ClientSession, url: str, headers: Mapping[str, str], body: bytes
) -> aiohttp.ClientResponse:
    target = parse_url(url)
    while True:
        passage = Passage()
        data = body if len(body) <= _ONE_PIECE else io.BytesIO(body)
        try:
            return await session.post(
                target, headers=headers, data=data, allow_redirects=False, trace_request_ctx=passage
            )
        except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError):
            if not passage.reused:
                raise


async def _excerpt(answer: aiohttp.ClientResponse, deadline: float) -> str:
    read = bytearray()
    try:
        async with asyncio.timeout_at(min(deadline, asyncio.get_running_loop().time() + _EXCERPT_SECONDS)):
            while len(read) < EXCERPT_BYTES and (chunk := await answer.content.read(EXCERPT_BYTES - len(read))):
                read += chunk
    except (aiohttp.ClientError, OSError):
        answer.close()
    finally:
        # Back to the pool when the body was complete; closed otherwise.
        answer.release()
    return read.decode("utf-8", "replace")


def parse_retry_after(value: str | None, *, now: datetime) -> float | None:
    """The seconds that a Retry-After header asks for, never negative; None when it says nothing intelligible."""
    if value is None:
        return None
    text = value.strip()
    if text.isascii() and text.isdigit():
        # More digits than any honest answer has would overflow the arithmetic of dates.
        return float(text[:9])
    try:
        date = parsedate_to_datetime(text)
        # A date without a zone is in UTC, says RFC 9110.
        aware = date if date.tzinfo is not None else date.replace(tzinfo=UTC)
        return min(max(0.0, (aware - now).total_seconds()), 999_999_999.0)
    except (ValueError, OverflowError):
        return None
