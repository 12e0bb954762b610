"""Peers for the egress tests: real sockets on the loopback that answer byte for byte as they are told."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from ipaddress import ip_network
from typing import Any, Final

from orchestrator.egress.guard import Guard

LOOPBACK: Final = Guard([ip_network("127.0.0.0/8")])
PATIENCE: Final = 5.0
"""Seconds after which a test has hung."""

Answer = Callable[["Request", asyncio.StreamWriter], Awaitable[None]]


@dataclass(frozen=True)
class Request:
    """One request as it came over the wire."""

    line: str
    headers: dict[str, str]
    body: bytes

    @property
    def path(self) -> str:
        return self.line.split(" ")[1]


@dataclass
class Peer:
    """A server, and what has reached it."""

    answer: Answer
    host: str
    port: int = 0
    connections: int = 0
    requests: list[Request] = field(default_factory=list)
    hung_up: asyncio.Event = field(default_factory=asyncio.Event)
    """Set once the other side has closed a connection."""
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def url(self, path: str = "/", host: str | None = None) -> str:
        return f"http://{host or self.host}:{self.port}{path}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            while (request := await _read(reader)) is not None:
                self.requests.append(request)
                await self.answer(request, writer)
                await writer.drain()
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            self.hung_up.set()
            self._tasks.discard(task)
            writer.close()

    async def close(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


async def _read(reader: asyncio.StreamReader) -> Request | None:
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    except asyncio.IncompleteReadError:
        return None
    line, *fields = head.strip().split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (field.partition(":") for field in fields)}
    with suppress(asyncio.IncompleteReadError):
        return Request(line, headers, await reader.readexactly(int(headers.get("content-length", 0))))
    return None


@asynccontextmanager
async def peer(answer: Answer, host: str = "127.0.0.1") -> AsyncIterator[Peer]:
    """Serve `answer` on a free port."""
    served = Peer(answer, host)
    server = await asyncio.start_server(served.serve, host, 0)
    served.port = server.sockets[0].getsockname()[1]
    try:
        yield served
    finally:
        server.close()
        await served.close()
        await server.wait_closed()


def saying(reply: bytes, *, then_close: bool = False) -> Answer:
    """Answer every request with these bytes."""

    async def answer(_request: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(reply)
        if then_close:
            await writer.drain()
            writer.close()

    return answer


def http(status: int, body: bytes = b"", **headers: str) -> bytes:
    """A complete HTTP answer."""
    fields = {"content-length": str(len(body))} | {name.replace("_", "-"): value for name, value in headers.items()}
    lines = [f"HTTP/1.1 {status} Said", *(f"{name}: {value}" for name, value in fields.items())]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


async def hanging(_request: Request, writer: asyncio.StreamWriter) -> None:
    """Never answer."""
    await asyncio.Event().wait()


async def resetting(_request: Request, writer: asyncio.StreamWriter) -> None:
    """Hang up without an answer."""
    writer.transport.abort()


async def babbling(_request: Request, writer: asyncio.StreamWriter) -> None:
    """Answer, and never come to an end."""
    writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
    while True:
        writer.write(b"400\r\n" + b"x" * 0x400 + b"\r\n")
        await writer.drain()


async def dripping(_request: Request, writer: asyncio.StreamWriter) -> None:
    """Announce a body, send a little of it, and stall."""
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\nabc")
    await writer.drain()
    await asyncio.Event().wait()


def answering(*addresses: str) -> Any:
    """A resolver's answer, in place of a DNS server that we would have to own."""

    def getaddrinfo(_host: str, port: int, *_rest: Any, **_more: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (address, port)) for address in addresses]

    return getaddrinfo
