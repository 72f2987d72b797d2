"""Measures how ground truth is given out and counted: lines a second and memory, over a store with many documents.

    python benchmarks/ground_truth.py [--documents 100000]

Each document has five fields, of which two were corrected, one added and one deleted. The store is a SQLite file.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ml_backend.document.fields import Field
from ml_backend.document.geometry import Box
from ml_backend.exporting import Exporting
from ml_backend.exports.index import ExportIndex
from ml_backend.exports.jsonl import lines
from ml_backend.ground_truth import Filters, ground_truth
from ml_backend.images.loader import PageLoader
from ml_backend.page_files import PageFiles
from ml_backend.services import read_interface
from ml_backend.store.records import AnnotationRecord, DocumentRecord, ProjectRecord
from ml_backend.store.store import open_store
from training.corrections import corrections_of

UID, AT = "1.1795000000", "2026-01-02T03:04:05.000000Z"
CONFIG = (Path(__file__).parents[1] / "label_config" / "receipt.xml").read_text(encoding="utf-8")
AT_ONCE = 500


def fields(task: int) -> tuple[Field, ...]:
    return tuple(
        Field(label, f"{label} {task}", Box(0.1, 0.1 * row, 0.6, 0.1 * row + 0.05), id=f"{label}{task}")
        for row, label in enumerate(("company", "date", "address", "total", "tax"), 1)
    )


def fill(url: str, documents: int) -> None:
    store = open_store(url)
    store.projects.put(ProjectRecord(UID, 1, "Receipts", label_config=CONFIG))
    for start in range(0, documents, AT_ONCE):
        tasks = range(start + 1, min(start + AT_ONCE, documents) + 1)
        rows = [DocumentRecord(0, UID, n, AT, AT, {"image": f"/data/{n}.png"}, f"{n:064x}", False) for n in tasks]
        with store.transaction():
            for (task, _), number in store.documents.put_many(UID, rows).items():
                shown = fields(task)
                final = (*(Field(f.label, f.text + "0", f.box, id=f.id) for f in shown[:2]), *shown[2:4])
                final += (Field("tip", "1.00", Box(0.7, 0.8, 0.9, 0.85), id=f"tip{task}"),)
                record = AnnotationRecord(task, AT, AT, final, 7, 9.5, reviewed=True, shown=shown, shown_version="f-1")
                store.ledger.put(number, record, corrections_of(record, task, None))
    store.close()


def measure(url: str) -> None:
    """In a process of its own, whose memory is that of the exports alone: first as lines alone, then as users get them."""
    store, interface = open_store(url), read_interface(CONFIG)
    project = store.projects.get(UID)
    assert project is not None
    titles = "what | lines | bytes | time | of it processor | lines/s | peak memory | before the first line"
    print(f"| {titles} |\n|---|---|---|---|---|---|---|---|")
    with clocked("the stream") as seen:
        for block in lines(ground_truth(store, UID, interface.data_key)):
            seen(block.count(b"\n"), len(block))
    with tempfile.TemporaryDirectory() as folder, PageLoader(children=1) as loader:
        index = ExportIndex(Path(folder) / "exports")
        files = PageFiles(Path(folder) / "pages")
        exporting = Exporting(store, project, interface, files, loader.pages, index)
        for name, gzip in (("docloop export", False), ("docloop export --gzip", True)):
            with clocked(name) as seen:
                batch = exporting.run("jsonl", Path(folder) / f"truth{'.gz' if gzip else ''}", Filters(), gzip)
                seen(batch.counts["documents"], Path(batch.out).stat().st_size)
    began, worked = time.perf_counter(), time.process_time()
    fields = sum(one.fields for one in store.statistics.counts(UID).corrections)
    seconds, worked = time.perf_counter() - began, time.process_time() - worked
    print(f"\nstatistics of {fields:,} fields: {seconds:.1f} s, {worked:.1f} s of processor time")


@contextmanager
def clocked(name: str) -> Iterator[Callable[[int, int], None]]:
    """Print a row of the table; what it gives is told how many lines and bytes there were."""
    before, count, size, began, worked = peak(), 0, 0, time.perf_counter(), time.process_time()

    def seen(more: int, length: int) -> None:
        nonlocal count, size
        count, size = count + more, size + length

    yield seen
    seconds, worked = time.perf_counter() - began, time.process_time() - worked
    print(
        f"| {name} | {count:,} | {size / 1e6:,.0f} MB | {seconds:.1f} s | {worked:.1f} s | {count / seconds:,.0f} "
        f"| {peak():.0f} MB | {before:.0f} MB |",
        flush=True,
    )


def peak() -> float:
    """The most memory that this process had until now, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--documents", type=int, default=100_000)
    parser.add_argument("--url", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.url:
        measure(given.url)
        return
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{Path(folder) / 'store.sqlite3'}"
        fill(url, given.documents)
        subprocess.run([sys.executable, __file__, "--url", url], check=True)


if __name__ == "__main__":
    main()
