"""Send callbacks as the platform does: a bare POST of JSON, unsigned, and by default only once.

A transport of httpx is enough for that, and a client around it would cost half as much again: it keeps cookies, joins
addresses and follows redirects, none of which the platform is known to do.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

import aiohttp
import httpx
import msgspec
from httpx_aiohttp import AiohttpTransport

from orchestrator.sandbox.bodies import shorten
from orchestrator.sandbox.options import SandboxOptions

HEADERS: Final = {"content-type": "application/json", "accept": "*/*", "user-agent": "sandbox"}
SUCCESS: Final = range(200, 300)
MUCH: Final = 64 * 1024  # bytes
# Shorter than a server keeps idle connections (uvicorn: 5 s): a POST on one that has just been closed would be lost.
IDLE: Final = 2.0
# What a receiver, or an address that leads to none, may do to a call.
TROUBLE: Final = (httpx.HTTPError, httpx.InvalidURL, aiohttp.ClientError, TimeoutError, OSError, ValueError)


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One POST to a callback_url: when (seconds since 1970), what, how it ended and after how many seconds."""

    at: float
    task_id: str
    url: str
    body: object
    status: int | None
    error: str | None
    elapsed: float

    @property
    def was_taken(self) -> bool:
        return self.status in SUCCESS


def build_transport(options: SandboxOptions) -> httpx.AsyncBaseTransport:
    """The way out for all callbacks; it asks no environment for proxies."""
    limits = httpx.Limits(max_connections=options.callback_connections, keepalive_expiry=IDLE)
    return AiohttpTransport(limits=limits, trust_env=False)


class Caller:
    """Makes calls, a bounded number at once, and reports each of them."""

    def __init__(
        self,
        transport: httpx.AsyncBaseTransport,
        options: SandboxOptions,
        *,
        clock: Callable[[], float],
        pause: Callable[[float], Awaitable[None]],
        report: Callable[[Call], None],
    ) -> None:
        self._transport = transport
        self._options = options
        self._clock = clock
        self._pause = pause
        self._report = report
        self._slots = asyncio.Semaphore(options.callback_connections)
        self._extensions = {"timeout": httpx.Timeout(options.callback_timeout).as_dict()}

    async def call(self, url: str, task_id: str, body: object) -> None:
        """POST the body (bytes go as they are); what goes wrong is reported, never raised."""
        content = body if isinstance(body, bytes) else msgspec.json.encode(body)
        # A journal of ten thousand bodies has no room for the pictures inside them.
        shown = body.decode() if isinstance(body, bytes) else body if len(content) < MUCH else shorten(body)
        for number in range(1 + self._options.callback_retries):
            if number:
                await self._pause(self._options.callback_pause * 2 ** (number - 1))
            call = await self._once(url, task_id, content, shown)
            self._report(call)
            if call.was_taken:
                return

    async def _once(self, url: str, task_id: str, content: bytes, shown: object) -> Call:
        status, error = None, None
        async with self._slots:
            at, start = self._clock(), time.perf_counter()
            try:
                # The deadline is for the whole exchange; the transport's time-outs are for each of its steps.
                async with asyncio.timeout(self._options.callback_timeout):
                    status = await self._post(url, content)
            except TROUBLE as exc:
                # The transport calls some of aiohttp's troubles by a wrong name; their cause has the right one.
                cause = exc.__cause__ if isinstance(exc.__cause__, aiohttp.ClientError) else exc
                error = f"{type(cause).__name__}: {cause}".strip(": ")
        elapsed = round(time.perf_counter() - start, 6)
        return Call(at=at, task_id=task_id, url=url, body=shown, status=status, error=error, elapsed=elapsed)

    async def _post(self, url: str, content: bytes) -> int:
        request = httpx.Request("POST", url, content=content, headers=HEADERS, extensions=self._extensions)
        response = await self._transport.handle_async_request(request)
        try:
            await response.aread()
        finally:
            await response.aclose()
        return response.status_code
