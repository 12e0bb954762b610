"""A server that costs next to nothing, and its life as a child process.

The upstream and the consumer of a benchmark share the machine with the service, so they are raw protocols with a C
parser; the table says what they took of the CPU beside it.

A child binds a free port, says it on standard output and ends when its standard input does: whatever happens to the
parent, nothing stays behind.
"""

import asyncio
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import cast

import httptools

from benchmarks.wire import HOST

Reply = Callable[[bytes], None]


@dataclass(slots=True)
class Request:
    """One request; header names are in lower case."""

    url: bytes = b""
    headers: dict[bytes, bytes] = field(default_factory=dict)
    body: bytes = b""


Handler = Callable[[Request, Reply], None]


class Exchange(asyncio.Protocol):
    """One connection; each whole request is given to the handler, which replies at once or later."""

    __slots__ = ("_handler", "_parser", "_request", "_transport")

    def __init__(self, handler: Handler) -> None:
        self._handler = handler
        self._parser = httptools.HttpRequestParser(self)
        self._request = Request()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one in all but name

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_url(self, url: bytes) -> None:
        self._request.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._request.headers[name.lower()] = value

    def on_body(self, body: bytes) -> None:
        self._request.body += body

    def on_message_complete(self) -> None:
        request, self._request = self._request, Request()
        self._handler(request, self._transport.write)


@dataclass(slots=True)
class Milestones:
    """Replies that are owed once a count has been reached, so that nobody has to poll for it."""

    count: int = 0
    waiting: list[tuple[int, Reply]] = field(default_factory=list)

    def advance(self, reached: bytes) -> None:
        """Count one more; `reached` is the answer for those who waited for it."""
        self.count += 1
        for owed in [each for each in self.waiting if each[0] <= self.count]:
            self.waiting.remove(owed)
            owed[1](reached)

    def reply_at(self, count: int, reply: Reply, reached: bytes) -> None:
        """Reply when `count` has been reached, which may be now."""
        if self.count >= count:
            reply(reached)
        else:
            self.waiting.append((count, reply))


async def serve(handler: Handler) -> None:
    """Serve on a free port until the parent process is gone."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Exchange(handler), HOST, 0, backlog=1024)
    announce(server.sockets[0].getsockname()[1])
    await parent_gone()
    server.close()


def announce(port: int) -> None:
    """Tell the parent process where this one listens."""
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()


async def parent_gone() -> None:
    """Return when standard input ends."""
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    await reader.read()
