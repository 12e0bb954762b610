"""Fetching links, from peers that serve them well, badly, or not at all."""

import asyncio
import socket
from dataclasses import dataclass, field
from ipaddress import ip_network

import aiohttp
import pytest

from orchestrator.egress.client import Fault, open_session
from orchestrator.egress.download import Downloaded, DownloadFailed, Interrupted, LinkDead, NotFetchable, download
from orchestrator.egress.guard import Guard
from tests.egress.servers import (
    LOOPBACK,
    PATIENCE,
    Answer,
    Request,
    answering,
    babbling,
    dripping,
    hanging,
    http,
    peer,
    resetting,
    saying,
)


@dataclass
class Bucket:
    """A sink that keeps what it is given."""

    chunks: list[bytes] = field(default_factory=list)

    def write(self, chunk: bytes, /) -> None:
        self.chunks.append(chunk)

    @property
    def content(self) -> bytes:
        return b"".join(self.chunks)


@pytest.fixture
def bucket() -> Bucket:
    return Bucket()


async def fetch(
    session: aiohttp.ClientSession,
    url: str,
    bucket: Bucket,
    *,
    guard: Guard = LOOPBACK,
    max_bytes: int = 10_000_000,
    patience: float = PATIENCE,
) -> Downloaded:
    async with asyncio.timeout(PATIENCE * 2):
        return await download(session, guard, url=url, sink=bucket, max_bytes=max_bytes, timeout=patience)


async def failure(
    url: str, bucket: Bucket, *, max_bytes: int = 10_000_000, patience: float = PATIENCE
) -> DownloadFailed:
    async with open_session(LOOPBACK) as session:
        with pytest.raises(DownloadFailed) as failed:
            await fetch(session, url, bucket, max_bytes=max_bytes, patience=patience)
    return failed.value


async def redirecting(request: Request, writer: asyncio.StreamWriter) -> None:
    """Redirect from /3 to /2 to /1 to /0, which is the file."""
    left = int(request.path.strip("/"))
    writer.write(http(302, location=f"/{left - 1}") if left else http(200, b"file"))


async def test_a_file_arrives_whole_with_what_the_peer_calls_it(bucket: Bucket) -> None:
    content = bytes(range(256)) * 20_000
    async with peer(saying(http(200, content, content_type="image/png"))) as cdn, open_session(LOOPBACK) as session:
        fetched = await fetch(session, cdn.url("/a%2Fb.png?sig=%2B%7e"), bucket)

        assert bucket.content == content
        assert fetched == Downloaded(bytes=len(content), content_type="image/png", status=200)
        assert cdn.requests[0].path == "/a%2Fb.png?sig=%2B%7e"
        assert cdn.requests[0].headers["accept-encoding"] == "identity"


async def test_a_chunked_file_and_one_that_ends_with_the_connection_arrive_whole() -> None:
    chunked = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
    until_closed = b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nabcde"
    async with open_session(LOOPBACK) as session:
        for reply in (chunked, until_closed):
            bucket = Bucket()
            async with peer(saying(reply, then_close=True)) as cdn:
                fetched = await fetch(session, cdn.url(), bucket)

            assert (bucket.content, fetched.bytes, fetched.content_type) == (b"abcde", 5, None)


async def test_connections_are_used_again(bucket: Bucket) -> None:
    async with peer(saying(http(200, b"x" * 200_000))) as cdn, open_session(LOOPBACK) as session:
        for _ in range(4):
            await fetch(session, cdn.url(), bucket)

        assert cdn.connections == 1


async def test_three_redirects_are_followed(bucket: Bucket) -> None:
    async with peer(redirecting) as cdn, open_session(LOOPBACK) as session:
        await fetch(session, cdn.url("/3"), bucket)

        assert bucket.content == b"file"


async def test_a_fourth_redirect_is_refused(bucket: Bucket) -> None:
    async with peer(redirecting) as cdn:
        failed = await failure(cdn.url("/4"), bucket)

        assert (type(failed), failed.reason) == (NotFetchable, Fault.REDIRECT)
        assert [request.path for request in cdn.requests] == ["/4", "/3", "/2", "/1"]
        assert bucket.content == b""


@pytest.mark.parametrize(
    "location", ["http://10.0.0.1/", "http://2130706433/", "file:///etc/passwd", "//[::ffff:a00:1]/"]
)
async def test_a_redirect_to_a_forbidden_place_is_refused(location: str, bucket: Bucket) -> None:
    async with peer(saying(http(307, location=location))) as cdn:
        failed = await failure(cdn.url(), bucket)

        assert (type(failed), failed.reason) == (NotFetchable, Fault.FORBIDDEN)
        assert not failed.retryable
        assert not failed.expired
        assert len(cdn.requests) == 1


async def test_a_redirect_to_a_private_address_makes_no_connection_to_it(bucket: Bucket) -> None:
    guard = Guard([ip_network("127.0.0.1/32")])
    async with peer(saying(http(200, b"secret")), host="127.0.0.2") as inside, open_session(guard) as session:
        async with peer(saying(http(302, location=inside.url()))) as cdn:
            with pytest.raises(NotFetchable, match=r"127\.0\.0\.2 is loopback"):
                await fetch(session, cdn.url(), bucket, guard=guard)

        assert (cdn.connections, inside.connections) == (1, 0)


async def test_a_redirect_to_a_name_with_a_private_address_makes_no_connection_to_it(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    guard = Guard([ip_network("127.0.0.1/32")])
    monkeypatch.setattr(socket, "getaddrinfo", answering("127.0.0.2"))
    async with peer(saying(http(200, b"secret")), host="127.0.0.2") as inside, open_session(guard) as session:
        async with peer(saying(http(302, location=inside.url(host="cdn.example.com")))) as cdn:
            with pytest.raises(NotFetchable, match=r"127\.0\.0\.2 is loopback"):
                await fetch(session, cdn.url(), bucket, guard=guard)

        assert (cdn.connections, inside.connections) == (1, 0)


@pytest.mark.parametrize("location", ["", "http://[::1", "http://cdn.example.com:99999/"])
async def test_a_redirect_to_nowhere_fails(location: str, bucket: Bucket) -> None:
    async with peer(saying(http(302, location=location))) as cdn:
        failed = await failure(cdn.url(), bucket)

        assert failed.reason in {Fault.INVALID_REPLY, Fault.FORBIDDEN}


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 451])
async def test_a_dead_link_says_that_another_may_work(status: int, bucket: Bucket) -> None:
    async with peer(saying(http(status, b"<Error>Request has expired</Error>"))) as cdn:
        failed = await failure(cdn.url("/a.png?signature=secret"), bucket)

        assert (type(failed), failed.reason) == (LinkDead, Fault.STATUS)
        assert failed.expired
        assert not failed.retryable
        assert str(failed) == f"127.0.0.1 answered {status}."
        assert bucket.content == b""


@pytest.mark.parametrize("status", [204, 206, 304, 408, 425, 429, 500, 502, 503, 504])
async def test_a_passing_trouble_says_that_the_link_may_work_later(status: int, bucket: Bucket) -> None:
    async with peer(saying(http(status))) as cdn:
        failed = await failure(cdn.url(), bucket)

        assert (type(failed), failed.reason) == (Interrupted, Fault.STATUS)
        assert failed.retryable
        assert not failed.expired


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (hanging, Fault.TIMEOUT),
        (dripping, Fault.TIMEOUT),
        (resetting, Fault.RESET),
        (saying(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf", then_close=True), Fault.TRUNCATED),
        (saying(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nab", then_close=True), Fault.TRUNCATED),
        (saying(b"SSH-2.0-OpenSSH_9.2\r\n\r\n"), Fault.INVALID_REPLY),
    ],
    ids=["hangs", "stalls", "hangs up", "shorter than announced", "ends within a chunk", "no http"],
)
async def test_a_peer_that_breaks_off_may_do_better_later(answer: Answer, reason: Fault, bucket: Bucket) -> None:
    async with peer(answer) as cdn:
        failed = await failure(cdn.url(), bucket, patience=0.5)

        assert (type(failed), failed.reason) == (Interrupted, reason)
        assert failed.retryable
        assert str(failed).endswith(".")


async def test_nobody_listening_may_change(bucket: Bucket) -> None:
    async with peer(saying(http(200))) as cdn:
        url = cdn.url()

    assert (await failure(url, bucket)).reason is Fault.REFUSED
    assert (await failure("http://nowhere.invalid/", bucket)).reason is Fault.DNS


async def test_the_time_limit_covers_all_hops_together(bucket: Bucket) -> None:
    async def slow(request: Request, writer: asyncio.StreamWriter) -> None:
        late = asyncio.Event()
        asyncio.get_running_loop().call_later(0.2, late.set)
        await late.wait()
        await redirecting(request, writer)

    async with peer(slow) as cdn:
        failed = await failure(cdn.url("/3"), bucket, patience=0.5)

        assert (type(failed), failed.reason) == (Interrupted, Fault.TIMEOUT)
        assert len(cdn.requests) == 3


async def test_a_file_announced_as_too_large_is_refused_before_it_comes(bucket: Bucket) -> None:
    async with peer(saying(b"HTTP/1.1 200 OK\r\ncontent-length: 1001\r\n\r\n")) as cdn:
        failed = await failure(cdn.url(), bucket, max_bytes=1000)

        assert (type(failed), failed.reason) == (NotFetchable, Fault.TOO_LARGE)


async def test_a_file_without_end_is_refused_at_the_limit(bucket: Bucket) -> None:
    async with peer(babbling) as cdn:
        failed = await failure(cdn.url(), bucket, max_bytes=1_000_000)

        await asyncio.wait_for(cdn.hung_up.wait(), PATIENCE)
        assert (type(failed), failed.reason) == (NotFetchable, Fault.TOO_LARGE)
        assert len(bucket.content) <= 1_000_000


async def test_a_file_of_exactly_the_limit_is_taken(bucket: Bucket) -> None:
    async with peer(saying(http(200, b"x" * 1000))) as cdn, open_session(LOOPBACK) as session:
        fetched = await fetch(session, cdn.url(), bucket, max_bytes=1000)

        assert fetched.bytes == 1000


async def test_a_compressed_body_is_not_unpacked(bucket: Bucket) -> None:
    async with peer(saying(http(200, b"\x1f\x8b rubbish", content_encoding="gzip"))) as cdn:
        failed = await failure(cdn.url(), bucket)

        assert (type(failed), failed.reason) == (NotFetchable, Fault.INVALID_REPLY)


async def test_what_the_sink_raises_is_passed_on_as_it_is() -> None:
    class Full:
        def write(self, chunk: bytes, /) -> None:
            raise OSError(28, "No space left on device")

    async with peer(saying(http(200, b"file"))) as cdn, open_session(LOOPBACK) as session:
        with pytest.raises(OSError, match="No space left"):
            await download(session, LOOPBACK, url=cdn.url(), sink=Full(), max_bytes=99, timeout=PATIENCE)
