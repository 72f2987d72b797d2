"""The trained model as a service: whatever a document comes in, its fields go out, and nothing of it stays."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from flask.testing import FlaskClient
from hostile.file_table import FILES, LIMITS
from hostile.forbidden_places import ROWS, World, opened_world
from PIL import Image
from waiting import until

from builders import png, word
from ml_backend.applications.parsing import AT_ONCE, Parsing
from ml_backend.errors import DocloopError
from ml_backend.file_names import is_url
from ml_backend.ocr.fake import FakeEngine
from ml_backend.presets import preset_xml
from ml_backend.services import LabelStudioAccess, Services
from ml_backend.settings import Settings
from ml_backend.web.app import create_app
from ml_backend.web.refusals import status_of

RECEIPT = "/api/v1/parse?interface=receipt"
CANARY = "CANARY-4711"


def form(data: bytes, name: str = "a.png") -> dict[str, Any]:
    return {"file": (io.BytesIO(data), name)}


def test_a_form_a_body_and_a_preset_by_name_give_the_same_fields(client: FlaskClient, services: Services) -> None:
    first = client.post(RECEIPT, data=form(png("A")))
    assert first.status_code == 200, first.data
    said = first.get_json()
    (total,) = [field for field in said["fields"] if field["label"] == "total"]
    assert (total["text"], total["value"], total["page"], total["box"]) == ("12.50", "12.50", 0, [0.3, 0.5, 0.4, 0.52])
    assert (said["engines"], said["pages"][0]["width"], said["pages"][0]["words"]) == (["fake"], 300, None)
    assert said["model_version"].startswith("keywords-")
    for kind in ("image/png", "application/octet-stream", "application/pdf"):
        again = client.post(RECEIPT, data=png("A"), content_type=kind).get_json()
        assert again["fields"] == said["fields"], kind


def test_a_projects_own_version_answers_and_words_come_if_they_are_wanted(
    client: FlaskClient, followed: Services
) -> None:
    said = client.post("/api/v1/parse?project=7&words=true", data=form(png("A"))).get_json()
    assert said["model_version"] == followed.version(*followed_config(followed))
    assert [word["text"] for word in said["pages"][0]["words"]] == ["TOTAL", "12.50"]


def followed_config(services: Services) -> tuple[str, str]:
    project = services.store.projects.by_number(7)
    assert project is not None
    return project.label_config, project.uid


def test_all_pages_of_a_file_are_read(client: FlaskClient) -> None:
    first, second = (Image.new("RGB", (60, 90), colour) for colour in ("white", "grey"))
    buffer = io.BytesIO()
    first.save(buffer, "TIFF", save_all=True, append_images=[second])
    said = client.post(RECEIPT, data=buffer.getvalue(), content_type="image/tiff").get_json()
    assert len(said["pages"]) == 2
    assert {field["page"] for field in said["fields"]} <= {0, 1}


def test_nothing_of_a_document_is_kept(client: FlaskClient, services: Services, engine: FakeEngine) -> None:
    engine._answer = lambda image: [word(CANARY)]
    for _ in range(2):
        said = client.post(f"{RECEIPT}&words=true", data=form(png("A"), f"{CANARY}.png"))
        assert CANARY.encode() in said.data
    assert engine.calls == 2  # no cache has it
    held = [path for path in services.settings.data_dir.rglob("*") if path.is_file()]
    assert [path for path in held if CANARY.encode() in path.read_bytes() or CANARY in path.name] == []
    assert not any("ocr" in path.relative_to(services.settings.data_dir).parts for path in held)


def test_who_is_to_read_it_is_said_once(client: FlaskClient, followed: Services) -> None:
    for query in ("", "?project=7&interface=receipt"):
        refused = client.post(f"/api/v1/parse{query}", data=form(png("A")))
        assert (refused.status_code, refused.get_json()["faults"][0]["where"]) == (400, "query.project")
    for query, code in (("project=8", "project_unknown"), ("interface=nonsense", "interface_unknown")):
        refused = client.post(f"/api/v1/parse?{query}", data=form(png("A")))
        assert (refused.status_code, refused.get_json()["code"]) == (404, code)


@pytest.mark.slow
def test_hostile_files_are_refused_with_their_reason_and_the_next_good_one_is_read(
    client: FlaskClient, services: Services
) -> None:
    services.loader.limits = LIMITS
    for name, data, expected in FILES:
        answer = client.post(RECEIPT, data=data(), content_type="image/png")
        if expected == "page" or " pages" in expected:
            assert answer.status_code == 200, (name, answer.data)
        else:
            assert (answer.status_code, answer.get_json()["code"]) in ((422, expected), (413, expected)), name
    assert client.post(RECEIPT, data=form(png("good"))).status_code == 200


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    with opened_world() as servers:
        monkeypatch.setattr(LabelStudioAccess, "authorization", lambda self: servers.token())
        yield servers


def test_no_url_leads_where_it_must_not_and_docloops_token_stays_at_home(
    world: World, settings: Settings, services: Services
) -> None:
    """Not even Label Studio is shown it: whoever may only read would have docloop open the documents of all projects."""
    there = {
        "label_studio_url": f"http://{world.label_studio.authority}",
        "allowed_hosts": ("files.example.org", world.listed.authority),
    }
    services.settings = settings.model_copy(update=there)
    client = create_app(services).test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = "Bearer test-token"
    urls = [(world.fill(url), code) for url, code in ROWS if is_url(world.fill(url))]
    assert len(urls) > 50
    for url, code in urls:
        refused = client.post(RECEIPT, json={"url": url})
        # A URL with a space or a control character is refused as no URL at all.
        assert refused.status_code in (400, 422), url
        assert refused.get_json()["code"] in (code, "request_bad"), url
    assert (world.connected, world.tokens_asked, world.canary.touched) == ([], 0, [])
    client.post(RECEIPT, json={"url": f"http://{world.label_studio.authority}/data/upload/1/a.png"})
    assert [asked.authorization for asked in world.label_studio.asked] == [None]
    for url in ("/data/upload/1/a.png", "s3://bucket/a.png", "data:image/png;base64,AAAA", "file:///etc/passwd"):
        assert client.post(RECEIPT, json={"url": url}).status_code == 400, url


def test_a_document_that_takes_too_long_is_given_up_and_holds_its_place_until_it_ends(services: Services) -> None:
    services.settings = services.settings.model_copy(update={"predict_budget": 0.01})
    parsing, go, interface = Parsing(services), threading.Event(), services.interface(preset_xml("receipt"))

    def slow() -> bytes:
        assert go.wait(30)
        return png("A")

    def refused() -> tuple[str, int]:
        try:
            parsing.parse(slow, interface)
        except DocloopError as error:
            return error.code, status_of(error)
        return "", 200

    try:
        assert [refused() for _ in range(AT_ONCE)] == [("parse_late", 503)] * AT_ONCE
        assert refused() == ("parse_busy", 503)
    finally:
        go.set()
    until(lambda: refused()[0] != "parse_busy")


def test_a_file_that_is_too_large_is_a_413(client: FlaskClient, services: Services) -> None:
    services.loader.limits = LIMITS
    large = client.post(RECEIPT, data=b"\x89PNG" + bytes(LIMITS.bytes), content_type="image/png")
    assert (large.status_code, large.get_json()["code"]) == (413, "image_too_large_bytes")
    huge = client.post(RECEIPT, data=bytes(33 * 1024 * 1024), content_type="image/png")
    assert (huge.status_code, huge.content_type) == (413, "application/problem+json")
