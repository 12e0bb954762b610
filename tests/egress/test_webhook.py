"""One attempt, against peers that do whatever peers do."""

import asyncio
import gzip
import time
from datetime import UTC, datetime

import aiohttp
import pytest

from orchestrator.egress.client import USER_AGENT, Fault, open_session
from orchestrator.egress.webhook import EXCERPT_BYTES, Reply, parse_retry_after, send_webhook
from tests.egress.servers import (
    LOOPBACK,
    PATIENCE,
    Answer,
    Request,
    babbling,
    dripping,
    hanging,
    http,
    peer,
    resetting,
    saying,
)

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


async def attempt(
    session: aiohttp.ClientSession, url: str, *, body: bytes = b"{}", patience: float = PATIENCE
) -> Reply:
    headers = {"content-type": "application/json", "webhook-id": "evt_1"}
    async with asyncio.timeout(PATIENCE * 2):
        return await send_webhook(session, url=url, headers=headers, body=body, now=NOW, timeout=patience)


async def test_the_request_carries_the_headers_and_the_body_and_who_we_are() -> None:
    async with peer(saying(http(200, b"thanks"))) as endpoint, open_session(LOOPBACK) as session:
        reply = await attempt(session, endpoint.url("/hook?a=%7E"), body=b'{"type":"job.succeeded"}')

        (request,) = endpoint.requests
        assert request.line == "POST /hook?a=%7E HTTP/1.1"
        assert request.body == b'{"type":"job.succeeded"}'
        assert request.headers["webhook-id"] == "evt_1"
        assert request.headers["content-type"] == "application/json"
        assert request.headers["accept-encoding"] == "identity"
        assert request.headers["user-agent"] == USER_AGENT
        assert (reply.status, reply.error, reply.excerpt, reply.retry_after) == (200, None, "thanks", None)
        assert 0 < reply.seconds < PATIENCE


@pytest.mark.parametrize("status", [200, 204, 299, 400, 410, 429, 500, 503])
async def test_a_status_speaks_for_itself(status: int) -> None:
    body = b"" if status == 204 else b"said"
    async with peer(saying(http(status, body))) as endpoint, open_session(LOOPBACK) as session:
        reply = await attempt(session, endpoint.url())

        assert (reply.status, reply.error, reply.excerpt) == (status, None, body.decode())


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_a_failure_and_is_not_followed(status: int) -> None:
    async with peer(saying(http(200))) as elsewhere, open_session(LOOPBACK) as session:
        async with peer(saying(http(status, location=elsewhere.url()))) as endpoint:
            reply = await attempt(session, endpoint.url())

        assert (reply.status, reply.error) == (status, Fault.REDIRECT)
        assert elsewhere.connections == 0


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (hanging, Fault.TIMEOUT),
        (resetting, Fault.RESET),
        (saying(b"", then_close=True), Fault.RESET),
        (saying(b"HTTP/1.1 200 O", then_close=True), Fault.RESET),
        (saying(b"SSH-2.0-OpenSSH_9.2\r\n\r\n"), Fault.INVALID_REPLY),
        (saying(b"HTTP/1.1 200 OK\r\ncontent-length: abc\r\n\r\n"), Fault.INVALID_REPLY),
        (saying(b"HTTP/1.1 200 OK\r\nx: " + b"a" * 100_000 + b"\r\n\r\n"), Fault.INVALID_REPLY),
    ],
    ids=["hangs", "resets", "hangs up", "breaks off", "no http", "bad length", "endless header"],
)
async def test_a_peer_without_a_proper_answer_is_a_word(answer: Answer, error: Fault) -> None:
    async with peer(answer) as endpoint, open_session(LOOPBACK) as session:
        reply = await attempt(session, endpoint.url(), patience=0.5)

        assert (reply.status, reply.error, reply.excerpt) == (None, error, "")
        assert len(endpoint.requests) == 1


async def test_nobody_listening_is_a_word() -> None:
    async with peer(saying(http(200))) as endpoint:
        url = endpoint.url()

    async with open_session(LOOPBACK) as session:
        reply = await attempt(session, url)

    assert (reply.status, reply.error) == (None, Fault.REFUSED)


async def test_a_name_that_does_not_resolve_is_a_word() -> None:
    async with open_session(LOOPBACK) as session:
        reply = await attempt(session, "http://nowhere.invalid/")

    assert (reply.status, reply.error) == (None, Fault.DNS)


async def test_a_peer_that_does_not_speak_tls_is_a_word() -> None:
    async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(http(400))
        await reader.read()
        writer.close()

    server = await asyncio.start_server(plain, "127.0.0.1", 0)
    async with server, open_session(LOOPBACK) as session:
        reply = await attempt(session, f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/")

    assert (reply.status, reply.error) == (None, Fault.TLS)


async def test_an_excerpt_is_the_first_kib_as_text_whatever_it_is() -> None:
    async with peer(saying(http(500, b"\xff" + "é".encode() * 600))) as endpoint, open_session(LOOPBACK) as session:
        reply = await attempt(session, endpoint.url())

        assert reply.excerpt == "\N{REPLACEMENT CHARACTER}" + "é" * 511 + "\N{REPLACEMENT CHARACTER}"
        assert EXCERPT_BYTES == 1024


async def test_an_answer_that_never_ends_is_left_with_its_first_kib() -> None:
    async with peer(babbling) as endpoint, open_session(LOOPBACK) as session:
        reply = await attempt(session, endpoint.url())

        await asyncio.wait_for(endpoint.hung_up.wait(), PATIENCE)
        assert (reply.status, reply.error, reply.excerpt) == (200, None, "x" * 1024)
        assert reply.seconds < 2


async def test_a_status_counts_although_its_body_stalls() -> None:
    async with peer(dripping) as endpoint, open_session(LOOPBACK) as session:
        started = time.monotonic()
        replies = [await attempt(session, endpoint.url(), patience=0.3) for _ in range(2)]

        assert [(reply.status, reply.error, reply.excerpt) for reply in replies] == [(200, None, "abc")] * 2
        assert time.monotonic() - started < 2
        # A connection with an unfinished answer on it is not used again.
        assert endpoint.connections == 2


async def test_connections_are_used_again() -> None:
    async with peer(saying(http(200, b"x" * 5000))) as endpoint, open_session(LOOPBACK) as session:
        for _ in range(5):
            await attempt(session, endpoint.url())

        assert (len(endpoint.requests), endpoint.connections) == (5, 1)


async def test_a_kept_connection_that_just_closed_is_replaced_within_the_attempt() -> None:
    used: set[asyncio.StreamWriter] = set()

    async def once_per_connection(_request: Request, writer: asyncio.StreamWriter) -> None:
        if writer in used:
            writer.transport.abort()
        used.add(writer)
        writer.write(http(200))

    async with peer(once_per_connection) as endpoint, open_session(LOOPBACK) as session:
        replies = [await attempt(session, endpoint.url()) for _ in range(3)]

        assert [reply.status for reply in replies] == [200, 200, 200]
        assert endpoint.connections == 3


async def test_an_answer_before_the_body_was_read_leaves_no_bytes_behind_for_the_next_request() -> None:
    # One and a half MiB do not fit the socket's buffers, so most of it is unsent when the answer comes.
    async def impatient(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await reader.readuntil(b"\r\n\r\n")
        writer.write(http(413 if b"content-length: 1500000" in request.lower() else 200))
        await writer.drain()
        await gone.wait()
        writer.close()

    gone = asyncio.Event()
    server = await asyncio.start_server(impatient, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    async with server, open_session(LOOPBACK) as session:
        first = await attempt(session, url, body=b"x" * 1_500_000)
        second = await attempt(session, url)
        gone.set()

    assert (first.status, second.status) == (413, 200)


async def test_a_compressed_answer_is_not_unpacked() -> None:
    packed = gzip.compress(bytes(50_000_000))
    async with peer(saying(http(200, packed, content_encoding="gzip"))) as endpoint, open_session(LOOPBACK) as session:
        reply = await attempt(session, endpoint.url())

        assert (reply.status, reply.error) == (200, None)
        assert reply.excerpt == packed[:EXCERPT_BYTES].decode("utf-8", "replace")


async def test_cookies_are_not_kept() -> None:
    async with peer(saying(http(200, set_cookie="a=b; path=/"))) as endpoint, open_session(LOOPBACK) as session:
        # By name: of a host that is an address nobody keeps cookies.
        for _ in range(2):
            await attempt(session, endpoint.url(host="localhost"))

        assert "cookie" not in endpoint.requests[1].headers


async def test_the_environments_proxy_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    async with peer(saying(http(200))) as endpoint, peer(saying(http(200))) as proxy, open_session(LOOPBACK) as session:
        monkeypatch.setenv("HTTP_PROXY", proxy.url())
        monkeypatch.setenv("http_proxy", proxy.url())

        await attempt(session, endpoint.url())

        assert (endpoint.connections, proxy.connections) == (1, 0)


async def test_a_cancelled_attempt_lets_go_of_its_connection() -> None:
    async with peer(hanging) as endpoint, open_session(LOOPBACK) as session:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await send_webhook(session, url=endpoint.url(), headers={}, body=b"{}", now=NOW)

        assert len(endpoint.requests) == 1
        assert session.connector is not None
        assert not session.connector._acquired


async def test_retry_after_is_read_from_the_answer() -> None:
    async with peer(saying(http(503, retry_after="120"))) as endpoint, open_session(LOOPBACK) as session:
        reply = await attempt(session, endpoint.url())

        assert (reply.status, reply.retry_after) == (503, 120.0)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
        ("²", None),
        ("0", 0.0),
        (" 30 ", 30.0),
        ("9" * 400, 999_999_999.0),
        ("Sun, 01 Mar 2026 12:01:30 GMT", 90.0),
        ("Sun, 01 Mar 2026 13:01:30 +0100", 90.0),
        ("Sunday, 01-Mar-26 12:01:30 GMT", 90.0),
        ("Sun Mar  1 12:01:30 2026", 90.0),
        ("Sun, 01 Mar 2026 11:00:00 GMT", 0.0),
        ("Sun, 99 Mar 2026 11:00:00 GMT", None),
        ("\ud800", None),
        ("Mon, 01 Jan 2024 00:00:00 +99999999999999999999", None),
        ("Fri, 31 Dec 9999 23:59:59 -2300", 999_999_999.0),
        ("Mon, 01 Jan 0001 00:00:00 +2300", 0.0),
    ],
)
def test_retry_after_is_seconds_or_a_date_or_nothing(value: str | None, seconds: float | None) -> None:
    assert parse_retry_after(value, now=NOW) == seconds
