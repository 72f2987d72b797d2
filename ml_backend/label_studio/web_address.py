"""URLs taken apart so strictly that two readers cannot disagree about where they lead.

Browsers, libraries and proxies mend odd URLs in different ways (a backslash, a tab, an octal address, a second @), and the
differences are how a request is led astray. What is odd is refused here, and what passes is never parsed again.
"""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from dataclasses import dataclass
from urllib.parse import quote, unquote, urljoin

from ml_backend.errors import FetchRefused

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
DEFAULT_PORTS = {"http": 80, "https": 443}
_WEB = re.compile(r"(https?)://([^/?#]*)([^?#]*)(\?[^#]*)?(?:#.*)?", re.IGNORECASE)
_AUTHORITY = re.compile(
    r"(\[[0-9a-f:.]+\]|[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?)(?::([0-9]{1,5}))?", re.IGNORECASE | re.ASCII
)
_ENDS_IN_NUMBER = re.compile(r"(?:.*\.)?(?:[0-9]+|0x[0-9a-f]*)", re.IGNORECASE | re.ASCII)
_ODD = re.compile(r"[\x00-\x1f\x7f-\x9f\\\u2028\u2029]")
_SAFE = "/%:@!$&'()*+,;=~-._?"
_MAX_LENGTH = 8192
_MAX_HOST = 253
_MAX_DECODINGS = 8
_MAX_SHOWN = 160


@dataclass(frozen=True, slots=True)
class WebAddress:
    """An http(s) URL. ``host`` is lower-case ASCII or a canonical IP address; ``path`` and ``query`` are as they are sent."""

    scheme: str
    host: str
    port: int
    path: str = "/"
    query: str = ""

    @property
    def origin(self) -> tuple[str, str, int]:
        return self.scheme, self.host, self.port

    @property
    def authority(self) -> str:
        """Host and port as a URL writes them."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def target(self) -> str:
        return f"{self.path}?{self.query}" if self.query else self.path

    def __str__(self) -> str:
        """For people: without the query, which may hold a signature."""
        return shown(f"{self.scheme}://{self.authority}{self.path}")

    def join(self, location: str) -> WebAddress:
        """Where a redirect from here leads. Raises FetchRefused (``url_malformed``, ``url_path_refused``)."""
        refuse_odd_characters(location)
        refuse_dot_segments(re.split(r"[?#]", location, maxsplit=1)[0], location)
        try:
            joined = urljoin(f"{self.scheme}://{self.authority}{self.target}", location)
        except ValueError:  # such as a bracket that is never closed
            raise _malformed(location, "is no URL") from None
        return parse_web_address(joined)


def parse_web_address(text: str) -> WebAddress:
    """An absolute http(s) URL.

    Raises:
        FetchRefused: ``url_malformed`` (also: user names, numeric tricks, hosts outside ASCII) or ``url_path_refused``.
    """
    refuse_odd_characters(text)
    match = _WEB.fullmatch(text)
    if not match:
        raise _malformed(text, "is no http(s) URL")
    scheme, authority, path, query = match[1].lower(), match[2], match[3] or "/", (match[4] or "?")[1:]
    if "@" in authority:
        raise _malformed(text, "carries a user name or password")
    host, port = parse_authority(authority, text)
    refuse_dot_segments(path, text)
    return WebAddress(
        scheme, host, DEFAULT_PORTS[scheme] if port is None else port, quote(path, _SAFE), quote(query, _SAFE)
    )


def parse_authority(authority: str, text: str) -> tuple[str, int | None]:
    """Host and port (None if not named) of ``host[:port]``. ``text`` is what an error quotes. Raises FetchRefused."""
    match = _AUTHORITY.fullmatch(authority)
    if not match or len(authority) > _MAX_HOST or ".." in authority:
        raise _malformed(
            text, "has no host that docloop understands", "Write the host in ASCII (xn--...), without a final dot."
        )
    port = int(match[2]) if match[2] else None
    if port is not None and not 0 < port < 65_536:
        raise _malformed(text, f"names port {port}")
    host = match[1].lower()
    address = ip_address(host.strip("[]"))
    if (address is None and _ENDS_IN_NUMBER.fullmatch(host)) or host.startswith("[") != (
        address is not None and address.version == 6
    ):
        raise _malformed(text, "writes an IP address in an unusual way", "Write it as 192.0.2.1 or [2001:db8::1].")
    return str(address) if address else host, port


def ip_address(text: str) -> IPAddress | None:
    """The address, if the text is one in its usual form: four decimal numbers, or IPv6."""
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def refuse_odd_characters(text: str) -> None:
    """Control characters and backslashes have no place in a URL, encoded or not mended. Raises FetchRefused."""
    if not text or len(text) > _MAX_LENGTH or _ODD.search(text):
        raise _malformed(text, "is empty, longer than 8,192 characters, or has control characters or backslashes")


def refuse_dot_segments(path: str, text: str) -> None:
    """A path that climbs (``..``), however it is encoded. Raises FetchRefused (``url_path_refused``)."""
    plain = _as_willing_servers_read(path)
    if plain is None or _ODD.search(plain) or any(part in {".", ".."} for part in plain.split("/")):
        raise FetchRefused(
            "url_path_refused",
            f"The path of {shown(text)} climbs to another folder, or hides characters.",
            "Write the path of the file itself.",
        )


def _as_willing_servers_read(path: str) -> str | None:
    """The path with percent signs decoded until none is left and wide dots made dots; None if it is wrapped too often."""
    for _ in range(_MAX_DECODINGS):
        decoded = unquote(path)
        if decoded == path:
            return unicodedata.normalize("NFKC", path)
        path = decoded
    return None


def shown(text: str) -> str:
    """A URL for people and logs: without query, user name and password, not too long, on one line."""
    text = re.sub(r"//.*@", "//***@", re.split(r"[?#]", text, maxsplit=1)[0], flags=re.DOTALL)
    text = text.encode("unicode_escape").decode("ascii")
    return text if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]}..."


def _malformed(text: str, why: str, fix: str = "Write it as http(s)://host/path.") -> FetchRefused:
    return FetchRefused("url_malformed", f"The URL '{shown(text)}' {why}.", fix)
