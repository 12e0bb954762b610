"""Send callbacks as the platform does: a bare POST of JSON, unsigned, and by default only once."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

import httpx
import msgspec
from httpx_aiohttp import HttpxAiohttpClient

from orchestrator.sandbox.options import SandboxOptions

HEADERS: Final = {"content-type": "application/json"}
SUCCESS: Final = range(200, 300)
FIRST_PAUSE: Final = 1.0  # seconds before the first retry; each further one waits twice as long
# Shorter than a server keeps idle connections (uvicorn: 5 s): a POST on one that has just been closed would be lost.
IDLE: Final = 2.0


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


def build_client(options: SandboxOptions) -> httpx.AsyncClient:
    """The client for all callbacks. It does what it is told: no proxies, no redirects, no environment."""
    limits = httpx.Limits(max_connections=options.callback_connections, keepalive_expiry=IDLE)
    return HttpxAiohttpClient(timeout=options.callback_timeout, limits=limits, trust_env=False)


class Caller:
    """Makes calls, a bounded number at once, and reports each of them."""

    def __init__(
        self,
        client: httpx.AsyncClient,
        options: SandboxOptions,
        *,
        clock: Callable[[], float],
        pause: Callable[[float], Awaitable[None]],
        report: Callable[[Call], None],
    ) -> None:
        self._client = client
        self._options = options
        self._clock = clock
        self._pause = pause
        self._report = report
        self._slots = asyncio.Semaphore(options.callback_connections)

    async def call(self, url: str, task_id: str, body: object) -> None:
        """POST the body (bytes go as they are); what goes wrong is reported, never raised."""
        content = body if isinstance(body, bytes) else msgspec.json.encode(body)
        shown = body.decode() if isinstance(body, bytes) else body
        for number in range(1 + self._options.callback_retries):
            if number:
                await self._pause(FIRST_PAUSE * 2 ** (number - 1))
            call = await self._once(url, task_id, content, shown)
            self._report(call)
            if call.was_taken:
                return

    async def _once(self, url: str, task_id: str, content: bytes, shown: object) -> Call:
        status, error = None, None
        async with self._slots:
            at, start = self._clock(), time.perf_counter()
            try:
                # The deadline is for the whole exchange; the client's own time-outs are for each of its steps.
                async with asyncio.timeout(self._options.callback_timeout):
                    status = (await self._client.post(url, content=content, headers=HEADERS)).status_code
            except (httpx.HTTPError, httpx.InvalidURL, TimeoutError, OSError, ValueError) as exc:
                error = f"{type(exc).__name__}: {exc}".strip(": ")
        elapsed = round(time.perf_counter() - start, 6)
        return Call(at=at, task_id=task_id, url=url, body=shown, status=status, error=error, elapsed=elapsed)
