"""Bodies: bounded, spooled, one big one at a time, and a last word for those that are refused."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.routing import Route

from orchestrator.domain.errors import TooLarge
from orchestrator.lifecycle.services import Services
from orchestrator.web import farewell
from orchestrator.web.limits import Spooled, batches, incoming, leaves_body, read_body, whole_body
from orchestrator.web.middleware import middleware
from orchestrator.web.problems import exception_handlers
from orchestrator.web.state import Request
from tests.serving import serving

LIMIT = 1 << 20


def request_of(messages: Iterable[dict[str, Any]], **headers: str) -> Request:
    """A request whose body arrives in these messages."""
    coming = iter(messages)

    async def receive() -> Any:
        return next(coming)

    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return Request({"type": "http", "method": "POST", "path": "/", "headers": raw}, receive)


def body(*pieces: bytes) -> list[dict[str, Any]]:
    return [
        {"type": "http.request", "body": piece, "more_body": place < len(pieces)}
        for place, piece in enumerate(pieces, 1)
    ]


async def chunks(number: int) -> AsyncIterator[bytes]:
    for _ in range(number):
        yield bytes(1 << 16)


async def test_a_body_is_read_to_its_end() -> None:
    request = request_of(body(b"one ", b"two ", b""))

    assert await read_body(request, limit=8) == b"one two "
    assert not leaves_body(request)


async def test_a_declared_length_over_the_limit_is_refused_before_anything_is_read() -> None:
    request = request_of([], content_length="9")

    with pytest.raises(TooLarge):
        await read_body(request, limit=8)


@pytest.mark.parametrize("length", ["8", "0", "", "many", "-1"])
async def test_what_arrives_counts_and_not_what_was_declared(length: str) -> None:
    request = request_of(body(b"12345678", b"9"), content_length=length)

    with pytest.raises(TooLarge):
        await read_body(request, limit=8)


async def test_a_number_that_is_too_long_to_be_read_is_too_large() -> None:
    with pytest.raises(TooLarge):
        await read_body(request_of([], content_length="9" * 5000), limit=8)


async def test_a_client_that_goes_away_leaves_no_file(services: Services) -> None:
    request = request_of(
        [{"type": "http.request", "body": bytes(LIMIT), "more_body": True}, {"type": "http.disconnect"}]
    )

    with pytest.raises(ClientDisconnect):
        async with incoming(request, services, limit=2 * LIMIT):
            pass

    assert list(services.blobs.scratch.iterdir()) == []


async def test_small_pieces_are_joined_before_they_cost_a_thread() -> None:
    request = request_of(body(*[bytes(1024)] * 600))

    sizes = [len(batch) async for batch in batches(request, limit=LIMIT)]

    assert sizes == [256 * 1024, 256 * 1024, 88 * 1024]


async def test_a_body_of_the_inline_limit_stays_in_memory_and_a_bigger_one_does_not(services: Services) -> None:
    inline = services.policy.inline_body_bytes

    async with incoming(request_of(body(bytes(inline))), services, limit=LIMIT) as small:
        assert small == bytes(inline)
    async with incoming(request_of(body(bytes(inline), b"x")), services, limit=LIMIT) as big:
        assert isinstance(big, Spooled)
        assert big.path.read_bytes() == bytes(inline) + b"x"

    assert list(services.blobs.scratch.iterdir()) == []


async def test_only_one_big_body_is_in_memory_at_a_time(services: Services) -> None:
    inside, most = 0, 0
    release = asyncio.Event()

    async def hold(place: int) -> int:
        nonlocal inside, most
        async with whole_body(request_of(body(bytes(400_000 + place))), services, limit=LIMIT) as content:
            inside += 1
            most = max(most, inside)
            await release.wait()
            inside -= 1
            return len(content)

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(hold(place)) for place in range(4)]
        async with whole_body(request_of(body(b"small")), services, limit=LIMIT) as small:
            assert small == b"small"
        release.set()

    assert [task.result() for task in tasks] == [400_000, 400_001, 400_002, 400_003]
    assert most == 1


async def _refuse(request: Request) -> Response:
    return Response(await read_body(request, limit=LIMIT))


@pytest.fixture
async def online() -> AsyncIterator[str]:
    """The address of a server that refuses what is over a MiB."""
    routes = [Route("/", _refuse, methods=["POST"])]
    async with serving(Starlette(routes=routes, middleware=middleware, exception_handlers=exception_handlers)) as url:
        yield url


@pytest.mark.parametrize("is_declared", [True, False])
async def test_a_client_that_sends_too_much_is_told_so(online: str, is_declared: bool) -> None:
    content = bytes(8 * LIMIT) if is_declared else chunks(128)

    async with httpx.AsyncClient() as client:
        response = await client.post(online, content=content)

    assert response.status_code == 413
    assert response.headers["connection"] == "close"


async def test_a_client_that_never_stops_is_cut_off(online: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(farewell, "MOST_BYTES", LIMIT)

    async with httpx.AsyncClient(timeout=10) as client:
        with pytest.raises(httpx.TransportError):
            await client.post(online, content=chunks(1 << 20))


async def test_a_client_that_falls_silent_is_not_waited_for(online: str) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", httpx.URL(online).port)
    writer.write(b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 9999999\r\n\r\n")

    async with asyncio.timeout(farewell.MOST_SECONDS):
        answer = await reader.read()

    assert answer.startswith(b"HTTP/1.1 413")
    writer.close()
    await writer.wait_closed()
