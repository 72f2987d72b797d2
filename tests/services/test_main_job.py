"""The main job against a real Label Studio: documents go in, pre-annotations appear on the annotator's page.

One project is followed from its creation by docloop's own commands; the tests build on it, each looks at one thing.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from editor import draw_box, expect_regions, open_task
from PIL import Image, ImageColor
from playwright.sync_api import BrowserContext, expect
from running_docloop import RunningDocloop, running_docloop
from running_label_studio import RunningLabelStudio
from waiting import until

from builders import png
from docloop.demo.samples import Sample, render_samples
from docloop.presets import load_interface_xml
from ml_backend.connect import ensure_view
from ml_backend.label_studio.client import LabelStudio
from ml_backend.models.keyword_baseline import KeywordBaseline
from ml_backend.services import read_interface

VERSION = f"{KeywordBaseline().version}.{read_interface(load_interface_xml('receipt')).fingerprint}"
COLOURS = dict(re.findall(r'<Label value="(\w+)" background="(#\w+)"', load_interface_xml("receipt")))


@pytest.fixture(scope="module")
def docloop(label_studio: RunningLabelStudio, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDocloop]:
    with running_docloop(label_studio, tmp_path_factory.mktemp("docloop")) as running:
        yield running


@pytest.fixture(scope="module")
def api(label_studio: RunningLabelStudio) -> Iterator[httpx.Client]:
    with label_studio.client() as client:
        yield client


@dataclass
class Receipts:
    """A project with sample receipts, imported and pushed by docloop's commands."""

    project: int
    samples: list[Sample]
    folder: Path
    imported: str
    pushed: str


@pytest.fixture(scope="module")
def receipts(docloop: RunningDocloop, api: httpx.Client, tmp_path_factory: pytest.TempPathFactory) -> Receipts:
    folder = tmp_path_factory.mktemp("receipts")
    samples = list(render_samples(4))
    for sample in samples:
        (folder / sample.name).write_bytes(sample.png)
    docloop.run("create", "Main job", "--interface", "receipt")
    project = project_called("Main job", api)
    imported = docloop.run("import", str(folder), "--project", str(project))
    pushed = docloop.run("push", "--project", str(project))
    return Receipts(project, samples, folder, imported, pushed)


def project_called(title: str, api: httpx.Client) -> int:
    found = [p["id"] for p in api.get("/api/projects/").json()["results"] if p["title"] == title]
    assert len(found) == 1
    return int(found[0])


def tasks_of(project: int, api: httpx.Client) -> list[dict[str, Any]]:
    answer = api.get(
        "/api/tasks", params={"project": project, "fields": "all", "page_size": 100, "resolve_uri": "false"}
    )
    return list(answer.raise_for_status().json()["tasks"])


def test_every_receipt_has_one_prediction_with_text_and_box_under_one_id(receipts: Receipts, api: httpx.Client) -> None:
    assert "4 imported, 0 there already, 0 failed" in receipts.imported
    assert "4 pushed, 0 up to date, 0 failed; 4 tasks" in receipts.pushed
    for task in tasks_of(receipts.project, api):
        (stored,) = task["predictions"]
        assert stored["model_version"] == VERSION
        assert 0 <= stored["score"] <= 1
        boxes = {r["id"]: r["value"] for r in stored["result"] if r["type"] == "rectanglelabels"}
        texts = {r["id"]: r["value"] for r in stored["result"] if r["type"] == "textarea"}
        assert boxes.keys() == texts.keys()
        assert len(boxes) >= 3
        for identity, box in boxes.items():
            assert {key: box[key] for key in ("x", "y", "width", "height")} == {
                key: texts[identity][key] for key in ("x", "y", "width", "height")
            }
            assert texts[identity]["text"][0].strip()


def test_most_totals_and_dates_of_the_samples_are_right(receipts: Receipts, api: httpx.Client) -> None:
    right = 0
    truth = {sample.name: sample.truth for sample in receipts.samples}
    for task in tasks_of(receipts.project, api):
        found = fields_of(task["predictions"][0]["result"])
        wanted = truth[task["data"]["filename"]]
        right += sum(found.get(label) == wanted[label] for label in ("total", "date"))
    assert right >= 5, f"{right} of 8"


def fields_of(result: list[dict[str, Any]]) -> dict[str, str]:
    """The text of each label, in the order of the regions."""
    labels = {r["id"]: r["value"]["rectanglelabels"][0] for r in result if r["type"] == "rectanglelabels"}
    return {labels[r["id"]]: r["value"]["text"][0] for r in result if r["type"] == "textarea"}


def test_label_studio_serves_the_stored_version_the_least_certain_first(receipts: Receipts, api: httpx.Client) -> None:
    project = api.get(f"/api/projects/{receipts.project}/").json()
    assert (project["model_version"], project["sampling"]) == (VERSION, "Uncertainty sampling")
    scores = {task["id"]: task["predictions"][0]["score"] for task in tasks_of(receipts.project, api)}
    first = api.get(f"/api/projects/{receipts.project}/next").json()
    assert scores[first["id"]] == min(scores.values())


def test_the_fallback_where_the_sampling_is_refused_is_a_view_in_the_same_order(
    receipts: Receipts, label_studio: RunningLabelStudio, api: httpx.Client
) -> None:
    client = LabelStudio(label_studio.url, label_studio.token)
    for _ in range(2):
        ensure_view(client, receipts.project)
    client.close()
    views = api.get("/api/dm/views/", params={"project": receipts.project}).json()
    (ours,) = [view for view in views if view["data"]["title"] == "Hardest first"]
    shown = api.get("/api/tasks", params={"view": ours["id"], "fields": "all", "page_size": 100}).json()["tasks"]
    scores = [task["predictions_score"] for task in shown]
    assert len(scores) == 4
    assert scores == sorted(scores)


def test_an_access_token_that_label_studio_refuses_is_renewed(
    receipts: Receipts, label_studio: RunningLabelStudio
) -> None:
    """As one that ended while the request waited there."""
    client = LabelStudio(label_studio.url, label_studio.token)
    first = client.authorization()
    client._token._tokens._access_token = first.removeprefix("Bearer ")[:-4] + "AAAA"  # by our clock it is good
    assert client.authorization() != first
    assert client.project(receipts.project).id == receipts.project
    client.close()


def test_importing_and_pushing_again_changes_nothing(receipts: Receipts, docloop: RunningDocloop) -> None:
    again = docloop.run("import", str(receipts.folder), "--project", str(receipts.project))
    assert "0 imported, 4 there already, 0 failed" in again
    assert "0 pushed, 4 up to date" in docloop.run("push", "--project", str(receipts.project))


def test_boxes_labels_and_texts_are_on_the_annotators_screen(
    receipts: Receipts, api: httpx.Client, browser: BrowserContext
) -> None:
    task = tasks_of(receipts.project, api)[0]
    page = open_task(browser, receipts.project, task["id"])
    expect_regions(page, fields_of(task["predictions"][0]["result"]).items())
    picture = Image.open(io.BytesIO(page.locator(".konvajs-content").first.screenshot())).convert("RGB")
    page.close()
    for label in fields_of(task["predictions"][0]["result"]):
        assert pixels_of(picture, COLOURS[label]) > 40, f"no box of {label} is drawn"


def pixels_of(picture: Image.Image, colour: str) -> int:
    """How many pixels are nearly of this colour."""
    wanted = ImageColor.getrgb(colour)
    colours = picture.getcolors(picture.width * picture.height) or []
    return sum(n for n, rgb in colours if max(abs(a - b) for a, b in zip(rgb, wanted, strict=False)) < 24)


def test_connecting_makes_a_guarded_backend_and_webhook_and_keeps_the_version(
    receipts: Receipts, docloop: RunningDocloop, api: httpx.Client
) -> None:
    for _ in range(2):  # repeating changes nothing
        assert "is connected" in docloop.run("connect", "--project", str(receipts.project))
    (backend,) = api.get("/api/ml", params={"project": receipts.project}).json()
    (webhook,) = api.get("/api/webhooks/", params={"project": receipts.project}).json()
    assert (backend["url"], backend["readable_state"], backend["auth_method"], backend["is_interactive"]) == (
        docloop.url,
        "Connected",
        "BASIC_AUTH",
        True,
    )
    assert (webhook["url"], webhook["headers"]) == (
        f"{docloop.url}/webhook",
        {"X-Docloop-Secret": docloop.credentials.webhook_secret},
    )
    assert api.get(f"/api/projects/{receipts.project}/").json()["model_version"] == VERSION


def test_a_document_uploaded_by_anybody_is_predicted_in_advance(
    receipts: Receipts, docloop: RunningDocloop, api: httpx.Client
) -> None:
    docloop.run("connect", "--project", str(receipts.project))
    before = {task["id"] for task in tasks_of(receipts.project, api)}
    upload = {"file": ("new.png", png("TOTAL 47.11", (400, 120)), "image/png")}
    api.post(f"/api/projects/{receipts.project}/import", files=upload).raise_for_status()

    def new_prediction() -> Any:
        return [t["predictions"] for t in tasks_of(receipts.project, api) if t["id"] not in before and t["predictions"]]

    ((prediction,),) = until(new_prediction, 60, "a prediction for the uploaded document")
    assert fields_of(prediction["result"])["total"] == "47.11"
    assert prediction["model_version"] == VERSION


def test_a_drawn_box_is_read_and_keeps_its_label(
    receipts: Receipts, docloop: RunningDocloop, api: httpx.Client
) -> None:
    docloop.run("connect", "--project", str(receipts.project))
    (backend,) = api.get("/api/ml", params={"project": receipts.project}).json()
    task = next(t for t in tasks_of(receipts.project, api) if t["data"].get("filename") == receipts.samples[0].name)
    place = receipts.samples[0].boxes["total"]
    drawn = {
        "id": "drawn",
        "from_name": "label",
        "to_name": "image",
        "type": "rectanglelabels",
        "origin": "manual",
        "image_rotation": 0,
        "original_width": 100,
        "original_height": 100,
        "value": {
            "x": place.left * 100 - 0.5,
            "y": place.top * 100 - 0.5,
            "width": place.width * 100 + 1,
            "height": place.height * 100 + 1,
            "rotation": 0,
            "rectanglelabels": ["total"],
        },
    }
    body = {"task": task["id"], "context": {"result": [drawn]}}
    answer = api.post(f"/api/ml/{backend['id']}/interactive-annotating", json=body).raise_for_status().json()
    result = answer["data"]["result"]
    assert [r["type"] for r in result] == ["rectanglelabels", "textarea"]
    assert len({r["id"] for r in result}) == 1
    assert result[0]["value"]["rectanglelabels"] == ["total"]
    assert receipts.samples[0].truth["total"] in result[1]["value"]["text"][0]


def test_a_box_drawn_in_the_editor_with_auto_annotation_is_read(
    receipts: Receipts, docloop: RunningDocloop, api: httpx.Client, browser: BrowserContext
) -> None:
    """As the README tells annotators: switch it on, click a label, key M for the pink tool, draw, accept with the green tick."""
    docloop.run("connect", "--project", str(receipts.project))
    sample = receipts.samples[0]
    task = next(t for t in tasks_of(receipts.project, api) if t["data"].get("filename") == sample.name)
    page = open_task(browser, receipts.project, task["id"])
    rows = page.get_by_role("treeitem")
    expect(rows.first).to_be_visible()
    before = rows.count()
    page.get_by_text("Auto-Annotation", exact=True).click()
    page.locator(".lsf-label").filter(has_text="date").click()
    page.keyboard.press("m")
    draw_box(page, Image.open(io.BytesIO(sample.png)).size, sample.boxes["date"])
    page.get_by_text("1 suggestions").wait_for()
    page.get_by_test_id("bottombar-accept-suggestions-button").click()
    expect(rows).to_have_count(before + 1)
    expect(rows.last).to_contain_text("date")
    expect(rows.last.get_by_role("textbox")).to_have_value(sample.truth["date"])
    page.close()


def test_a_batch_with_a_broken_image_keeps_the_others(docloop: RunningDocloop, api: httpx.Client) -> None:
    """Through Label Studio's own button Retrieve Predictions, which asks for all tasks in one request."""
    docloop.run("create", "Broken batch")
    project = project_called("Broken batch", api)
    for name, data in (("good1.png", png("TOTAL 1.50")), ("good2.png", png("TOTAL 2.50"))):
        api.post(f"/api/projects/{project}/import", files={"file": (name, data, "image/png")}).raise_for_status()
    broken = [
        {"image": "/data/upload/0/missing.png"},
        {"image": "http://127.0.0.1:9/x.png"},
        {"image": "file:///etc/passwd"},
    ]
    api.post(f"/api/projects/{project}/import", json=broken).raise_for_status()
    credentials = docloop.credentials
    backend = {
        "project": project,
        "url": docloop.url,
        "title": "by hand",
        "auth_method": "BASIC_AUTH",
        "basic_auth_user": credentials.user,
        "basic_auth_pass": credentials.password,
    }
    api.post("/api/ml", json=backend).raise_for_status()
    ids = [task["id"] for task in tasks_of(project, api)]
    action = {"selectedItems": {"all": False, "included": ids}}
    api.post(
        "/api/dm/actions", params={"id": "retrieve_tasks_predictions", "project": project}, json=action
    ).raise_for_status()
    stored = {task["data"]["image"].rpartition("-")[2]: len(task["predictions"]) for task in tasks_of(project, api)}
    assert (stored.pop("good1.png"), stored.pop("good2.png")) == (1, 1)
    assert set(stored.values()) == {0}


def test_start_training_with_nothing_to_learn_from_is_answered_with_the_reason(
    receipts: Receipts, docloop: RunningDocloop, api: httpx.Client
) -> None:
    docloop.run("connect", "--project", str(receipts.project))
    (backend,) = api.get("/api/ml", params={"project": receipts.project}).json()
    api.post(f"/api/ml/{backend['id']}/train", json={}).raise_for_status()
    said = until(
        lambda: (
            "at least 5 are needed" in (shown := docloop.run("status", "--project", str(receipts.project))) and shown
        ),
        60,
        "the answer",
    )
    assert "Label Studio's button asked to train, with 0 confirmed documents" in said


def test_an_interface_that_cannot_be_served_is_refused_with_words_the_admin_can_read(
    docloop: RunningDocloop, api: httpx.Client
) -> None:
    config = '<View><Pdf name="pdf" value="$pdf"/><Choices name="c" toName="pdf"><Choice value="x"/></Choices></View>'
    project = api.post("/api/projects/", json={"title": "PDF project", "label_config": config}).json()["id"]
    said = docloop.run("connect", "--project", str(project), status=2)
    assert "<Pdf>" in said
    assert "valueList" in said
    assert api.get("/api/ml", params={"project": project}).json() == []
