"""Connecting to a Label Studio with its default protection, which refuses backends on private addresses."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest
from running_label_studio import RunningLabelStudio, free_port

from docloop.label_studio_login import stored_login
from docloop.label_studio_server import LabelStudioServer
from docloop.presets import load_interface_xml
from ml_backend.connect import BackendAccess, connect
from ml_backend.errors import LabelStudioError
from ml_backend.label_studio.client import LabelStudio
from ml_backend.label_studio.refusals import PRIVATE_ADDRESSES_FIX

ACCESS = BackendAccess("http://localhost:9", "docloop", "p", "s")


def test_the_refusal_names_the_settings_and_leaves_nothing_half_made(
    label_studio_environment: Path, tmp_path: Path
) -> None:
    """The token is a legacy one here, which this Label Studio was told to take."""
    settings = {
        "USE_DEFAULT_BANNED_SUBNETS": "true",
        "LABEL_STUDIO_ENABLE_LEGACY_API_TOKEN": "true",
        "LABEL_STUDIO_USER_TOKEN": "legacy-token-1",
    }
    login = stored_login(tmp_path)
    with LabelStudioServer(label_studio_environment, tmp_path, login, free_port(), extra=settings) as server:
        refused = refusal(server.url, "legacy-token-1")
    assert (refused.code, refused.fix) == ("label_studio_blocks_address", PRIVATE_ADDRESSES_FIX)


def test_a_backend_that_does_not_answer_is_explained(label_studio: RunningLabelStudio) -> None:
    assert refusal(label_studio.url, label_studio.token).code == "label_studio_cannot_reach_backend"


def refusal(url: str, token: str) -> LabelStudioError:
    """What connecting a new project answers; no backend may be left behind."""
    with closing(LabelStudio(url, token)) as client:
        project = client.create_project("Refused", load_interface_xml("receipt"))
        with pytest.raises(LabelStudioError) as caught:
            connect(client, project.id, ACCESS)
        assert client.call("GET", "api/ml", project=project.id) == []
    return caught.value
