"""The guard: which addresses this service may connect to when somebody else chose them.

Two looks at every request. `check_url` says at once what can be told from the text, so that a consumer hears of it
when the URL is registered. `socket` is the one that counts: it is the connector's socket factory and judges each
address that is really about to be connected to, after DNS and after redirects, so that a name that answers differently
the second time gains nothing.

What would surprise you:

* `ipaddress.is_global` is True for addresses that carry a private IPv4 address inside (NAT64, 6to4, `::a.b.c.d`) and
  for `fec0::/10`. So addresses are unwrapped first, and what is not global unicast is refused as a whole.
* `Forbidden` is an OSError, because aiohttp and its happy eyeballs let nothing else through unharmed. It arrives as the
  `os_error` of a ClientConnectorError; `client.fault_of` finds it there.
* The operator's allow-list wins, also for an address inside another one: allowing 127.0.0.0/8 allows `::1` and
  `::ffff:127.0.0.1`, which lead to the same place.
"""

import errno
import re
import socket
from collections.abc import Iterator, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Any, Final

from yarl import URL

from orchestrator.egress.ranges import GLOBAL_UNICAST, NAT64, REFUSED_V4, REFUSED_V6, SIX_TO_FOUR

Network = IPv4Network | IPv6Network
_Address = IPv4Address | IPv6Address

_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
_LABEL: Final = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME: Final = re.compile(rf"(?=.{{1,254}}\Z){_LABEL}(?:\.{_LABEL})*\.?")
_LOOPBACK: Final = ip_address("127.0.0.1")


class Forbidden(PermissionError):
    """The guard refuses this address or URL; `reason` is a sentence for whoever chose it."""

    def __init__(self, reason: str) -> None:
        super().__init__(errno.EACCES, reason)
        self.reason = reason

    def __str__(self) -> str:
        return self.reason


class Guard:
    """Judges addresses. `allow` holds networks that may be reached although they are private."""

    def __init__(self, allow: Sequence[Network] = ()) -> None:
        self._allow = tuple(allow)

    def judge(self, address: str) -> str | None:
        """Why this IP address may not be connected to, as a sentence; None when it may."""
        try:
            ip = ip_address(address)
        except ValueError:
            return f"{address} is not an IP address."
        if isinstance(ip, IPv6Address) and ip.scope_id is not None:
            return f"{address} has a zone, which only means something on one link of this machine."
        return self._judge(ip)

    def check_url(self, url: str) -> URL:
        """Return `url` as it is to be sent, or raise Forbidden for what can be told without connecting.

        A name that leads to a forbidden address is refused later, when it is connected to.
        """
        parsed = parse_url(url)
        host = (parsed.raw_host or "").lower()
        if host.rstrip(".") == "localhost" or host.rstrip(".").endswith(".localhost"):
            self._admit(_LOOPBACK)
        elif (literal := _literal(host)) is not None:
            self._admit(literal)
        return parsed

    def socket(self, addr_info: tuple[Any, ...]) -> socket.socket:
        """Open a socket for an address that has passed, or raise Forbidden. For `TCPConnector(socket_factory=…)`."""
        family, kind, proto, _, sockaddr = addr_info
        self.admit(sockaddr[0])
        return socket.socket(family, kind, proto)

    def admit(self, address: str) -> None:
        """Raise Forbidden unless this IP address may be connected to."""
        reason = self.judge(address)
        if reason is not None:
            raise Forbidden(reason)

    def _admit(self, ip: _Address) -> None:
        reason = self._judge(ip)
        if reason is not None:
            raise Forbidden(reason)

    def _judge(self, ip: _Address) -> str | None:
        inner = tuple(_unwrap(ip))
        if self._allows(ip) or (inner and all(map(self._allows, inner))):
            return None
        for address in inner:
            if (found := _range(address)) is not None:
                return f"{ip} leads to {address}, which is {found}."
        found = None if inner and _is_envelope(ip) else _range(ip)
        return None if found is None else f"{ip} is {found}."

    def _allows(self, ip: _Address) -> bool:
        return any(ip in network for network in self._allow)


def parse_url(url: str) -> URL:
    """Parse strictly, with the parser that aiohttp will use, or raise Forbidden.

    The path and the query stay byte for byte what they were: a signed link that is quoted anew is a broken link.
    """
    if _CONTROL.search(url):
        raise Forbidden("The URL holds a control character.")
    text = url.strip(" ").replace(" ", "%20")
    try:
        parsed = URL(text, encoded=text.isascii())
        _check_authority(parsed)
    except ValueError as exc:
        raise Forbidden(f"The URL cannot be understood: {exc}") from exc
    return parsed


def _check_authority(url: URL) -> None:
    if url.scheme not in {"http", "https"}:
        raise Forbidden("The URL's scheme is neither http nor https.")
    if "@" in url.raw_authority:
        raise Forbidden("The URL holds a user name or a password; send credentials in another way.")
    if not url.raw_host:
        raise Forbidden("The URL has no host.")
    if url.port == 0:
        raise Forbidden("The URL's port is 0.")
    _check_host(url.raw_host.lower(), bracketed="[" in url.raw_authority)


def _check_host(host: str, *, bracketed: bool) -> None:
    if "%" in host:
        raise Forbidden(f"The host {host} holds a percent sign: an IPv6 zone, or a name in disguise.")
    if bracketed and ":" not in host:
        raise Forbidden(f"The host {host} is in brackets and is not an IPv6 address.")
    if not bracketed and not _NAME.fullmatch(host):
        raise Forbidden(f"The host {host} is not a name that DNS knows.")
    _literal(host)


def _literal(host: str) -> _Address | None:
    """The address that a host spells out; None for a name. Raises Forbidden for spellings that invite confusion."""
    if ":" in host:
        return _parsed(host)
    last = host.rstrip(".").rpartition(".")[2]
    if not (last.isdigit() or last.startswith("0x")):
        return None
    try:
        # What the C library makes of it: 2130706433, 0177.0.0.1, 0x7f.1 and 127.1 are all 127.0.0.1.
        meant = str(IPv4Address(socket.inet_aton(host.rstrip("."))))
    except OSError as exc:
        raise Forbidden(f"The host {host} ends in a number and is not an IPv4 address.") from exc
    if meant != host:
        raise Forbidden(f"The host {host} is another way to write {meant}; write it plainly.")
    return _parsed(meant)


def _parsed(address: str) -> _Address:
    try:
        return ip_address(address)
    except ValueError as exc:
        raise Forbidden(f"The host {address} is not an IP address.") from exc


def _unwrap(ip: _Address) -> Iterator[_Address]:
    """The IPv4 addresses that an IPv6 address carries: where the packets end up."""
    if isinstance(ip, IPv4Address):
        return
    if ip == IPv6Address("::1"):
        yield _LOOPBACK
    elif ip.ipv4_mapped is not None:
        yield ip.ipv4_mapped
    elif ip.sixtofour is not None:
        yield ip.sixtofour
    elif ip.teredo is not None:
        yield from ip.teredo
    elif ip in NAT64 or _is_isatap(ip) or int(ip) >> 32 == 0:
        yield IPv4Address(int(ip) & 0xFFFF_FFFF)


def _is_isatap(ip: IPv6Address) -> bool:
    """Whether the interface id is that of RFC 5214: 0000:5efe or 0200:5efe, then the IPv4 address."""
    return int(ip) >> 32 & 0xFFFF_FFFF in {0x0000_5EFE, 0x0200_5EFE}


def _is_envelope(ip: _Address) -> bool:
    """Whether the address means nothing but the IPv4 address that it carries."""
    return isinstance(ip, IPv6Address) and (ip.ipv4_mapped is not None or ip in NAT64 or ip in SIX_TO_FOUR)


def _range(ip: _Address) -> str | None:
    """What kind of address it is when it is not a public one."""
    if isinstance(ip, IPv4Address):
        return next((name for network, name in REFUSED_V4 if ip in network), None)
    found = next((name for network, name in REFUSED_V6 if ip in network), None)
    if found is None and ip not in GLOBAL_UNICAST:
        return "outside the global unicast range"
    return found
