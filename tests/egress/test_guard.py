"""Every way we know to talk a service into connecting where it should not."""

import json
import socket
from contextlib import suppress
from datetime import UTC, datetime
from ipaddress import IPv4Address, IPv6Address, ip_network
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.egress.client import Fault, open_session
from orchestrator.egress.download import NotFetchable, download
from orchestrator.egress.guard import Forbidden, Guard
from orchestrator.egress.webhook import send_webhook
from tests.egress.servers import LOOPBACK, answering, http, peer, saying

CORPUS: dict[str, Any] = json.loads((Path(__file__).parent / "bypasses.json").read_text())
NOW = datetime(2026, 3, 1, tzinfo=UTC)


class Nothing:
    def write(self, chunk: bytes, /) -> None:
        raise AssertionError("nothing may be read")


@pytest.mark.parametrize("case", CORPUS["urls"], ids=lambda case: ascii(case["url"]))
def test_a_url_of_the_corpus_is_refused_with_its_reason(case: dict[str, str]) -> None:
    with pytest.raises(Forbidden) as refusal:
        Guard().check_url(case["url"].replace("PORT", "8080"))

    assert case["because"] in refusal.value.reason
    assert str(refusal.value) == refusal.value.reason


@pytest.mark.parametrize("case", CORPUS["addresses"], ids=lambda case: str(case["address"]))
def test_an_address_of_the_corpus_is_refused_with_its_reason(case: dict[str, str]) -> None:
    assert case["because"] in (Guard().judge(case["address"]) or "")


@pytest.mark.parametrize("address", CORPUS["public"])
def test_a_public_address_is_admitted(address: str) -> None:
    assert Guard().judge(address) is None


async def test_the_corpus_reaches_no_server_by_webhook_or_download() -> None:
    async with peer(saying(http(200, b"secret"))) as server, open_session(Guard()) as session:
        for case in CORPUS["urls"]:
            url = case["url"].replace("PORT", str(server.port))

            reply = await send_webhook(session, url=url, headers={}, body=b"{}", now=NOW, timeout=2)
            with pytest.raises(NotFetchable) as failure:
                await download(session, Guard(), url=url, sink=Nothing(), max_bytes=99, timeout=2)

            assert reply.status is None
            # Whether a name under .localhost is known at all is up to the machine.
            assert reply.error in {Fault.FORBIDDEN, Fault.DNS}
            assert failure.value.reason is Fault.FORBIDDEN
        assert server.connections == 0


async def test_the_connector_refuses_a_literal_that_nobody_checked_before() -> None:
    async with peer(saying(http(200))) as server, open_session(Guard()) as session:
        reply = await send_webhook(session, url=server.url(), headers={}, body=b"{}", now=NOW)

        assert (reply.status, reply.error) == (None, Fault.FORBIDDEN)
        assert reply.excerpt == "127.0.0.1 is loopback."
        assert server.connections == 0


async def test_a_name_that_leads_to_a_forbidden_address_is_refused_when_it_is_connected_to(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", answering("127.0.0.1"))
    async with peer(saying(http(200))) as server, open_session(Guard()) as session:
        url = server.url(host="hook.example.com")

        Guard().check_url(url)
        reply = await send_webhook(session, url=url, headers={}, body=b"{}", now=NOW)

        assert reply.error is Fault.FORBIDDEN
        assert server.connections == 0


async def test_a_name_with_one_forbidden_address_among_good_ones_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", answering("127.0.0.1", "10.0.0.7"))
    async with peer(saying(http(200))) as server, open_session(LOOPBACK) as session:
        reply = await send_webhook(session, url=server.url(host="hook.example.com"), headers={}, body=b"{}", now=NOW)

        assert (reply.error, reply.excerpt) == (Fault.FORBIDDEN, "10.0.0.7 is private.")
        assert server.connections == 0


async def test_an_allowed_network_is_reached_by_literal_and_by_name() -> None:
    async with peer(saying(http(204))) as server, open_session(LOOPBACK) as session:
        for host in ("127.0.0.1", "localhost"):
            LOOPBACK.check_url(server.url(host=host))

            reply = await send_webhook(session, url=server.url(host=host), headers={}, body=b"{}", now=NOW)

            assert (reply.status, reply.error) == (204, None)


@pytest.mark.parametrize(
    "address", ["127.0.0.9", "::1", "::ffff:127.0.0.1", "::127.0.0.1", "64:ff9b::127.0.0.1", "2002:7f00:1::1"]
)
def test_an_allowed_network_is_allowed_however_it_is_written(address: str) -> None:
    assert LOOPBACK.judge(address) is None


def test_the_allow_list_opens_nothing_else() -> None:
    guard = Guard([ip_network("10.1.0.0/16"), ip_network("fd12::/16")])

    assert guard.judge("10.1.2.3") is None
    assert guard.judge("fd12::1") is None
    assert guard.judge("10.2.0.1") is not None
    assert guard.judge("127.0.0.1") is not None
    assert guard.judge("fd13::1") is not None


def test_a_teredo_address_is_allowed_only_when_both_of_its_ends_are() -> None:
    guard = Guard([ip_network("10.0.0.0/8")])

    assert guard.judge("2001:0:a00:1::f5ff:fffe") is None
    assert guard.judge("2001:0:808:808::f5ff:fffe") is not None


def test_a_signed_link_stays_byte_for_byte_what_it_was() -> None:
    url = "https://cdn.example.com/a%2Fb%7e/%e2%9c%93?X-Sig=a%2Bb%3D%3d&e=1+2&tag[]=~|'"

    assert str(Guard().check_url(url)) == url


@pytest.mark.parametrize(
    ("given_url", "sent"),
    [
        ("https://cdn.example.com/my file.png", "https://cdn.example.com/my%20file.png"),
        ("https://münchen.example/ü?ö=1", "https://xn--mnchen-3ya.example/%C3%BC?%C3%B6=1"),
        (" https://cdn.example.com/a ", "https://cdn.example.com/a"),
        ("https://a_b.example.com:8443/", "https://a_b.example.com:8443/"),
        ("https://[2606:4700::1111]/", "https://[2606:4700::1111]/"),
        ("http://8.8.8.8/", "http://8.8.8.8/"),
        ("http://cdn.example.com./", "http://cdn.example.com./"),
    ],
)
def test_an_honest_url_is_sent_as_it_means(given_url: str, sent: str) -> None:
    assert str(Guard().check_url(given_url)) == sent


@given(st.text())
def test_no_text_makes_the_guard_fail_in_another_way(text: str) -> None:
    for url in (text, f"http://{text}", f"http://{text}/", f"http://cdn.example.com{text}"):
        with suppress(Forbidden):
            assert Guard().check_url(url).scheme in {"http", "https"}


@given(st.ip_addresses(v=4))
def test_an_ipv4_address_inside_an_envelope_fares_as_it_would_alone(address: IPv4Address) -> None:
    guard, number = Guard(), int(address)
    alone = guard.judge(str(address)) is None

    for envelope in (0xFFFF << 32, 0x64_FF9B << 96):
        assert (guard.judge(str(IPv6Address(envelope | number))) is None) is alone
