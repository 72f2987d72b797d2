"""Fetches what task URLs name. Task URLs are hostile: whoever can create a task chooses them.

Each step of the way, the first and every redirect, is checked again: the URL (``web_address``), what it is on Label Studio
(``task_urls``), the host and the addresses behind it (``addresses``). Only then is there a connection (``http_get``). The token
goes to Label Studio's own origin, and only as long as no other host has had a say in where we go.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from ml_backend.errors import FetchRefused, SetupError
from ml_backend.label_studio.addresses import AllowList, resolved
from ml_backend.label_studio.http_get import Answer, Deadline, Getter
from ml_backend.label_studio.task_urls import LabelStudioPlace, decode_data_uri
from ml_backend.label_studio.web_address import WebAddress, ip_address
from ml_backend.settings import PREFIX

RETRYABLE = frozenset({"fetch_timeout", "fetch_unreachable", "fetch_status"})  # codes after which another try may help
_LOOKUPS = 16  # host names looked up at the same time; those that hang take a place until the system gives up
_LOOKUP_SECONDS = 10.0
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_REFUSED_BEFORE = frozenset(
    {"url_malformed", "url_path_refused", "url_host_not_allowed", "url_address_refused", "url_redirect_refused"}
)


@dataclass(frozen=True, slots=True)
class FetchLimits:
    """``bytes`` of one file, ``seconds`` for all of it with its redirects, number of ``redirects``."""

    bytes: int = 50_000_000
    seconds: float = 30.0
    redirects: int = 5


def resolve(host: str, port: int) -> Sequence[str]:
    """The IP addresses of a host, as the system's resolver answers. Raises OSError."""
    return [str(info[4][0]) for info in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


class Fetcher:
    """Fetches task URLs. Safe to call from several threads.

    ``token_source`` gives the value of the Authorization header for Label Studio, or an empty string. ``allowed_hosts`` is the
    allow-list (``addresses`` says what an entry reaches); with ``allow_any_public_host`` a person has typed the URLs, and every
    public address may be fetched. ``resolver`` turns a host and port into IP addresses.

    Raises:
        SetupError: Label Studio's URL or an entry of the allow-list cannot be understood.
    """

    def __init__(
        self,
        label_studio_url: str,
        token_source: Callable[[], str],
        allowed_hosts: Sequence[str] = (),
        limits: FetchLimits = FetchLimits(),
        *,
        allow_any_public_host: bool = False,
        resolver: Callable[[str, int], Sequence[str]] = resolve,
    ) -> None:
        try:
            self._place = LabelStudioPlace(label_studio_url)
        except FetchRefused as refusal:
            raise SetupError("bad_setting", f"{PREFIX}LABEL_STUDIO_URL: {refusal.message}", refusal.fix) from None
        self._token_source = token_source
        self._allowed = AllowList(allowed_hosts, allow_any_public_host)
        self._limits = limits
        self._resolver = resolver
        self._lookups = ThreadPoolExecutor(_LOOKUPS, "lookup")
        self._getter = Getter(limits.bytes)

    def fetch(self, url: str, task_id: int | None = None) -> bytes:
        """The bytes that a task URL names. ``task_id`` is needed for storage URLs (s3, gs, azure-blob).

        Raises:
            FetchRefused: before any connection: ``url_malformed``, ``url_scheme_refused``, ``url_path_refused``,
                ``url_needs_task``, ``url_host_not_allowed``, ``url_address_refused``, on a redirect ``url_redirect_refused``;
                after one: ``fetch_unauthorized``, ``fetch_not_found``, ``fetch_status``, ``fetch_too_large``,
                ``fetch_encoded``, ``fetch_timeout``, ``fetch_unreachable``.
            LabelStudioError: the token source could not get a token.
        """
        if url[:5].lower() == "data:":
            return decode_data_uri(url, self._limits.bytes)
        target = self._place.locate(url, task_id)
        addresses = self._addresses(target)
        deadline, trusted = Deadline(self._limits.seconds), True
        for _ in range(self._limits.redirects + 1):
            trusted = trusted and self._place.owns(target)
            token = self._token_source() if trusted else ""
            answer = self._getter.get(target, addresses, {"Authorization": token} if token else {}, deadline)
            if answer.status not in _REDIRECTS:
                return self._body(target, answer)
            target, addresses = self._redirected(target, answer.location)
        raise FetchRefused(
            "url_redirect_refused",
            f"{target} was reached after {self._limits.redirects} redirects.",
            "Name the file itself.",
        )

    def _addresses(self, url: WebAddress) -> list[str]:
        """The addresses to connect to: all that the host has, each of them checked. Raises FetchRefused."""
        own = self._place.owns(url)
        if own:
            self._place.check_path(url)
        else:
            self._allowed.check_host(url)
        literal = ip_address(url.host)
        addresses = [literal] if literal else resolved(self._look_up(url))
        if not addresses:
            raise _unknown_host(url, "no address")
        if not own:
            for address in addresses:
                self._allowed.check_address(url, address)
        return [str(address) for address in addresses]

    def _look_up(self, url: WebAddress) -> Sequence[str]:
        try:
            # In a thread, since the system's resolver cannot be told when to give up.
            return self._lookups.submit(self._resolver, url.host, url.port).result(_LOOKUP_SECONDS)
        except TimeoutError:
            raise _unknown_host(url, f"no answer within {_LOOKUP_SECONDS:g} seconds") from None
        except (OSError, UnicodeError) as error:
            raise _unknown_host(url, str(error)) from None

    def _redirected(self, source: WebAddress, location: str) -> tuple[WebAddress, list[str]]:
        try:
            target = source.join(location)
            if (source.scheme, target.scheme) == ("https", "http"):
                raise FetchRefused("url_redirect_refused", f"{target} is no longer encrypted.", "Use https throughout.")
            if self._place.owns(target) and "/user/login" in target.path:
                raise _unauthorized(source)
            return target, self._addresses(target)
        except FetchRefused as refusal:
            if refusal.code not in _REFUSED_BEFORE:
                raise
            fix = refusal.fix
            if refusal.code == "url_host_not_allowed" and self._place.owns(source):
                fix += f" If Label Studio itself has moved there, correct {PREFIX}LABEL_STUDIO_URL."
            raise FetchRefused("url_redirect_refused", f"{source} redirects: {refusal.message}", fix) from None

    def _body(self, url: WebAddress, answer: Answer) -> bytes:
        if answer.status == 200:
            return answer.body
        if answer.status in {401, 403} and self._place.owns(url):
            raise _unauthorized(url)
        if answer.status in {404, 410}:
            raise FetchRefused(
                "fetch_not_found", f"{url} does not exist (HTTP {answer.status}).", "Was the file deleted?"
            )
        raise FetchRefused(
            "fetch_status", f"{url} answered HTTP {answer.status}.", "Try again later; is the link still valid?"
        )


def _unauthorized(url: WebAddress) -> FetchRefused:
    return FetchRefused(
        "fetch_unauthorized",
        f"Label Studio refuses docloop's token for {url}.",
        f"Set {PREFIX}LABEL_STUDIO_TOKEN to a token of a user who can see the project; for local files, check the storage too.",
    )


def _unknown_host(url: WebAddress, why: str) -> FetchRefused:
    return FetchRefused(
        "fetch_unreachable",
        f"The host of {url} is not known ({why}).",
        "Check its name, and the DNS of docloop's machine.",
    )
