"""One HTTP GET to addresses that were checked before: no name is resolved here, no redirect followed, no proxy asked.

The check and the connection use the same addresses, so a name that changes its mind in between changes nothing. Size and total
time are limited while the answer arrives, byte by byte if need be.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import httpcore
import httpx

from ml_backend.errors import FetchRefused
from ml_backend.label_studio.web_address import WebAddress

_CONNECT_SECONDS = 5.0  # for each of several addresses of one host


class Deadline:
    """The end of one fetch, over all its redirects."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._end = time.monotonic() + seconds

    def left(self, at_most: float | None = None) -> float:
        """Seconds left. Raises httpcore.ReadTimeout when there are none."""
        left = self._end - time.monotonic()
        if left <= 0:
            raise httpcore.ReadTimeout("the time is up")
        return left if at_most is None else min(left, at_most)


@dataclass(frozen=True, slots=True)
class Answer:
    """``body`` is empty unless ``status`` is 200; ``location`` is where a redirect leads, as the server wrote it."""

    status: int
    location: str = ""
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Getter:
    """How to get: at most ``max_bytes`` of body."""

    max_bytes: int

    def get(self, url: WebAddress, addresses: Sequence[str], headers: dict[str, str], deadline: Deadline) -> Answer:
        """The answer of the first of ``addresses`` (IP addresses) that can be connected to.

        Raises:
            FetchRefused: ``fetch_timeout``, ``fetch_unreachable``, ``fetch_too_large``, ``fetch_encoded``.
        """
        sent = {
            "Host": url.authority,
            "User-Agent": "docloop",
            "Accept": "*/*",
            "Accept-Encoding": "identity",
        } | headers
        place = httpcore.URL(
            scheme=url.scheme.encode(), host=url.host.encode(), port=url.port, target=url.target.encode()
        )
        backend = _PinnedBackend(addresses, deadline)
        tls = _trusted_authorities() if url.scheme == "https" else None
        try:
            with (
                httpcore.ConnectionPool(ssl_context=tls, network_backend=backend) as pool,
                pool.stream("GET", place, headers=list(sent.items())) as response,
            ):
                return self._read(url, response)
        except httpcore.TimeoutException:
            raise FetchRefused(
                "fetch_timeout",
                f"{url} was not fetched within {deadline.seconds:g} seconds.",
                "Try again, or check the server and the network between.",
            ) from None
        except (httpcore.NetworkError, httpcore.ProtocolError) as error:
            raise FetchRefused(
                "fetch_unreachable",
                f"{url} cannot be fetched ({type(error).__name__}: {error}).",
                "Check that the server runs and can be reached from docloop's machine.",
            ) from None

    def _read(self, url: WebAddress, response: httpcore.Response) -> Answer:
        headers = {name.lower(): value.decode("utf-8", "replace") for name, value in response.headers}
        if response.status != 200:
            return Answer(response.status, headers.get(b"location", ""))
        encoding = headers.get(b"content-encoding", "identity")
        if encoding.strip().lower() not in {"", "identity"}:  # what was not asked for may be a bomb
            raise FetchRefused(
                "fetch_encoded", f"{url} comes as {encoding[:40]!r}.", "Let the server send the file as it is."
            )
        length = headers.get(b"content-length", "0")
        if length.isdecimal() and int(length) > self.max_bytes:
            raise self._too_large(url, f"{int(length):,} bytes")
        body = bytearray()
        for chunk in response.iter_stream():
            body += chunk
            if len(body) > self.max_bytes:
                raise self._too_large(url, f"more than {self.max_bytes:,} bytes")
        return Answer(response.status, body=bytes(body))

    def _too_large(self, url: WebAddress, size: str) -> FetchRefused:
        return FetchRefused(
            "fetch_too_large",
            f"{url} has {size}; at most {self.max_bytes:,} are fetched.",
            "Compress the file, or split it into several documents.",
        )


@lru_cache(maxsize=1)
def _trusted_authorities() -> ssl.SSLContext:
    """The same as for calls of Label Studio's API: certifi's, or what SSL_CERT_FILE names. Slow to make, so made once."""
    return httpx.create_ssl_context()


class _PinnedBackend(httpcore.NetworkBackend):
    """Connects to the given addresses, whatever host it is asked for."""

    def __init__(self, addresses: Sequence[str], deadline: Deadline) -> None:
        self._addresses = addresses
        self._deadline = deadline
        self._sockets = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        failure: Exception = httpcore.ConnectError("no address")
        for address in self._addresses:
            try:
                seconds = self._deadline.left(_CONNECT_SECONDS)
                stream = self._sockets.connect_tcp(address, port, seconds, local_address, socket_options)
                return _TimedStream(stream, self._deadline)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        raise failure


class _TimedStream(httpcore.NetworkStream):
    """A stream no wait of which outlives the deadline: a server that sends one byte a second is cut off too."""

    def __init__(self, stream: httpcore.NetworkStream, deadline: Deadline) -> None:
        self._stream = stream
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, self._deadline.left(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, self._deadline.left(timeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        stream = self._stream.start_tls(ssl_context, server_hostname, self._deadline.left(timeout))
        return _TimedStream(stream, self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)
