"""Ground truth from elsewhere in the real Label Studio: regions are there, marked as ground truth, and the loop takes them."""

from __future__ import annotations

import hashlib
import json
import time
from pathlib import Path
from typing import Any

from running_label_studio import RunningLabelStudio

from builders import interface_xml, png, word
from docloop.import_files import Import
from docloop.import_truth import TruthImport, TruthReport
from ml_backend.document.fields import Field
from ml_backend.document.geometry import Box
from ml_backend.images.pages import content_of
from ml_backend.imports.formats import find
from ml_backend.label_studio.results import from_results
from ml_backend.ocr.fake import FakeEngine
from ml_backend.services import Services, build_services
from ml_backend.settings import load_settings
from training.look import look
from training.pauses import Pauses

TOTAL = Field("total", "12.50", Box(0.1, 0.25, 0.5, 0.5))


def take(services: Services, path: Path, project: int) -> TruthReport:
    reader, folder, files = find(path)
    client = services.access.client()
    shown = services.interface(client.project(project).label_config)
    into = Import(client, services.loader, lambda url: services.predictor.fetch(url, 0), project, shown)
    uid = client.project(project).uid
    contents = {one.content: one.task_id for one in services.store.documents.each(uid) if one.content}
    report = TruthReport()
    rows = [row for name in files for row in reader.rows(folder, name)]
    TruthImport(into, reader, folder, {}, contents).run(rows, report, lambda: None)
    return report


def test_imported_truth_shows_up_with_its_regions_and_becomes_samples(
    label_studio: RunningLabelStudio, tmp_path: Path
) -> None:
    """One document is new, one is there by its file, one by its pixels alone."""
    settings = load_settings(
        {"DOCLOOP_LABEL_STUDIO_URL": label_studio.url, "DOCLOOP_LABEL_STUDIO_TOKEN": label_studio.token},
        data_dir=tmp_path / "docloop",
    )
    services = build_services(settings, engine=FakeEngine([word("12.50", 0.1, 0.25, 0.5, 0.5)]))
    try:
        client = services.access.client()
        project = client.create_project("Truth", interface_xml("total", "date")).id
        url = {name: client.upload(project, f"{name}.png", png(name), "image/png") for name in "bc"}
        sha256 = hashlib.sha256(png("b")).hexdigest()
        b, c = client.import_tasks(
            project, [{"data": {"image": url["b"], "sha256": sha256}}, {"data": {"image": url["c"]}}]
        )
        look(services, project, Pauses(time.monotonic))
        uid = client.project(project).uid
        (of_c,) = [one.id for one in services.store.documents.each(uid) if one.task_id == c]
        content = content_of([page.digest for page in services.loader.pages(png("c"))])
        services.store.documents.set_content(of_c, content)
        funsd, lines = tmp_path / "funsd", tmp_path / "lines"
        for folder in (funsd / "annotations", funsd / "images", lines):
            folder.mkdir(parents=True)
        for name in "ab":
            form = {"form": [{"label": "total", "text": "12.50", "box": [30, 20, 150, 40]}]}
            (funsd / "annotations" / f"{name}.json").write_text(json.dumps(form))
            (funsd / "images" / f"{name}.png").write_bytes(png(name))
        place = {"page": 0, "left": 0.1, "top": 0.25, "right": 0.5, "bottom": 0.5}
        line: dict[str, Any] = {"filename": "c.png", "image_sha256": content, "approved": True}
        line["final_result"] = [{"label": "total", "text": "12.50", "place": place}]
        (lines / "truth.jsonl").write_text(json.dumps(line))

        for path, report in ((funsd, TruthReport(1, 1)), (lines, TruthReport(0, 1))):
            assert take(services, path, project) == report
        again = take(services, funsd, project), take(services, lines, project)
        assert again == (TruthReport(skipped=2), TruthReport(skipped=1))

        with label_studio.client() as api:
            asked = {"project": project, "fields": "all", "resolve_uri": "false"}
            tasks = api.get("/api/tasks", params=asked).raise_for_status().json()["tasks"]
        assert {b, c} < {task["id"] for task in tasks}
        assert len(tasks) == 3
        for task in tasks:
            (annotation,) = task["annotations"]
            assert (annotation["ground_truth"], annotation["was_cancelled"]) == (True, False)
            assert annotation["lead_time"] is None
            assert from_results(annotation["result"]) == (TOTAL,)
            assert {one["type"] for one in annotation["result"]} == {"rectanglelabels", "textarea"}
        assert look(services, project, Pauses(time.monotonic)).samples.made == 3
        samples = services.store.samples.load(uid)
        assert [sample.fields for sample in samples] == [(TOTAL,)] * 3
    finally:
        services.close()
