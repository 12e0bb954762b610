"""Reading a request's body, as much of it as is allowed and not a byte more.

What would surprise you:

* A declared length over the limit is refused before anything is read. A body without one (chunked) is counted while it
  comes, and refused at the first byte too many.
* A body over the policy's inline limit never is in memory while it arrives: it goes to a scratch file, hashed on its
  way. Whoever then needs all of it holds `services.big_bodies`, so that only one is in memory at a time, however many
  arrive together.
* Scratch files are written in threads. Gigabytes that arrive together fill the page cache, and the system then holds
  every writer for as long as the disk needs: seconds, in which an event loop would serve nobody.
* A request that is answered before its body was read leaves that body on the connection. `leaves_body` tells, and such
  an answer is the connection's last (`farewell.py`).
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

from starlette.requests import ClientDisconnect, HTTPConnection

from orchestrator.blobs.spool import Spool
from orchestrator.domain.errors import TooLarge
from orchestrator.lifecycle.services import Services
from orchestrator.web.state import Request

SMALL_BODY: Final = 256 * 1024
"""Bytes. Enough for every request that carries no media."""
_WORTH_READING_AWAY: Final = 64 * 1024
_WORTH_A_THREAD: Final = 256 * 1024
_READ: Final = "orchestrator.body_read"


@dataclass(frozen=True, slots=True)
class Spooled:
    """A body that is too big for memory; the file is gone when the block that gave it ends."""

    path: Path
    sha256: str


async def batches(request: Request, *, limit: int) -> AsyncIterator[bytes]:
    """The body as it arrives, in pieces that are worth a thread each, but for the last one.

    Raises TooLarge, and ClientDisconnect when the rest will never come.
    """
    if _declared(request) > limit:
        raise TooLarge(f"The body is over {limit} bytes.")
    seen, more, waiting = 0, True, bytearray()
    while more:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        piece: bytes = message.get("body", b"")
        more = message.get("more_body", False)
        seen += len(piece)
        if seen > limit:
            raise TooLarge(f"The body is over {limit} bytes.")
        waiting += piece
        if len(waiting) >= _WORTH_A_THREAD and more:
            yield bytes(waiting)
            waiting.clear()
    request.scope[_READ] = True
    yield bytes(waiting)


async def read_body(request: Request, *, limit: int = SMALL_BODY) -> bytes:
    """The whole body in memory, for requests that are small by nature."""
    return b"".join([batch async for batch in batches(request, limit=limit)])


@asynccontextmanager
async def incoming(request: Request, services: Services, *, limit: int) -> AsyncIterator[bytes | Spooled]:
    """The whole body: in memory when it is small, in a scratch file when it is not."""
    inline = services.policy.inline_body_bytes
    with Spool(services.blobs.scratch, max_memory=inline) as spool:
        async for batch in batches(request, limit=limit):
            if spool.size + len(batch) <= inline:
                spool.write(batch)
            else:
                await services.blobs.in_thread(partial(spool.write, batch))
        content = spool.finish() if spool.size <= inline else await services.blobs.in_thread(spool.finish)
        yield content if isinstance(content, bytes) else Spooled(content, spool.sha256)


@asynccontextmanager
async def whole_body(request: Request, services: Services, *, limit: int) -> AsyncIterator[bytes]:
    """The whole body in memory. A big one waits for its turn first, and has it until the block ends."""
    async with incoming(request, services, limit=limit) as body:
        if isinstance(body, bytes):
            yield body
            return
        async with services.big_bodies:
            yield await asyncio.to_thread(body.path.read_bytes)


def leaves_body(request: HTTPConnection[Any]) -> bool:
    """Whether the client may still be sending more than is worth reading away."""
    if _READ in request.scope:
        return False
    return "transfer-encoding" in request.headers or _declared(request) > _WORTH_READING_AWAY


def _declared(request: HTTPConnection[Any]) -> int:
    length = request.headers.get("content-length", "")
    # Cut, because Python refuses to read numbers of thousands of digits; what is left is over any limit.
    return int(length[:18]) if length.isascii() and length.isdigit() else 0
