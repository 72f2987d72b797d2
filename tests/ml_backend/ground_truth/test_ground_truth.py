"""Lines of ground truth: what was shown, what was made of it, and corrections that lead from one to the other and back."""

from __future__ import annotations

import json
import re
import time
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import found
from contracts.store_builders import P, annotation, document, prediction, project, sample
from ml_backend.document.fields import Field
from ml_backend.document.geometry import Box
from ml_backend.document.times import utc
from ml_backend.exports.ground_truth import GroundTruth, field_of
from ml_backend.exports.jsonl import gzipped, lines
from ml_backend.exports.replay import backwards, forwards
from ml_backend.ground_truth import Filters, ground_truth
from ml_backend.ground_truth.known import refuse_unknown
from ml_backend.ground_truth.labelled import labelled
from ml_backend.ground_truth.steps import initial
from ml_backend.page_files import PageFiles
from ml_backend.store.records import AnnotationRecord
from ml_backend.store.store import Store, open_store
from training.corrections import corrections_of

LABELS = ("total", "date", "company")
BOXES = (Box(0.1, 0.1, 0.3, 0.2), Box(0.5, 0.1, 0.7, 0.2), Box(0.1, 0.5, 0.3, 0.6, 12.0), Box(0.5, 0.5, 0.9, 0.9))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = open_store(f"sqlite:///{tmp_path / 'store.sqlite3'}")
    store.projects.put(project())
    yield store
    store.close()


def put(store: Store, task: int, *annotations: AnnotationRecord, **more: Any) -> int:
    """A task that was annotated; its corrections are those that a look finds."""
    (number,) = store.documents.put_many(P, [document(task, **more)]).values()
    for one in annotations:
        store.ledger.put(number, one, corrections_of(one, task, None))
    return number


def given_out(store: Store, **filters: Any) -> list[GroundTruth]:
    return list(ground_truth(store, P, "image", Filters(**filters)))


REGIONS = st.builds(
    lambda number, label, text, box, page: Field(label, text, box, page, id=f"r{number}" if number else ""),
    st.integers(0, 4),
    st.sampled_from((*LABELS, "")),
    st.sampled_from(("12.50", "12,50", "ACME", "", "東 1")),
    st.sampled_from(BOXES),
    st.integers(0, 1),
)


@given(shown=st.lists(REGIONS, max_size=5), final=st.lists(REGIONS, max_size=5))
def test_any_history_leads_back_to_the_prediction_and_forth_to_the_answer(
    shown: Sequence[Field], final: Sequence[Field]
) -> None:
    record = annotation(1, fields=tuple(final), shown=tuple(shown))
    answer = [field_of(field) for field in final if field.label]
    before, steps, flags = initial(record, corrections_of(record, 1, None), answer)
    assert flags == []
    assert before is not None
    known = [replace(field, id="") for field in shown if field.label]
    assert sorted(map(_bare, before)) == sorted(_bare(field_of(field)) for field in known)
    assert backwards(answer, steps) == before
    assert forwards(before, steps) == answer


def _bare(field: Any) -> str:
    return json.dumps({**field, "region_id": ""})


def test_a_line_says_who_made_what_of_which_prediction(store: Store) -> None:
    shown = (found("total", "12.50", id="a"), found("date", "2026", id="b"), found("company", "ACNE", id="c"))
    final = (found("total", "12.60", id="a"), found("company", "ACNE", id="c"), found("date", "2027", id="d", page=1))
    record = annotation(9, day=3, fields=final, shown=shown, shown_version="fields-1.x", lead_time=12.5)
    data = {"image": "/data/upload/1/ab.png", "filename": "Rechnung.pdf"}
    number = put(store, 4, record, data=data, content="f" * 64)
    store.predictions.put_many([prediction(number, "fields-1.x", engines=("rapidocr/onnxruntime",))])
    (line,) = given_out(store)
    assert (line.task_id, line.filename, line.source_kind, line.image_sha256) == (4, "Rechnung.pdf", "pdf", "f" * 64)
    assert (line.approved, line.reviewed_by, line.lead_time) == (True, 7, 12.5)
    assert (line.reviewed_at, line.created_at) == ("2026-01-03T00:00:00.000000Z", "2026-01-01T00:00:00.000000Z")
    assert (line.confidence, line.model_version, line.engine) == (0.75, "fields-1.x", "rapidocr/onnxruntime")
    assert line.final_result == [field_of(field) for field in final]
    assert line.initial_result == [field_of(shown[0]), field_of(shown[2]), field_of(shown[1])]
    assert [(one.field_path, one.kind, one.old_value, one.new_value) for one in line.corrections] == [
        ("final_result[0].text", "text", "12.50", "12.60"),
        ("final_result[2]", "added", None, field_of(final[2])),
        ("initial_result[2]", "deleted", field_of(shown[1]), None),
    ]
    assert {one.corrected_by for one in line.corrections} == {7}
    assert line.review_flags == []


def test_what_is_odd_about_a_line_is_flagged(store: Store) -> None:
    put(store, 1, annotation(1, shown=None))
    put(store, 2, annotation(2, skipped=True, shown=(found(),)))
    put(store, 3, annotation(3, reviewed=False, shown=(found(),)))
    put(store, 4, annotation(4, shown=(found(),), ground_truth=True), annotation(5, day=2, shown=(found(),)))
    (number,) = store.documents.put_many(P, [document(5)]).values()
    store.ledger.put(number, annotation(6, shown=(found(text="other"),)), [])  # its corrections are lost
    flags = {line.task_id: line.review_flags for line in given_out(store, approved_only=False)}
    assert flags == {
        1: ["no_prediction"],
        2: ["skipped"],
        3: ["unreviewed"],
        4: ["ground_truth", "several_annotations"],
        5: ["prediction_differs"],
    }
    assert [line.task_id for line in given_out(store)] == [1, 4, 5]
    assert [line.initial_result for line in given_out(store)][2] == [field_of(found(text="other"))]


FILTERS: list[tuple[dict[str, Any], list[int]]] = [
    ({}, [1, 2, 3]),
    ({"has_corrections": True}, [2]),
    ({"has_corrections": False}, [1, 3]),
    ({"since": "2026-01-02T00:00:00.000000Z"}, [2, 3]),
    ({"until": "2026-01-02T00:00:00.000000Z"}, [1]),
    ({"labels": ("date",)}, [3]),
    ({"model_version": "v2"}, [2]),
    ({"annotator": 8}, [3]),
    ({"limit": 2}, [1, 2]),
    ({"limit": 0}, []),
]


@pytest.fixture
def reviewed(store: Store) -> Store:
    """Tasks 1 to 3, confirmed on the first three days of 2026, and a skipped one; all are samples but that."""
    put(store, 1, annotation(1, shown=(found(),), shown_version="v1"), content=f"{1:064x}")
    put(store, 2, annotation(2, day=2, shown=(found(text="1"),), shown_version="v2"), content=f"{2:064x}")
    put(store, 3, annotation(3, day=3, shown=None, fields=(found("date"),), completed_by=8), content=f"{3:064x}")
    for task, number in enumerate(sorted(store.documents.numbers(P)), 1):
        store.samples.put(number, sample(f"{task:064x}", day=task))
    put(store, 4, annotation(4, day=4, skipped=True), content=f"{4:064x}")
    return store


@pytest.mark.parametrize(("filters", "tasks"), FILTERS, ids=[",".join(f) or "none" for f, _ in FILTERS])
def test_filters_choose_documents(reviewed: Store, filters: dict[str, Any], tasks: list[int]) -> None:
    """The same ones for lines and for formats with words."""
    assert [line.task_id for line in given_out(reviewed, **filters)] == tasks
    files = PageFiles(Path("none"))
    documents = list(labelled(reviewed, P, "image", Filters(**filters), files, lambda data: iter(())))  # type: ignore[arg-type, return-value]
    assert [one.line.task_id for one in documents] == tasks
    assert [reviewed.documents.get(one.number).task_id for one in documents] == tasks  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("filters", "said"),
    [
        ({"labels": ("total", "totl")}, "Nothing has the label totl; the labelling interface has: total, company."),
        ({"model_version": "v3"}, "shown a prediction of the version 'v3'; there are: v1, v2."),
        ({"annotator": 9}, "Nobody with the number 9 reviewed a document; there are: 7, 8."),
    ],
)
def test_what_nobody_has_is_refused_with_what_there_is(reviewed: Store, filters: dict[str, Any], said: str) -> None:
    labels = ("total", "company")  # date was taken out of the interface, and documents of before still have it
    refuse_unknown(Filters(labels=("date",), model_version="v1", annotator=8), reviewed, P, labels)
    with pytest.raises(ValueError, match=re.escape(said)):
        refuse_unknown(Filters(**filters), reviewed, P, labels)


@pytest.mark.parametrize(
    ("given", "tasks"),
    [
        ({"since": "2026-01-02", "until": "2026-01-03"}, [2]),
        ({"since": "2026-01-02T02:00:00+02:00", "limit": "1"}, [2]),
        ({"since": "2026-01-01T23:00:00-02:00"}, [3]),
        ({"until": "2026-01-02T01:00:00+02:00"}, [1]),
        ({"until": "2026-01-02T00:00:00.000001Z"}, [1, 2]),
    ],
)
@pytest.mark.parametrize("zone", ["Pacific/Auckland", "America/Los_Angeles"])
def test_times_are_in_utc_wherever_the_machine_stands(
    reviewed: Store, given: dict[str, str], tasks: list[int], zone: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    utc.cache_clear()
    try:
        assert [line.task_id for line in ground_truth(reviewed, P, "image", Filters.of(given.items()))] == tasks
    finally:
        monkeypatch.undo()
        time.tzset()


@pytest.mark.parametrize(
    ("data", "name", "kind"),
    [
        ({"image": "/data/upload/7/ab-scan%201.png"}, "ab-scan 1.png", "image"),
        ({"image": "/data/local-files/?d=a%20b/scan%201.png"}, "scan 1.png", "image"),
        ({"image": "/tasks/7/resolve/?fileuri=czM6Ly9iL2EvMS5wZGY="}, "1.pdf", "pdf"),
        ({"image": "/tasks/7/resolve/?fileuri=czM6Ly9iL2EvMS5wbmc"}, "1.png", "url"),
        ({"image": "/tasks/7/resolve/?fileuri=%C3%A4"}, "", "image"),
        ({"image": "http://labels/data/local-files/?d=a.png"}, "a.png", "image"),
        ({"image": "https://host/b.png?d=c.png&fileuri=d"}, "b.png", "url"),
        ({"image": "http://["}, "", "image"),
        ({"image": "data:image/png;base64,iVBO/Rw0KGgo="}, "", "image"),
        ({"image": "https://host/a/b.JPG?sig=1"}, "b.JPG", "url"),
        ({"image": "s3://bucket/in.pdf"}, "in.pdf", "pdf"),
        ({"image": ["gs://bucket/1.png", "gs://bucket/2.png"]}, "1.png", "url"),
        ({"image": "/data/upload/7/a.png", "filename": "Bill.PDF"}, "Bill.PDF", "pdf"),
        ({}, "", "image"),
    ],
)
def test_a_line_says_what_the_file_was(store: Store, data: dict[str, Any], name: str, kind: str) -> None:
    put(store, 1, annotation(1), data=data)
    (line,) = given_out(store)
    assert (line.filename, line.source_kind) == (name, kind)


def test_a_line_has_these_keys_and_no_others(store: Store) -> None:
    shown, final = found("total", "12.50", id="a"), found("total", "12.60", id="a")
    put(store, 4, annotation(9, fields=(final,), shown=(shown,), shown_version="v1"), content="f" * 64)
    (line,) = map(json.loads, b"".join(lines(ground_truth(store, P, "image"))).splitlines())
    day = "2026-01-01T00:00:00.000000Z"
    cause = line["corrections"][0]["cause"]
    assert line == {
        "task_id": 4,
        "filename": "4.png",
        "source_kind": "image",
        "image_sha256": "f" * 64,
        "approved": True,
        "reviewed_by": 7,
        "reviewed_at": day,
        "created_at": day,
        "lead_time": line["lead_time"],
        "initial_result": [field_of(shown)],
        "final_result": [field_of(final)],
        "corrections": [
            {
                "field_path": "final_result[0].text",
                "label": "total",
                "kind": "text",
                "old_value": "12.50",
                "new_value": "12.60",
                "cause": cause,
                "reason": line["corrections"][0]["reason"],
                "corrected_by": 7,
                "corrected_at": day,
            }
        ],
        "review_flags": [],
        "confidence": None,
        "model_version": "v1",
        "engine": "",
    }


def test_bytes_are_lines_and_gzip_holds_the_same_ones(store: Store) -> None:
    for task in range(1, 4):
        put(store, task, annotation(task, shown=(found(text='"\n東'),)))
    plain = b"".join(lines(ground_truth(store, P, "image")))
    assert [json.loads(line)["task_id"] for line in plain.splitlines()] == [1, 2, 3]
    packed = [b"".join(gzipped(lines(ground_truth(store, P, "image")))) for _ in range(2)]
    assert packed[0] == packed[1]
    assert zlib.decompress(packed[0], 31) == plain
