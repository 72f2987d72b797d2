"""What the checks work with, and what an earlier one leaves for a later one."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import httpx

from ml_backend.credentials import Credentials
from ml_backend.label_studio.client import LabelStudio, Project
from ml_backend.label_studio.label_config import Interface
from ml_backend.ocr.base import OCREngine
from ml_backend.settings import Settings

if TYPE_CHECKING:
    from ml_backend.store.store import Store

_ANSWER_WITHIN = 15.0  # seconds for one request of the doctor's
_CLIENT_WITHIN = 30.0


@dataclass
class Patient:
    """One project, with what the checks before have read of it."""

    number: int
    project: Project | None = None
    body: dict[str, Any] = field(default_factory=dict)
    interface: Interface | None = None
    hooked: bool = False  # whether it has a webhook to docloop

    @property
    def there(self) -> Project:
        """The project. Its check came first, or this one is skipped."""
        if self.project is None:
            raise LookupError("project.there comes first")
        return self.project


@dataclass
class Bench:
    """``given_url`` is docloop's address as Label Studio sees it, where somebody said it. ``transport`` stands in for the
    network, ``engine`` for the OCR engine of the settings. ``touched`` says what was changed in Label Studio meanwhile."""

    settings: Settings
    given_url: str = ""
    transport: httpx.BaseTransport | None = None
    engine: Callable[[], OCREngine] | None = None
    clock: Callable[[], float] = time.time
    sleep: Callable[[float], None] = time.sleep
    touched: list[str] = field(default_factory=list)
    store: Store | None = None
    credentials: Credentials | None = None
    web: str = ""  # where the web process was found
    probe: dict[str, Any] = field(default_factory=dict)  # the doctor's own project in Label Studio
    patients: list[Patient] = field(default_factory=list)
    _client: LabelStudio | None = None
    _undo: list[Callable[[], object]] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def url(self) -> str:
        """docloop's address as Label Studio sees it: as it was said, as a project has it, or as the settings say."""
        return self.given_url or self.settings.seen_from_label_studio.rstrip("/")

    def client(self) -> LabelStudio:
        """docloop's own client. Raises LabelStudioError where the token is refused."""
        with self._lock:
            if self._client is None:
                token = self.settings.label_studio_token.get_secret_value()
                self._client = LabelStudio(self.settings.label_studio_url, token, _CLIENT_WITHIN, self.transport)
            return self._client

    def http(self) -> httpx.Client:
        """A client without any credential, that follows no redirect. Close it."""
        return httpx.Client(transport=self.transport, timeout=_ANSWER_WITHIN)

    def at_the_end(self, undo: Callable[[], object]) -> None:
        """Whatever becomes of the check, do this when all are through."""
        self._undo.append(undo)

    def close(self) -> None:
        """Take away what the checks have made, let connections go."""
        while self._undo:
            with suppress(Exception):  # the others must be undone, too; what is left is found by the next doctor
                self._undo.pop()()
        if self._client is not None and self.transport is None:
            self._client.close()
        if self.store is not None:
            self.store.close()
            self.store = None
