"""Connecting to a Label Studio with its default protection, which refuses backends on private addresses."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest
from running_label_studio import RunningLabelStudio, free_port

from docloop.label_studio_login import personal_access_token, stored_login
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
    login = stored_login(tmp_path)
    protected = {"USE_DEFAULT_BANNED_SUBNETS": "true"}
    with LabelStudioServer(label_studio_environment, tmp_path, login, free_port(), extra=protected) as server:
        token = personal_access_token(server.url, login, tmp_path)
        refused = refusal(server.url, token)
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
