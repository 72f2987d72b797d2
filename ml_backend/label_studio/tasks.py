"""A Label Studio task, and where its pages are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ml_backend.errors import FetchRefused
from ml_backend.label_studio.label_config import Interface


@dataclass(frozen=True, slots=True)
class Task:
    """One task. Its id is no identity: Label Studio's SQLite gives ids of deleted tasks out again."""

    id: int
    data: Mapping[str, Any]

    @classmethod
    def of(cls, body: Mapping[str, Any]) -> Task:
        """The task of a request body or of the REST API; interactive requests may carry ids as text."""
        data, identity = body.get("data"), str(body.get("id"))
        known = identity.isdecimal() and len(identity) < 19
        return cls(id=int(identity) if known else 0, data=data if isinstance(data, Mapping) else {})

    def page_urls(self, interface: Interface) -> tuple[str, ...]:
        """The URLs of all pages, in order.

        Raises:
            FetchRefused: ``task_without_image``, when the data does not hold what the Image tag names.
        """
        value = self.data.get(interface.data_key)
        urls = value if isinstance(value, list) else [value]
        if not urls or not all(isinstance(url, str) and url for url in urls):
            raise FetchRefused(
                "task_without_image",
                f"Task {self.id} has no image URL under {interface.data_key!r}; its data has {sorted(self.data)}.",
                f'Import it with {{"{interface.data_key}": "..."}}, or correct the Image tag.',
            )
        return tuple(urls)
