"""The Authorization header of one user of Label Studio: of a personal access token, or of a legacy token.

The SDK tells the two apart, and takes a new access token once the old one has run out by our clock. That is too late for a
request that waits at Label Studio, where the token is looked at when its turn comes; so here it is renewed a minute before.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import httpx

from ml_backend.label_studio.refusals import explain

_EARLY = timedelta(seconds=60)  # of the five minutes that an access token lasts: as long as we wait for an answer


def _now() -> datetime:
    return datetime.now(UTC)


class AccessToken:
    """Safe to use from several threads. ``http`` asks for new access tokens, at ``url``.

    Raises:
        LabelStudioError: the token has expired, as it says itself.
    """

    def __init__(self, url: str, token: str, http: httpx.Client, now: Callable[[], datetime] = _now) -> None:
        import label_studio_sdk.client as sdk  # takes seconds, so only when it is needed
        from label_studio_sdk.core.api_error import ApiError

        self._url = url
        self._now = now
        self._lock = threading.Lock()
        try:
            # With a sub-path the SDK's token refresh joins URLs, which needs the slash at the end.
            made = sdk.LabelStudio(base_url=f"{url}/", api_key=token, httpx_client=http)  # type: ignore[no-untyped-call]
        except ApiError as error:
            raise explain(error.status_code or 0, error.body, url) from None
        self._sdk = made._client_wrapper
        self._tokens = made._client_wrapper._tokens_client

    def header(self) -> str:
        """The value of the header, of a token that lasts.

        Raises:
            LabelStudioError: Label Studio refused to give an access token.
            httpx.HTTPError: it cannot be reached.
            ValueError: whoever answers there does not speak JSON.
        """
        from label_studio_sdk.core.api_error import ApiError

        with self._lock:
            ends = self._tokens._access_token_expiration
            if ends is not None and ends - self._now() < _EARLY:
                self._tokens._access_token = None
            try:
                return str(self._sdk.get_headers()["Authorization"])
            except ApiError as error:
                raise explain(error.status_code or 0, error.body, self._url) from None

    def refused(self, header: str) -> bool:
        """Whether there may be a better one than this, which Label Studio refused: its clock may be ahead of ours."""
        with self._lock:
            access = self._tokens._access_token
            if access and header.endswith(access):  # else somebody else was refused just before
                self._tokens._access_token = None
            return not self._tokens._use_legacy_token
