"""An export: whole or not there, with a manifest and an entry in the index."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from builders import found, interface
from contracts.store_builders import P, annotation, document, project, sample
from ml_backend.errors import ExportRefused, StoreError
from ml_backend.exporting import Exporting
from ml_backend.exports.index import ExportIndex, bits_of
from ml_backend.exports.jsonl import lines
from ml_backend.ground_truth import Filters, ground_truth
from ml_backend.images.loader import PageLoader
from ml_backend.page_files import PageFiles
from ml_backend.store.store import Store, open_store
from training.corrections import corrections_of

ROOT = Path(__file__).resolve().parents[2]


@contextmanager
def opened(folder: Path) -> Iterator[Exporting]:
    """What is exported from the store in ``folder``, at noon."""
    store = open_store(f"sqlite:///{folder / 'store.sqlite3'}")
    known = store.projects.get(P)
    assert known is not None
    with PageLoader(children=1) as loader:
        files, index = PageFiles(folder / "pages"), ExportIndex(folder / "exports")
        noon = datetime(2026, 1, 2, 12, tzinfo=UTC)
        yield Exporting(store, known, interface("total"), files, loader.pages, index, now=lambda: noon)
    store.close()


@pytest.fixture
def exporting(tmp_path: Path) -> Iterator[Exporting]:
    """Three confirmed documents."""
    store = open_store(f"sqlite:///{tmp_path / 'store.sqlite3'}")
    store.projects.put(project(title="Receipts"))
    for task in range(1, 4):
        (number,) = store.documents.put_many(P, [document(task, content=f"{task:064x}")]).values()
        record = annotation(task, shown=(found(text="1"),))
        store.ledger.put(number, record, corrections_of(record, task, None))
        store.samples.put(number, sample(f"{task:064x}"))
    store.close()
    with opened(tmp_path) as there:
        yield there


def bytes_of(store: Store) -> bytes:
    return b"".join(lines(ground_truth(store, P, "image")))


def test_the_file_has_the_bytes_of_the_stream_and_the_manifest_their_hash(exporting: Exporting, tmp_path: Path) -> None:
    out = tmp_path / "out" / "truth.jsonl"
    batch = exporting.run("jsonl", out, Filters())
    assert out.read_bytes() == bytes_of(exporting.store)
    manifest = json.loads(out.with_name("truth.jsonl.manifest.json").read_text())
    assert manifest["files"] == {"truth.jsonl": hashlib.sha256(out.read_bytes()).hexdigest()}
    assert (manifest["id"], manifest["counts"], manifest["schema"]) == (batch.id, {"documents": 3}, 1)
    assert (manifest["project"]["title"], manifest["filters"]["approved_only"]) == ("Receipts", True)
    assert batch.id.startswith("20260102T120000Z-jsonl-")
    assert exporting.index.all(P) == [batch]
    assert exporting.index.all("another") == []


def test_gzip_packs_the_same_bytes_the_same_way(exporting: Exporting, tmp_path: Path) -> None:
    outs = [tmp_path / name for name in ("one.gz", "two.gz")]
    for out in outs:
        exporting.run("jsonl", out, Filters(), gzip=True)
    assert outs[0].read_bytes() == outs[1].read_bytes()
    assert gzip.decompress(outs[0].read_bytes()) == bytes_of(exporting.store)


def test_what_is_there_is_never_written_over(exporting: Exporting, tmp_path: Path) -> None:
    out = tmp_path / "mine.jsonl"
    out.write_text("mine")
    with pytest.raises(ExportRefused, match="is there already"):
        exporting.run("jsonl", out, Filters())
    assert out.read_text() == "mine"


def test_two_exports_to_one_place_at_once_are_one_and_a_refusal(exporting: Exporting, tmp_path: Path) -> None:
    out = tmp_path / "out" / "truth.jsonl"

    def another() -> None:
        if not out.exists():
            exporting.run("jsonl", out, Filters(limit=1))

    with pytest.raises(ExportRefused, match="is there already"):
        replace(exporting, step=another).run("jsonl", out, Filters())
    assert out.read_bytes().count(b"\n") == 1
    manifest = json.loads(out.with_name("truth.jsonl.manifest.json").read_text())
    assert manifest["files"] == {"truth.jsonl": hashlib.sha256(out.read_bytes()).hexdigest()}
    assert sorted(path.name for path in out.parent.iterdir()) == ["truth.jsonl", "truth.jsonl.manifest.json"]
    assert len(exporting.index.all()) == 1


def test_an_export_that_breaks_in_the_middle_leaves_nothing(exporting: Exporting, tmp_path: Path) -> None:
    def breaks() -> None:
        raise StoreError("store_away", "gone")

    out = tmp_path / "out" / "truth.jsonl"
    with pytest.raises(StoreError):
        replace(exporting, step=breaks).run("jsonl", out, Filters())
    assert (list(out.parent.iterdir()), exporting.index.all()) == ([], [])


def test_an_unknown_format_names_the_known_ones(exporting: Exporting, tmp_path: Path) -> None:
    with pytest.raises(ExportRefused, match="jsonl"):
        exporting.run("word", tmp_path / "out", Filters())


def test_a_deleted_document_taints_the_exports_that_hold_it(exporting: Exporting, tmp_path: Path) -> None:
    numbers, index = exporting.store.documents.numbers, exporting.index
    exporting.run("jsonl", tmp_path / "all.jsonl", Filters())
    exporting.run("csv", tmp_path / "all", Filters())
    exporting.run("jsonl", tmp_path / "one.jsonl", Filters(limit=1))
    first, _, third = sorted(numbers(P))
    exporting.store.documents.set_content(third, "")  # its data were changed: it is not deleted
    assert index.forget_gone(numbers) == 0
    exporting.store.documents.remove([third])
    assert (index.forget_gone(numbers), index.forget_gone(numbers)) == (2, 0)
    assert sorted((batch.counts["documents"], batch.deleted) for batch in index.all()) == [(1, 0), (3, 1), (3, 1)]
    assert {batch.held for batch in index.all()} == {bits_of([first]), bits_of([first, first + 1])}
    exporting.store.projects.remove(P)
    assert (index.forget_gone(numbers), sorted(batch.deleted for batch in index.all())) == (3, [1, 3, 3])


@pytest.mark.parametrize("format", ["jsonl", "csv"])
def test_a_document_with_the_same_pages_that_was_not_exported_taints_nothing(
    exporting: Exporting, tmp_path: Path, format: str
) -> None:
    """And the one that was does, though the other is still there."""
    documents = exporting.store.documents
    (twin,) = documents.put_many(P, [document(9, content=f"{1:064x}")]).values()  # nobody annotated it
    exporting.run(format, tmp_path / "out", Filters())
    documents.remove([twin])
    assert exporting.index.forget_gone(documents.numbers) == 0
    documents.put_many(P, [document(9, content=f"{1:064x}")])
    documents.remove([min(documents.numbers(P))])
    assert exporting.index.forget_gone(documents.numbers) == 1


def test_a_document_that_was_deleted_while_it_was_exported_taints_the_export(
    exporting: Exporting, tmp_path: Path
) -> None:
    def deletes() -> None:
        exporting.store.documents.remove([min(exporting.store.documents.numbers(P))])
        exporting.index.forget_gone(exporting.store.documents.numbers)

    batch = replace(exporting, step=deletes).run("jsonl", tmp_path / "truth", Filters(limit=1))
    assert (batch.deleted, batch.held, exporting.index.all()) == (1, 0, [batch])


@pytest.mark.parametrize("format", ["jsonl", "csv"])
def test_two_exports_beside_each_other_at_once_leave_each_other_alone(
    exporting: Exporting, tmp_path: Path, format: str
) -> None:
    out = tmp_path / "out"

    def another() -> None:
        if not (out / "two").exists():
            exporting.run(format, out / "two", Filters())

    replace(exporting, step=another).run(format, out / "one", Filters())
    for name in ("one", "two"):
        manifest = out / f"{name}.manifest.json" if format == "jsonl" else out / name / "manifest.json"
        for file, sha in json.loads(manifest.read_text())["files"].items():
            path = out / file if format == "jsonl" else out / name / file
            assert hashlib.sha256(path.read_bytes()).hexdigest() == sha
    assert [path.name for path in out.iterdir() if path.name.startswith(".")] == []


KILLED = """
import os, signal, sys
from dataclasses import replace
from pathlib import Path
from ml_backend.ground_truth import Filters
from test_exporting import opened

left = [int(sys.argv[3])]

def step():
    left[0] -= 1
    if not left[0]:
        os.kill(os.getpid(), signal.SIGKILL)

with opened(Path(sys.argv[1])) as exporting:
    replace(exporting, step=step).run(sys.argv[2], Path(sys.argv[1]) / "out" / "truth", Filters())
"""


@pytest.mark.slow
@pytest.mark.parametrize("format", ["jsonl", "csv"])
@pytest.mark.parametrize("at", [1, 3])
def test_a_kill_in_the_middle_leaves_no_file_that_looks_complete(
    exporting: Exporting, tmp_path: Path, format: str, at: int
) -> None:
    """And the next export to the same folder takes away what was left, and finds its way free."""
    paths = [ROOT, ROOT / "tests", Path(__file__).parent]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, paths))}
    ended = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path), format, str(at)], env=environment, check=False)
    assert ended.returncode == -signal.SIGKILL
    out = tmp_path / "out"
    left = [path.name for path in out.iterdir()]
    assert left
    assert all(name.startswith(".") for name in left)
    assert exporting.index.all() == []
    (out / ".mine.part").mkdir()
    assert exporting.run(format, out / "other", Filters()).counts["documents"] == 3
    assert {path.name for path in out.iterdir()} - {".mine.part", "other", "other.manifest.json"} == set()
    assert exporting.run(format, out / "truth", Filters()).counts["documents"] == 3
