"""Connecting, against a Label Studio in memory; the real one is in tests/services."""

from __future__ import annotations

from typing import Any

import pytest

from ml_backend.connect import BackendAccess, connect
from ml_backend.errors import LabelStudioError
from ml_backend.label_studio.client import Project

ACCESS = BackendAccess("http://localhost:9090", "docloop", "pass-word", "hook-secret")


class MemoryLabelStudio:
    """Does what was measured: connecting takes the model version over, a refusal leaves half a backend behind."""

    def __init__(self, model_version: str = "", refuses: bool = False) -> None:
        self.version, self.refuses = model_version, refuses
        self.backends: list[dict[str, Any]] = []
        self.webhooks: list[dict[str, Any]] = []
        self.order: list[str] = []

    def project(self, project_id: int) -> Project:
        return Project(project_id, "7.1", "Receipts", "<View/>", self.version)

    def set_model_version(self, project_id: int, version: str) -> None:
        self.version = version

    def call(self, method: str, path: str, *, body: Any = None, **params: Any) -> Any:
        there = self.webhooks if "webhooks" in path else self.backends
        self.order.append(f"{method} {path}")
        if method == "GET":
            return list(there)
        if method == "DELETE":
            there.clear()
        elif method == "PATCH":
            there[0].update(body)
        else:
            there.append({"id": len(there) + 1, **body})
            if there is self.backends:
                self.version = self.version or body["title"]
                if self.refuses:
                    raise LabelStudioError("label_studio_blocks_address", "no", "fix")
        return None


def test_the_webhook_with_its_secret_comes_before_the_backend() -> None:
    there = MemoryLabelStudio()
    connect(there, 7, ACCESS)  # type: ignore[arg-type]  # the twin
    assert [call for call in there.order if call.startswith("POST")] == ["POST api/webhooks/", "POST api/ml"]
    assert there.webhooks[0]["headers"] == {"X-Docloop-Secret": "hook-secret"}
    assert (there.backends[0]["auth_method"], there.backends[0]["basic_auth_pass"]) == ("BASIC_AUTH", "pass-word")


def test_connecting_twice_mends_what_is_there() -> None:
    there = MemoryLabelStudio()
    connect(there, 7, ACCESS)  # type: ignore[arg-type]
    there.webhooks[0]["headers"] = {}
    connect(there, 7, ACCESS)  # type: ignore[arg-type]
    assert (len(there.backends), len(there.webhooks)) == (1, 1)
    assert there.webhooks[0]["headers"] == {"X-Docloop-Secret": "hook-secret"}


def test_a_refused_backend_is_not_left_half_made() -> None:
    there = MemoryLabelStudio(refuses=True)
    with pytest.raises(LabelStudioError):
        connect(there, 7, ACCESS)  # type: ignore[arg-type]
    assert there.backends == []


def test_the_passwords_are_not_printed() -> None:
    assert "pass-word" not in repr(ACCESS)
    assert "hook-secret" not in repr(ACCESS)
