"""A release has one name, wherever it is made."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
MACHINE = """
import json, locale, random, sys, time
from pathlib import Path
from made_receipts import SPECS, made_receipt
from ml_backend.store.records import DocumentRecord, ProjectRecord
from ml_backend.store.store import open_store

folder, number, by, seed = Path(sys.argv[1]), *map(int, sys.argv[2:])
locale.setlocale(locale.LC_ALL, "")
store = open_store(f"sqlite:///{folder / 'docloop.sqlite3'}")
project = ProjectRecord(f"{number}.17950000{number:02}", number, f"Receipts of {by}")
store.projects.put(project)
tasks = list(range(30))
random.Random(seed).shuffle(tasks)
at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.localtime(1_790_000_000 + seed))
records = [DocumentRecord(0, project.uid, number * 1000 + task, at, at, {"image": str(folder / f"{task}.png")}) for task in tasks]
ids = store.documents.put_many(project.uid, records)
for task in tasks:
    store.samples.put(ids[number * 1000 + task, at], made_receipt(task, annotator=by))
release = store.releases.freeze(project, random.Random(seed).sample(SPECS, len(SPECS)), time.time())
print(json.dumps([release.id, locale.getlocale()[0], time.tzname, hash("docloop"), at, release.manifest["annotators"]]))
"""


@pytest.mark.slow
def test_two_machines_with_the_same_documents_have_the_same_release(tmp_path: Path) -> None:
    """Other paths, order of import, locale, time zone, hash seed, project and annotator numbers."""
    said = []
    for number, (language, zone) in enumerate([("C", "UTC"), ("C.UTF-8", "Asia/Tokyo")], 1):
        folder = tmp_path / f"machine {number}"
        folder.mkdir()
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("LC_", "LANG"))},
            **{"LC_ALL": language, "TZ": zone, "PYTHONHASHSEED": str(number), "PYTHONUTF8": "0"},
            "PYTHONPATH": os.pathsep.join(map(str, (ROOT, ROOT / "tests"))),
        }
        words = [sys.executable, "-c", MACHINE, str(folder), str(number * 7), str(number * 3), str(number)]
        done = subprocess.run(
            words, env=environment, cwd=folder, capture_output=True, text=True, check=True, timeout=60
        )
        said.append(json.loads(done.stdout))
    (here, *of_here), (there, *of_there) = said
    assert here == there
    assert all(one != other for one, other in zip(of_here, of_there, strict=True))  # the machines do differ
