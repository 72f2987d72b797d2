"""The process of a run makes a version of all members that are asked for, a layout model among them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from made_receipts import SPECS, made_receipt
from PIL import Image

from ml_backend.images.pages import PageImage, content_of
from ml_backend.page_files import PageFiles
from ml_backend.services import champions_in
from ml_backend.store.records import DocumentRecord, ProjectRecord, RunRecord
from ml_backend.store.store import Store, open_store
from training.train_child import _begin, train

UID = "1.1795000000"
CONFIG = (
    '<View><Image name="image" value="$image"/><RectangleLabels name="label" toName="image">'
    + "".join(f'<Label value="{spec.label}" field_type="{spec.type}"/>' for spec in SPECS)
    + "</RectangleLabels></View>"
)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = open_store(f"sqlite:///{tmp_path / 'docloop.sqlite3'}")
    made.projects.put(ProjectRecord(UID, 1, "Receipts", label_config=CONFIG))
    records = [DocumentRecord(0, UID, n, "2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z", {}) for n in range(8)]
    for (task, _), number in made.documents.put_many(UID, records).items():
        made.samples.put(number, made_receipt(task))
    yield made
    made.close()


def trained(store: Store, folder: Path, layout: dict[str, Any] | None) -> RunRecord:
    begun = store.runs.begin(UID, 1, "test", "", 8, 1.0)
    assert begun is not None
    claimed = store.runs.claim(begun.id, 2.0)
    assert claimed is not None
    train(store, claimed, lambda stage, share: None, str(folder), "", layout)  # type: ignore[arg-type]
    ended = store.runs.get(begun.id)
    assert ended is not None
    return ended


@pytest.mark.slow
def test_a_layout_model_joins_the_version_with_its_licence_and_leaves_no_checkpoints(
    store: Store, tmp_path: Path
) -> None:
    left = tmp_path / "work" / f"{UID}-7"  # of a run that was cancelled
    left.mkdir(parents=True)
    layout = {
        "from_scratch": "tiny",
        "scratch_family": "lilt",
        "offline": True,
        "epochs": 1.0,
        "least_steps": 4,
        "length": 128,
        "stride": 32,
        "work": str(tmp_path / "work"),
    }
    ended = trained(store, tmp_path, layout)
    assert ended.state == "succeeded", ended.reason
    champions = champions_in(tmp_path / "models", "")
    manifest, folder = champions.registry.get(UID, "fields-1")
    assert (manifest.kind, manifest.settings["base_family"]) == ("combined", "lilt")
    assert "base_licence" in manifest.settings
    assert "layout-model/model.onnx" in manifest.files
    loaded = champions.load(manifest, folder)
    assert loaded.extract(made_receipt(99).document, SPECS).fields
    assert list((tmp_path / "work").iterdir()) == []


@pytest.mark.slow
def test_the_report_shows_the_pages_that_were_kept(store: Store, tmp_path: Path) -> None:
    files = PageFiles(tmp_path / "pages")
    for content, number in store.samples.contents(UID).items():
        picture, file = Image.new("RGB", (60, 90), (number, 0, 0)), BytesIO()
        picture.save(file, "PNG")
        kept = content_of([PageImage.of(picture).digest])
        files.put(kept, [file.getvalue()])
        store.samples.put(number, replace(store.samples.load(UID, only=[content])[0], content=kept))
    ended = trained(store, tmp_path, None)
    assert ended.state == "succeeded", ended.reason
    report = (tmp_path / "models" / UID / "fields-1" / "report.html").read_text(encoding="utf-8")
    assert report.count("data:image/jpeg;base64,") == report.count('aria-label="page"') > 0
    assert set(re.findall(r"<summary>\d+ edits? · (\w+)", report)) == {"task"}, "named as Label Studio names them"


@pytest.mark.slow
def test_a_base_model_that_is_not_there_fails_the_run_with_the_ways_out(store: Store, tmp_path: Path) -> None:
    layout = {"base_model": str(tmp_path / "nowhere"), "offline": True, "work": str(tmp_path / "work")}
    ended = trained(store, tmp_path, layout)
    assert ended.state == "failed"
    assert "nowhere" in ended.reason
    assert champions_in(tmp_path / "models", "").registry.versions(UID) == []


def test_what_an_attempt_before_this_one_left_of_another_release_goes_before_anything_is_learned(
    tmp_path: Path,
) -> None:
    work = tmp_path / "work"
    for before, left in (("ab", ["words.arrow"]), ("cd", []), ("", [])):
        work.mkdir(exist_ok=True)
        (work / "words.arrow").write_text("TOTAL")
        _begin(work, before, "ab")
        assert [path.name for path in work.iterdir()] == left
