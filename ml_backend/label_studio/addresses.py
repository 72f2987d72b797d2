"""Which hosts task URLs may name, and which IP addresses may stand behind a name.

The rule, for everything that is not Label Studio itself:

    an entry of the allow-list       reaches
    192.0.2.7   [2001:db8::7]:9000   that address, whatever kind it is
    localhost                        loopback addresses
    minio   files.example.org:9000   public addresses and private networks (a name without a dot, or with its port)
    files.example.org                public addresses

An entry without a port means the usual port, 80 or 443. A name never reaches loopback, link-local (cloud metadata), carrier or
reserved addresses, unless the list names that very address and port: a public name that suddenly resolves to 127.0.0.1 is an
attack (DNS rebinding), not a move.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass

from ml_backend.errors import FetchRefused, SetupError
from ml_backend.label_studio.web_address import DEFAULT_PORTS, IPAddress, WebAddress, ip_address, parse_authority
from ml_backend.settings import PREFIX

IPNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network
SETTING = f"{PREFIX}ALLOWED_HOSTS"
_PRIVATE = tuple(map(ipaddress.ip_network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")))
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")
# Special in the registries of IANA, but not to every version of Python: protocol assignments, relays, Teredo, documentation.
_SPECIAL = tuple(
    map(ipaddress.ip_network, ("192.0.0.0/24", "192.88.99.0/24", "2001::/23", "2001:db8::/32", "3fff::/20"))
)


@dataclass(frozen=True, slots=True)
class _Entry:
    host: str
    port: int | None

    def names(self, url: WebAddress) -> bool:
        return self.host == url.host and url.port == (DEFAULT_PORTS[url.scheme] if self.port is None else self.port)

    def reaches(self, kind: str) -> bool:
        if self.host == "localhost":
            return kind == "loopback"
        return kind == "private" and (self.port is not None or "." not in self.host)


class AllowList:
    """The hosts that may be named. With ``any_public`` every host may, as long as its addresses are public.

    Raises:
        SetupError: an entry is no ``host[:port]``.
    """

    def __init__(self, entries: Iterable[str], any_public: bool = False) -> None:
        self._entries = tuple(_entry(text) for text in entries)
        self._any_public = any_public

    def check_host(self, url: WebAddress) -> None:
        """Raises FetchRefused (``url_host_not_allowed``) for a host and port that nobody listed."""
        if not self._any_public and not any(entry.names(url) for entry in self._entries):
            raise FetchRefused(
                "url_host_not_allowed", f"{url} is on a host that is not allowed.", f"Add {url.authority} to {SETTING}."
            )

    def check_address(self, url: WebAddress, address: IPAddress) -> None:
        """Raises FetchRefused (``url_address_refused``) for an address that may not stand behind this URL's host."""
        kind = kind_of(address)
        if kind == "public" or any(entry.reaches(kind) for entry in self._entries if entry.names(url)):
            return
        literal = WebAddress(url.scheme, str(address), url.port)
        if any(entry.names(literal) for entry in self._entries):
            return
        raise FetchRefused(
            "url_address_refused",
            f"{url} leads to {address}, a {kind} address.",
            f"If that is meant, add {literal.authority} to {SETTING}.",
        )


def kind_of(address: IPAddress) -> str:
    """``public``, ``private`` (a local network), ``loopback`` or ``special`` (link-local, carrier, multicast, reserved ...).

    An IPv6 address that only wraps an IPv4 address is of the kind of the address inside.
    """
    inner = _inner(address)
    if inner is not None:
        return kind_of(inner)
    if address.is_loopback:
        return "loopback"
    if _within(address, _PRIVATE):
        return "private"
    if isinstance(address, ipaddress.IPv6Address) and address not in _GLOBAL_UNICAST:
        return "special"
    odd = address.is_multicast or address.is_reserved or not address.is_global
    return "special" if odd or _within(address, _SPECIAL) else "public"


def _inner(address: IPAddress) -> ipaddress.IPv4Address | None:
    if isinstance(address, ipaddress.IPv4Address):
        return None
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour


def _within(address: IPAddress, networks: Iterable[IPNetwork]) -> bool:
    return any(address in network for network in networks if network.version == address.version)


def _entry(text: str) -> _Entry:
    try:
        host, port = parse_authority(text, text)
    except FetchRefused:
        raise SetupError(
            "bad_setting",
            f"{SETTING}: {text!r} is no host or host:port.",
            "Write it as files.example.org, minio:9000 or [2001:db8::7]:9000, without http:// and without a path.",
        ) from None
    return _Entry(host, port)


def resolved(texts: Iterable[str]) -> list[IPAddress]:
    """What a resolver answered, as addresses; what is none is left out."""
    return [address for address in map(ip_address, texts) if address is not None]
