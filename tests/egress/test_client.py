"""The session itself: its threads, its limits, its end."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from orchestrator.egress.client import Fault, open_session
from orchestrator.egress.webhook import send_webhook
from tests.egress.servers import LOOPBACK, PATIENCE, Request, http, peer, saying

NOW = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
def dead_names(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Name servers that never answer, until the test is over."""
    over = threading.Event()

    def getaddrinfo(*_args: Any, **_more: Any) -> list[Any]:
        over.wait()
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    yield
    over.set()


async def test_names_that_hang_hold_up_nobody_else(dead_names: None) -> None:
    async with peer(saying(http(200))) as endpoint, open_session(LOOPBACK) as session:
        hanging = [
            asyncio.create_task(
                send_webhook(session, url=f"http://{n}.example.com/", headers={}, body=b"", now=NOW, timeout=0.5)
            )
            for n in range(50)
        ]

        async with asyncio.timeout(PATIENCE):
            thread = await asyncio.to_thread(threading.get_ident)
            reply = await send_webhook(session, url=endpoint.url(), headers={}, body=b"", now=NOW)
            replies = await asyncio.gather(*hanging)

        assert thread
        assert reply.status == 200
        assert {late.error for late in replies} == {Fault.TIMEOUT}


async def test_the_connections_to_one_host_are_bounded() -> None:
    both = asyncio.Event()
    arrived: list[Request] = []

    async def two_at_once(request: Request, writer: asyncio.StreamWriter) -> None:
        arrived.append(request)
        if len(arrived) == 2:
            both.set()
        await both.wait()
        writer.write(http(200))

    async with peer(two_at_once) as endpoint, open_session(LOOPBACK, limit_per_host=2) as session:
        async with asyncio.timeout(PATIENCE):
            replies = await asyncio.gather(
                *(send_webhook(session, url=endpoint.url(), headers={}, body=b"", now=NOW) for _ in range(10))
            )

        assert [reply.status for reply in replies] == [200] * 10
        assert endpoint.connections == 2
