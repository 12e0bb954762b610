"""Fetch what an upstream links to, guarded and bounded.

    DownloadFailed
     ├─ LinkDead       the link no longer works (4xx): ask the provider for a new one
     ├─ Interrupted    it may work another time: 5xx, 429, time-out, broken off
     └─ NotFetchable   it never will: forbidden address, too large, not HTTP

What would surprise you:

* Redirects are followed here, not by aiohttp: each hop is looked at by `check_url` and connects through the guard.
* The link is sent byte for byte as it was given, because a signature is part of it.
* A body whose length is announced is compared with what came. One that is neither announced nor chunked ends when
  the peer hangs up; whether such a one is whole is for whoever decodes it to find out.
* Nothing here undoes what the sink has taken in before the failure.
"""

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from typing import ClassVar, Final, Protocol

import aiohttp
from yarl import URL

from orchestrator.egress.client import Fault, fault_of, forbidden_in
from orchestrator.egress.guard import Forbidden, Guard

_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_RETRYABLE_STATUSES: Final = frozenset({408, 425, 429})
_SENTENCES: Final = {
    Fault.DNS: "the name does not resolve",
    Fault.REFUSED: "nobody listens there",
    Fault.UNREACHABLE: "there is no way to the address",
    Fault.TLS: "no trusted connection could be made",
    Fault.TIMEOUT: "connecting took too long",
    Fault.RESET: "the connection was broken off before an answer",
    Fault.TRUNCATED: "the file broke off before its end",
    Fault.INVALID_REPLY: "the answer is not HTTP",
    Fault.INVALID_URL: "the URL cannot be requested",
}


class Sink(Protocol):
    """Takes the bytes as they come. What it raises is passed on as it is."""

    def write(self, chunk: bytes, /) -> object:
        """Take the next piece, at most a few hundred KiB; called in the event loop, so it must be quick."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Downloaded:
    """What was fetched; the bytes are with the sink."""

    bytes: int
    content_type: str | None
    """What the peer calls it; what it is, only its bytes can tell."""
    status: int


class DownloadFailed(Exception):
    """The download came to nothing; `reason` is the word, the message a sentence without the link's query."""

    retryable: ClassVar[bool] = False
    """The same link may work later."""
    expired: ClassVar[bool] = False
    """The link is dead; another link to the same file may work."""

    def __init__(self, reason: Fault, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class LinkDead(DownloadFailed):
    """The peer does not, or no longer, serve this link."""

    expired = True


class Interrupted(DownloadFailed):
    """Something on the way failed that may pass."""

    retryable = True


class NotFetchable(DownloadFailed):
    """No repetition will help."""


async def download(
    session: aiohttp.ClientSession,
    guard: Guard,
    *,
    url: str,
    sink: Sink,
    max_bytes: int,
    timeout: float,  # noqa: ASYNC109 - one limit over all hops, and running out of it is one of our own errors
    max_redirects: int = 3,
) -> Downloaded:
    """Stream what `url` leads to into `sink`. `timeout` is in seconds, for all hops and bytes together.

    Raises DownloadFailed for whatever peers, names and networks may do, and what `sink` raises.
    """
    limit = asyncio.timeout(timeout)
    try:
        async with limit:
            return await _follow(session, guard, url, sink, max_bytes, max_redirects)
    except TimeoutError as exc:
        if not limit.expired():
            raise
        raise Interrupted(Fault.TIMEOUT, f"The download took longer than {timeout:g} s.") from exc


async def _follow(
    session: aiohttp.ClientSession, guard: Guard, url: str, sink: Sink, max_bytes: int, max_redirects: int
) -> Downloaded:
    target = _check(guard, url)
    for _ in range(max_redirects + 1):
        answer = await _get(session, target)
        try:
            if answer.status not in _REDIRECTS:
                _check_status(answer, target)
                return await _receive(answer, sink, max_bytes)
            target = _check(guard, _location(answer, target))
        finally:
            answer.release()
    raise NotFetchable(Fault.REDIRECT, f"The link redirects more than {max_redirects} times.")


def _check(guard: Guard, url: str) -> URL:
    try:
        return guard.check_url(url)
    except Forbidden as exc:
        raise NotFetchable(Fault.FORBIDDEN, exc.reason) from exc


async def _get(session: aiohttp.ClientSession, target: URL) -> aiohttp.ClientResponse:
    try:
        return await session.get(target, allow_redirects=False)
    except (aiohttp.ClientError, OSError) as exc:
        raise _failure(exc, target) from exc


def _location(answer: aiohttp.ClientResponse, target: URL) -> str:
    location = answer.headers.get("location", "")
    with suppress(ValueError):
        if location:
            return str(target.join(URL(location, encoded=location.isascii())))
    raise Interrupted(Fault.INVALID_REPLY, f"{target.host} redirects, but not to a URL.")


def _check_status(answer: aiohttp.ClientResponse, target: URL) -> None:
    status = answer.status
    said = f"{target.host} answered {status}."
    if status == 200:
        return
    if 400 <= status < 500 and status not in _RETRYABLE_STATUSES:
        raise LinkDead(Fault.STATUS, said)
    raise Interrupted(Fault.STATUS, said)


async def _receive(answer: aiohttp.ClientResponse, sink: Sink, max_bytes: int) -> Downloaded:
    if (answer.content_length or 0) > max_bytes:
        raise _too_large(max_bytes)
    if answer.headers.get("content-encoding", "identity").lower() != "identity":
        raise NotFetchable(Fault.INVALID_REPLY, f"{answer.url.host} sent a compressed body that was not asked for.")
    taken = 0
    while chunk := await _next_chunk(answer):
        taken += len(chunk)
        if taken > max_bytes:
            raise _too_large(max_bytes)
        sink.write(chunk)
    return Downloaded(bytes=taken, content_type=answer.headers.get("content-type"), status=answer.status)


async def _next_chunk(answer: aiohttp.ClientResponse) -> bytes:
    try:
        return await answer.content.readany()
    except (aiohttp.ClientError, OSError) as exc:
        raise _failure(exc, answer.url) from exc


def _too_large(max_bytes: int) -> NotFetchable:
    return NotFetchable(Fault.TOO_LARGE, f"The file is larger than the {max_bytes} bytes that are allowed.")


def _failure(exc: Exception, target: URL) -> DownloadFailed:
    fault = fault_of(exc)
    if (forbidden := forbidden_in(exc)) is not None:
        return NotFetchable(fault, forbidden.reason)
    kind = NotFetchable if fault is Fault.INVALID_URL else Interrupted
    return kind(fault, f"Fetching from {target.host} failed: {_SENTENCES[fault]}.")
