"""A project's confirmed documents in a format: from the store and the kept pages to the manifest and the index."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Generator, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from exported_papers import PAGE, drawn
from PIL import Image

from builders import found, interface
from contracts.store_builders import DAY, P, annotation, document, project
from ml_backend.document.elements import Document
from ml_backend.document.fields import Field
from ml_backend.document.geometry import Box
from ml_backend.document.samples import Sample
from ml_backend.document.splits import split_of
from ml_backend.errors import ExportRefused
from ml_backend.exporting import Exporting
from ml_backend.exports.index import ExportIndex
from ml_backend.exports.pictures import png
from ml_backend.ground_truth import Filters
from ml_backend.images.pages import PageImage, content_of
from ml_backend.page_files import PageFiles
from ml_backend.store.store import open_store
from training.corrections import corrections_of

FIELDS = (
    found(text="12.50", box=Box(0.48, 0.08, 0.82, 0.22)),
    Field("date", "JALAN SAGU", Box(0.08, 0.38, 0.62, 0.52)),
)


def decoded(data: bytes) -> Generator[PageImage, None, None]:
    with Image.open(io.BytesIO(data)) as picture:
        yield PageImage.of(picture.convert("RGB"))


@pytest.fixture
def exporting(tmp_path: Path) -> Iterator[Exporting]:
    """Two confirmed documents; of the first one the pages are kept."""
    store = open_store(f"sqlite:///{tmp_path / 'store.sqlite3'}")
    store.projects.put(project(title="Receipts"))
    files = PageFiles(tmp_path / "pages")
    kept = content_of([PageImage.of(drawn(PAGE)).digest])
    files.put(kept, [png(drawn(PAGE))])
    for task, content in enumerate((kept, "f" * 64), start=1):
        (number,) = store.documents.put_many(P, [document(task, content=content)]).values()
        record = annotation(task, shown=(found(text="1"),), fields=FIELDS)
        store.ledger.put(number, record, corrections_of(record, task, None))
        store.samples.put(number, Sample(content, Document((PAGE,)), FIELDS, 7, DAY.format(1)))
    known = store.projects.get(P)
    assert known is not None
    noon = datetime(2026, 1, 2, 12, tzinfo=UTC)
    index = ExportIndex(tmp_path / "exports")
    yield Exporting(store, known, interface("total", "date"), files, decoded, index, now=lambda: noon)
    store.close()


def test_an_export_holds_the_documents_whose_pages_are_kept_and_says_so(exporting: Exporting, tmp_path: Path) -> None:
    batch = exporting.run("coco", tmp_path / "out", Filters())
    (content,) = exporting.files.contents()
    split = split_of(content)
    counts = {"documents": 1, f"documents_{split}": 1, "pages": 1, "boxes": 2, "without_pictures": 1}
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text(encoding="utf-8"))
    assert (batch.counts, manifest["counts"], exporting.index.all()) == (counts, counts, [batch])
    there = {path.relative_to(tmp_path / "out").as_posix(): path for path in (tmp_path / "out").rglob("*.*")}
    hashes = {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in there.items()}
    assert manifest["files"] == {name: sha for name, sha in hashes.items() if name != "manifest.json"}
    with Image.open(there[f"images/{split}/{content}-0.png"]) as picture:
        assert picture.tobytes() == drawn(PAGE).tobytes()


def test_a_format_without_pictures_holds_all_documents(exporting: Exporting, tmp_path: Path) -> None:
    batch = exporting.run("csv", tmp_path / "out", Filters())
    assert (batch.counts["documents"], batch.counts["fields"], "without_pictures" in batch.counts) == (2, 4, False)


def test_asking_for_some_fields_asks_the_model_for_those_alone(exporting: Exporting, tmp_path: Path) -> None:
    exporting.run("vlm-chat", tmp_path / "out", Filters(labels=("date",)))
    (rows,) = (tmp_path / "out").glob("*.jsonl")
    user, assistant = json.loads(rows.read_text(encoding="utf-8"))["messages"]
    assert "total" not in user["content"][-1]["text"]
    assert json.loads(assistant["content"][0]["text"]) == {"date": "JALAN SAGU"}


def test_where_no_page_is_kept_the_refusal_says_how_to_keep_them(exporting: Exporting, tmp_path: Path) -> None:
    for content in exporting.files.contents():
        exporting.files.remove(content)
    with pytest.raises(ExportRefused, match="DOCLOOP_KEEP_PAGES"):
        exporting.run("trocr", tmp_path / "out", Filters())
    assert (not (tmp_path / "out").exists(), exporting.index.all()) == (True, [])
