"""The heads of requests, bounded in bytes, in headers and in time.

uvicorn's fast parser keeps whatever comes until the head is complete, without a key and without an end. What would
surprise you:

* An address or a header reaches Python only when it is complete, so unfinished ones are counted by what comes over the
  wire. The same count bounds what else can grow without an end: trailers, and the extensions of chunks.
* A refusal is an exception in a callback of the parser: nothing else makes it stop before the application is called.
* The time runs from the first byte of a head. A connection that never sends one is closed like one that is kept open
  and not used; uvicorn closes only the latter.
"""

import asyncio
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

MAX_BYTES: Final = 64 * 1024
MAX_HEADERS: Final = 100
MOST_SECONDS: Final = 10.0

_PHRASES: Final = {408: b"Request Timeout", 431: b"Request Header Fields Too Large"}


class _TooMuchError(Exception):
    """Makes the parser stop."""


class BoundedHeads(HttpToolsProtocol):
    """One connection."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._in_head = False
        self._had_progress = False
        self._pending_bytes = 0
        self._head_bytes = 0
        self._refusal: int | None = None
        self._limit: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for the first head."""
        super().connection_made(transport)
        self._arm(self.timeout_keep_alive)

    def connection_lost(self, exc: Exception | None) -> None:
        """Let go of the timer."""
        self._disarm()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse what came, and refuse what does not become anything."""
        self._had_progress = False
        super().data_received(data)
        self._pending_bytes = 0 if self._had_progress else self._pending_bytes + len(data)
        if self._pending_bytes > MAX_BYTES and not self.transport.is_closing():
            self._refuse(431)

    def on_message_begin(self) -> None:
        """A head begins."""
        super().on_message_begin()
        self._in_head, self._head_bytes = True, 0
        self._arm(MOST_SECONDS)

    def on_url(self, url: bytes) -> None:
        """A part of the address."""
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header, or a trailer."""
        self._count(len(name) + len(value) + 4)
        if len(self.headers) == MAX_HEADERS:
            self._stop()
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """A head ends."""
        self._in_head, self._had_progress = False, True
        self._disarm()
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """A part of the body."""
        self._had_progress = True
        super().on_body(body)

    def send_400_response(self, msg: str) -> None:
        """The answer to what the parser could not go on with: of its own accord, or because we stopped it."""
        self._disarm()
        if self._refusal is None:
            super().send_400_response(msg)
        else:
            self._refuse(self._refusal)

    def _count(self, size: int) -> None:
        self._head_bytes += size
        if self._head_bytes > MAX_BYTES:
            self._stop()

    def _stop(self) -> None:
        self._refusal = 431
        raise _TooMuchError

    def _refuse(self, status: int) -> None:
        if self._may_answer():
            head = b"HTTP/1.1 %d %b\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
            self.transport.write(head % (status, _PHRASES[status]))
        self._disarm()
        self.transport.close()

    def _may_answer(self) -> bool:
        """Whether this is not the middle of another answer, nor the turn of a request before this one."""
        cycle: RequestResponseCycle | None = self.cycle
        if cycle is None or cycle.response_complete:
            return True
        return not self._in_head and not cycle.response_started

    def _arm(self, seconds: float) -> None:
        self._disarm()
        self._limit = self.loop.call_later(seconds, self._run_out)

    def _disarm(self) -> None:
        if self._limit is not None:
            self._limit.cancel()
            self._limit = None

    def _run_out(self) -> None:
        self._limit = None
        if self.flow.read_paused:
            # It is we who do not read on: requests before this one are being answered.
            self._arm(MOST_SECONDS)
        elif self._in_head:
            self._refuse(408)
        else:
            self.transport.close()
