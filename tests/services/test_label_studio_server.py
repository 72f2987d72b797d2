"""Starting, resuming and using a real Label Studio as docloop sets it up."""

from __future__ import annotations

import http.server
import re
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import BrowserContext, expect
from running_label_studio import RunningLabelStudio, free_port

from docloop.label_studio_login import Login, personal_access_token
from docloop.label_studio_server import LabelStudioServer
from ml_backend.errors import SetupError

CONFIG = """\
<View>
  <Image name="image" value="$image"/>
  <RectangleLabels name="label" toName="image"><Label value="total"/></RectangleLabels>
</View>
"""


class Backend(http.server.BaseHTTPRequestHandler):
    """The least that Label Studio takes for an ML backend."""

    def do_GET(self) -> None:
        self._answer(b"{}")

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self._answer(b'{"model_version": "v1"}')

    def _answer(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def backend_url() -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Backend)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://localhost:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_the_personal_access_token_opens_the_api(label_studio: RunningLabelStudio) -> None:
    with label_studio.client() as api:
        assert api.get("/api/projects/").raise_for_status().json().keys() >= {"count", "results"}
        assert api.get("/api/current-user/whoami").json()["email"] == label_studio.login.username


def test_the_token_is_kept_while_it_works(label_studio: RunningLabelStudio) -> None:
    again = personal_access_token(label_studio.url, label_studio.login, label_studio.data_dir)
    assert again == label_studio.token


def test_a_wrong_password_is_told_apart(label_studio: RunningLabelStudio, tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=r"does not accept the password of demo@example\.com") as caught:
        personal_access_token(label_studio.url, Login(label_studio.login.username, "wrong"), tmp_path)
    assert caught.value.code == "label_studio_login_refused"


def test_it_is_closed_to_strangers_and_to_legacy_tokens(label_studio: RunningLabelStudio) -> None:
    with label_studio.client() as api:
        assert api.get("/api/jwt/settings").json()["legacy_api_tokens_enabled"] is False
        legacy = api.get("/api/current-user/token").json()["token"]
    assert httpx.get(f"{label_studio.url}/api/projects/").status_code == 401
    assert (
        httpx.get(f"{label_studio.url}/api/projects/", headers={"Authorization": f"Token {legacy}"}).status_code == 401
    )
    with httpx.Client(base_url=label_studio.url) as stranger:
        stranger.get("/user/signup/")
        form = {
            "email": "stranger@example.com",
            "password": "long-enough-1",
            "csrfmiddlewaretoken": stranger.cookies["csrftoken"],
        }
        assert stranger.post("/user/signup/", data=form).status_code == 403


def test_a_backend_on_this_machine_may_be_connected_and_gets_its_webhook(
    label_studio: RunningLabelStudio, backend_url: str
) -> None:
    with label_studio.client() as api:
        project = (
            api.post("/api/projects/", json={"title": "connect", "label_config": CONFIG})
            .raise_for_status()
            .json()["id"]
        )
        connected = api.post("/api/ml/", json={"project": project, "url": backend_url, "title": "docloop"})
        hooks = api.get("/api/webhooks/", params={"project": project}).json()
    assert (connected.status_code, connected.json()["state"]) == (201, "CO")
    assert [hook["url"] for hook in hooks] == [f"{backend_url}/webhook"]


def test_the_browser_is_logged_in(browser: BrowserContext, label_studio: RunningLabelStudio) -> None:
    page = browser.new_page()
    page.goto("/projects")
    expect(page).to_have_url(re.compile(r"/projects(\?page=1)?$"))
    expect(page.get_by_role("img", name=label_studio.login.username).first).to_be_visible()  # names ignore case
    page.close()


def test_it_resumes_with_its_data_and_token_and_replaces_a_token_that_was_lost(
    label_studio: RunningLabelStudio, label_studio_environment: Path, tmp_path: Path
) -> None:
    with label_studio.client() as api:
        api.post("/api/projects/", json={"title": "kept", "label_config": CONFIG}).raise_for_status()
    data_dir = shutil.copytree(label_studio.data_dir, tmp_path / "data")  # the shared one must run on
    said: list[str] = []
    with LabelStudioServer(label_studio_environment, data_dir, label_studio.login, free_port(), said.append) as server:
        resumed = RunningLabelStudio(server.url, server.login, label_studio.token, data_dir)
        assert personal_access_token(server.url, server.login, data_dir) == label_studio.token
        with resumed.client() as api:
            assert "kept" in [project["title"] for project in api.get("/api/projects/").json()["results"]]
        (data_dir / "label-studio-token").unlink()
        assert personal_access_token(server.url, server.login, data_dir) != label_studio.token
        assert httpx.post(f"{server.url}/api/token/refresh/", json={"refresh": label_studio.token}).status_code == 401
    assert said[0] == "Label Studio starts: 0 s"
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{server.url}/health")
