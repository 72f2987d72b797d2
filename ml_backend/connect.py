"""Make docloop the ML backend of a project in Label Studio: webhook first, then the backend, then a look at what came of it.

The order matters. The webhook that Label Studio makes for a backend carries no credential, and it makes none if one with the same
URL exists: so ours, with its secret, comes first. Connecting sets the project's model version to the backend's *title*, which
quietly makes the order of tasks random: a version that was there before is set back.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from ml_backend.credentials import WEBHOOK_HEADER, Credentials
from ml_backend.errors import LabelStudioError
from ml_backend.jobs.hints import Hints
from ml_backend.label_studio.client import OPEN, UNCERTAINTY, LabelStudio, Project

TITLE = "docloop"
VIEW = "Hardest first"


@dataclass(frozen=True, slots=True)
class BackendAccess:
    """How Label Studio reaches docloop: its address as seen from Label Studio, and what to show at the door."""

    url: str
    user: str
    password: str
    webhook_secret: str

    @classmethod
    def of(cls, url: str, secrets: Credentials) -> BackendAccess:
        """The access with the secrets of this installation."""
        return cls(url.rstrip("/"), secrets.user, secrets.password, secrets.webhook_secret)

    def __repr__(self) -> str:
        return f"BackendAccess(url={self.url!r}, user={self.user!r}, password=***, webhook_secret=***)"


@dataclass(frozen=True, slots=True)
class Connected:
    """A project that docloop follows from now on; ``order`` is what the admin should know of the order of its tasks, or empty."""

    project: Project
    order: str


def follow(label_studio: LabelStudio, project_id: int, access: BackendAccess | None, hints: Hints) -> Connected:
    """Connect a project, or without ``access`` follow it by polling alone; have it served in order, and looked at now.

    Raises:
        LabelStudioError: as ``connect``.
    """
    project = connect(label_studio, project_id, access) if access else label_studio.project(project_id)
    order = ensure_sampling(label_studio, project_id)
    hints.leave(project_id)
    return Connected(project, order)


def connect(label_studio: LabelStudio, project_id: int, access: BackendAccess) -> Project:
    """Connect, or mend a connection that is there. Safe to repeat.

    Raises:
        LabelStudioError: what Label Studio refused, and the fix; a half-made backend is taken away again.
    """
    before = label_studio.project(project_id)
    _ensure_webhook(label_studio, project_id, access)
    _ensure_backend(label_studio, project_id, access)
    after = label_studio.project(project_id)
    if before.model_version not in ("", TITLE, after.model_version):
        label_studio.set_model_version(project_id, before.model_version)
        after = label_studio.project(project_id)
    return after


def ensure_sampling(label_studio: LabelStudio, project_id: int) -> str:
    """Make Label Studio serve the lowest score first. What the admin should know of it, or empty.

    A Label Studio that refuses the setting, or answers as if it had taken it and did not, gets a view "Hardest first" instead.
    """
    path = f"api/projects/{project_id}/"
    try:
        label_studio.call("PATCH", path, body={"sampling": UNCERTAINTY})
        if label_studio.call("GET", path).get("sampling") == UNCERTAINTY:
            return ""
    except LabelStudioError:
        pass  # the view does as well
    ensure_view(label_studio, project_id)
    return (
        f"Label Studio did not take the sampling “{UNCERTAINTY}”. As a fallback there is a Data Manager tab “{VIEW}”, ordered by"
        " score: choose it and press Label Tasks As Displayed. With it two annotators may be given the same task."
    )


def ensure_view(label_studio: LabelStudio, project_id: int) -> None:
    """A tab of the Data Manager with the open tasks, the lowest score first; made once."""
    there = label_studio.call("GET", "api/dm/views/", project=project_id)
    if any((view.get("data") or {}).get("title") == VIEW for view in there):
        return
    data = {
        "title": VIEW,
        "type": "list",
        "target": "tasks",
        "ordering": ["tasks:predictions_score"],
        "filters": {"conjunction": "and", "items": [OPEN]},
    }
    label_studio.call("POST", "api/dm/views/", body={"project": project_id, "data": data})


def _ensure_webhook(label_studio: LabelStudio, project_id: int, access: BackendAccess) -> None:
    body = {
        "project": project_id,
        "url": f"{access.url}/webhook",
        "send_payload": True,
        "send_for_all_actions": True,
        "headers": {WEBHOOK_HEADER: access.webhook_secret},
        "is_active": True,
    }
    there = [
        hook for hook in label_studio.call("GET", "api/webhooks/", project=project_id) if hook["url"] == body["url"]
    ]
    if there:
        label_studio.call("PATCH", f"api/webhooks/{there[0]['id']}/", body=body)
    else:
        label_studio.call("POST", "api/webhooks/", body=body)


def _ensure_backend(label_studio: LabelStudio, project_id: int, access: BackendAccess) -> None:
    body: dict[str, Any] = {
        "project": project_id,
        "url": access.url,
        "title": TITLE,
        "is_interactive": True,
        "auth_method": "BASIC_AUTH",
        "basic_auth_user": access.user,
        "basic_auth_pass": access.password,
    }
    there = _backends(label_studio, project_id, access.url)
    if there:
        # Label Studio breaks on a PATCH without URL and project, and forgets the password without user and password.
        label_studio.call("PATCH", f"api/ml/{there[0]}", body=body)
        return
    try:
        label_studio.call("POST", "api/ml", body=body)
    except LabelStudioError:
        with suppress(LabelStudioError):  # the refusal says more than a failure to clean up after it
            for half_made in _backends(label_studio, project_id, access.url):
                label_studio.call("DELETE", f"api/ml/{half_made}")
        raise


def _backends(label_studio: LabelStudio, project_id: int, url: str) -> list[int]:
    return [
        int(backend["id"])
        for backend in label_studio.call("GET", "api/ml", project=project_id)
        if backend["url"].rstrip("/") == url.rstrip("/")
    ]
