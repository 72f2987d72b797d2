"""The entries of exports: what is none stops nothing, whoever put it there."""

from __future__ import annotations

import json
import logging
import time
import uuid
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from ml_backend.exports.index import Batch, ExportIndex, bits_of
from ml_backend.exports.shared_index import SharedExportIndex
from ml_backend.services import Services, page_files
from ml_backend.storage import open_bucket
from training.forgetting import forget_deleted

GOOD = {
    "id": "x",
    "format": "csv",
    "created_at": "2026-01-01",
    "project_uid": "1.1",
    "out": "",
    "counts": {},
    "held": "0:1",
}


def but(**changed: object) -> bytes:
    return json.dumps({**GOOD, **changed}).encode()


ODD = {
    "an id that leads out": but(id="../a b"),
    "another's id": but(id="y"),
    "no id": but(id=5),
    "a time that is none": but(created_at=5),
    "words for a time": but(created_at="CANARY"),
    "a number for a project": but(project_uid=1.1),
    "a project that no database takes": but(project_uid="1\x00"),
    "a number for a place": but(out=5),
    "counts in a list": but(counts=["documents"]),
    "words for a count": but(counts={"documents": "CANARY"}),
    "less than no documents": but(deleted=-1),
    "half a document": but(deleted=0.5),
    "no numbers": but(held=5),
    "numbers below 0": but(held="0:-1"),
    "a document of a quarter of a gigabyte": but(held=f"{1 << 31}:1"),
    "documents to the end of the disk": but(held=f"{1 << 27}:ff"),
    "something unknown": but(CANARY=1),
    "letters of no alphabet": b"\xff\xfeCANARY",
    "a list": b"[]",
    "lists without an end": b"[" * 100_000,
}


@pytest.mark.parametrize("data", ODD.values(), ids=ODD)
def test_what_is_no_entry_is_left_out_and_keeps_nobody_from_forgetting(
    client: FlaskClient, services: Services, data: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    folder = services.settings.data_dir / "exports"
    folder.mkdir(parents=True)
    (folder / "x.json").write_bytes(data)
    index = ExportIndex(folder)
    with caplog.at_level(logging.WARNING):
        assert index.all() == []
    assert caplog.messages == ["x.json is not an export's entry"]
    assert index.forget_gone(lambda uid: set()) == 0
    assert client.get("/api/v1/exports").get_json()["written"] == []
    page_files(services.settings).put("c" * 64, [b"page"])
    forget_deleted(services, time.time() + 100, thoroughly=True)
    assert page_files(services.settings).contents() == set()


@pytest.mark.parametrize("data", ODD.values(), ids=ODD)
def test_such_an_entry_in_the_bucket_is_not_brought(tmp_path: Path, data: bytes) -> None:
    bucket = open_bucket(f"memory://{uuid.uuid4().hex}")
    for name, entry in {"x": data, "x_y": but(id="x_y"), "z": but(id="z")}.items():
        bucket.put(f"index/{name}.json", entry)
    assert [batch.id for batch in SharedExportIndex(tmp_path, bucket).all()] == ["z"]
    assert [path.name for path in tmp_path.iterdir()] == ["z.json"]


def test_a_file_beside_the_entries_that_no_bucket_takes_stops_no_exchange(tmp_path: Path) -> None:
    (tmp_path / "a b.json").write_bytes(but(id="a b"))
    (tmp_path / "x.json").mkdir()
    assert SharedExportIndex(tmp_path, open_bucket(f"memory://{uuid.uuid4().hex}")).all() == []


def test_an_entry_says_what_was_noted_and_no_sign_that_a_terminal_obeys(tmp_path: Path) -> None:
    index, batch = ExportIndex(tmp_path), batch_at("/out/東京\u3000\u00a0é.csv")
    index.add(batch)
    assert index.all() == [batch]
    index.add(batch_at("/out/\x1b[2J\n\udcff"))
    assert index.all() == [batch_at("/out/?[2J??")]


def batch_at(out: str) -> Batch:
    about: dict[str, Any] = {**GOOD, "out": out, "counts": {"documents": 2}, "held": bits_of([3, 70])}
    return Batch(**about)
