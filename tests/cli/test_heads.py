"""Heads that have no end: refused, and the connection with them."""

import asyncio
import socket
from collections.abc import AsyncIterator

import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route, Router

from orchestrator.cli import heads
from orchestrator.cli.listening import bind, listening, port_of

START = b"POST / HTTP/1.1\r\nhost: a\r\n"
CHUNKED = START + b"transfer-encoding: chunked\r\n\r\n"


async def measure(request: Request) -> Response:
    """How long the body is."""
    return PlainTextResponse(str(len(await request.body())))


@pytest.fixture
async def port() -> AsyncIterator[int]:
    """The port of a server that has our bounds."""
    listener: socket.socket = bind("127.0.0.1", 0)
    async with listening(Router([Route("/", measure, methods=["POST"])]), listener):
        yield port_of(listener)


async def answer_to(port: int, *pieces: bytes) -> bytes:
    """All that comes back until the server closes, which it has to do by itself."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
        async with asyncio.timeout(3):
            return await reader.read()
    except ConnectionError:
        return b""
    finally:
        writer.close()


@pytest.mark.parametrize(
    "head",
    [
        b"POST /" + b"a" * 70_000 + b" HTTP/1.1\r\nhost: a\r\n\r\n",
        b"POST /" + b"a" * 70_000,
        START + b"x: " + b"a" * 70_000 + b"\r\n\r\n",
        START + b"x: " + b"a" * 70_000,
        START + b"".join(b"x%d: %b\r\n" % (number, b"a" * 1000) for number in range(70)),
        START + b"x: a\r\n" * 100 + b"\r\n",
    ],
    ids=["address", "open address", "header", "open header", "headers", "number"],
)
async def test_a_head_without_end_is_refused(port: int, head: bytes) -> None:
    answer = await answer_to(port, head)

    assert answer.startswith(b"HTTP/1.1 431 ")
    assert b"connection: close" in answer


@pytest.mark.parametrize("beginning", [b"1;", b"0\r\nx: "], ids=["extension", "trailer"])
async def test_what_surrounds_a_body_is_bounded_too(port: int, beginning: bytes) -> None:
    answer = await answer_to(port, CHUNKED + beginning, b"a" * 1_000_000)

    assert b"HTTP/1.1 200" not in answer


async def test_pieces_of_a_head_are_counted_together(port: int) -> None:
    answer = await answer_to(port, START + b"x: ", *[b"a" * 1000] * 66)

    assert answer.startswith(b"HTTP/1.1 431 ")


async def test_what_is_within_the_bounds_is_served_and_a_body_is_no_head(port: int) -> None:
    sized = START + b"x: a\r\n" * 90 + b"content-length: 200000\r\n\r\n" + bytes(200_000)
    chunked = CHUNKED + b"1000\r\n%b\r\n" % bytes(4096) * 50 + b"0\r\n\r\n"
    last = START + b"x: %b\r\nconnection: close\r\ncontent-length: 0\r\n\r\n" % (b"a" * 60_000)

    answer = await answer_to(port, sized, chunked, last)

    assert answer.count(b"HTTP/1.1 200 OK") == 3
    assert b"\r\n\r\n200000HTTP" in answer
    assert b"\r\n\r\n204800HTTP" in answer


@pytest.mark.parametrize("beginning", [b"P", START, START + b"content-length: 0\r\n\r\n" + START])
async def test_a_head_that_is_not_finished_in_time_is_given_up(
    port: int, monkeypatch: pytest.MonkeyPatch, beginning: bytes
) -> None:
    monkeypatch.setattr(heads, "MOST_SECONDS", 0.05)

    answer = await answer_to(port, beginning)

    assert b"HTTP/1.1 408 " in answer


async def test_a_body_may_take_longer_than_a_head(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heads, "MOST_SECONDS", 0.01)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(START + b"expect: 100-continue\r\nconnection: close\r\ncontent-length: 2\r\n\r\n")

    async with asyncio.timeout(5):
        await reader.readuntil(b"100 Continue\r\n\r\n")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.read(1), 0.1)
        writer.write(b"ok")
        answer = await reader.read()

    assert answer.startswith(b"HTTP/1.1 200 OK")
    writer.close()
