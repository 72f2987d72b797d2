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
from pathlib import Path

from ml_backend.document.fields import Field
from ml_backend.document.geometry import Box
from ml_backend.exports.jsonl import lines
from ml_backend.ground_truth import ground_truth
from ml_backend.store.records import AnnotationRecord, DocumentRecord, ProjectRecord
from ml_backend.store.store import open_store
from training.corrections import corrections_of

UID, AT = "1.1795000000", "2026-01-02T03:04:05.000000Z"
AT_ONCE = 500


def fields(task: int) -> tuple[Field, ...]:
    return tuple(
        Field(label, f"{label} {task}", Box(0.1, 0.1 * row, 0.6, 0.1 * row + 0.05), id=f"{label}{task}")
        for row, label in enumerate(("company", "date", "address", "total", "tax"), 1)
    )


def fill(url: str, documents: int) -> None:
    store = open_store(url)
    store.projects.put(ProjectRecord(UID, 1, "Receipts"))
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
    """In a process of its own, whose memory is that of the export alone."""
    store, count, size, began = open_store(url), 0, 0, time.perf_counter()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    for block in lines(ground_truth(store, UID, "image")):
        count += block.count(b"\n")
        size += len(block)
    seconds = time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"| {count:,} | {size / 1e6:,.0f} MB | {seconds:.1f} s | {count / seconds:,.0f} | {peak:.0f} MB | {before:.0f} MB |"
    )
    began, worked = time.perf_counter(), time.process_time()
    fields = sum(one.fields for one in store.statistics.counts(UID).corrections)
    seconds, worked = time.perf_counter() - began, time.process_time() - worked
    print(
        f"\nstatistics of {count:,} documents with {fields:,} fields: {seconds:.1f} s, {worked:.1f} s of processor time"
    )


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
        print("| lines | bytes | time | lines/s | peak memory | before the first line |\n|---|---|---|---|---|---|")
        sys.stdout.flush()
        subprocess.run([sys.executable, __file__, "--url", url], check=True)


if __name__ == "__main__":
    main()
