"""The statistics of a project: the documents that the ground truth has, what is confused, the learning curve, the layouts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from shops import harbour, mill

from active_learning.diversity import signature
from builders import found, interface_xml
from ml_backend.document.fields import FieldSpec
from ml_backend.document.geometry import Box
from ml_backend.ground_truth import Filters, ground_truth
from ml_backend.ground_truth.characters import confused_characters
from ml_backend.ground_truth.statistics import Statistics
from ml_backend.models.manifest import Manifest
from ml_backend.models.registry import ModelRegistry
from ml_backend.store.counts import Misread
from ml_backend.store.records import AnnotationRecord, DocumentRecord, PredictionRecord, ProjectRecord
from ml_backend.store.store import Store, open_store
from training.corrections import corrections_of

UID, AT = "7.1795000000", "2026-01-02T03:04:05.000000Z"
SPECS = (FieldSpec("company", "company"), FieldSpec("total", "amount"), FieldSpec("date", "date"))
SHOWN = (
    found("total", "12.5O", Box(0.5, 0.5, 0.6, 0.52), id="t"),
    found("date", "1.1.2026", Box(0.1, 0.8, 0.3, 0.82), id="d"),
    found("company", "The Harbour", Box(0.1, 0.1, 0.4, 0.12), id="c"),
)
FINAL = (found("total", "12.50", SHOWN[0].box, id="t"), found("total", "1.1.2026", SHOWN[1].box, id="d"), SHOWN[2])


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """Project 7: task 1 corrected, 2 confirmed, 3 skipped, 4 made from a prediction that nobody saw, 5 and 6 not annotated."""
    opened = open_store(f"sqlite:///{tmp_path}/docloop.db")
    opened.projects.put(ProjectRecord(UID, 7, "Receipts", label_config=interface_xml("total")))
    papers = [harbour("1.2.2026", "3.40"), mill("1.2.2026", "3"), mill("2.2.2026", "4"), mill("3.2.2026", "5")]
    papers += [harbour("4.2.2026", "6"), mill("4.2.2026", "9")]
    records = [DocumentRecord(0, UID, task, AT, AT, {}, f"{task:064x}", task > 2) for task in range(1, 7)]
    ids = {task: number for (task, _), number in opened.documents.put_many(UID, records).items()}
    opened.predictions.put_many(
        [
            PredictionRecord(ids[task], "v1", 0.5, 0.5, SHOWN, signature=signature(paper.document))
            for task, paper in enumerate(papers, 1)
        ]
    )
    for task, fields, more in (
        (1, FINAL, {"lead_time": 20.0, "reviewed": True}),
        (2, SHOWN, {"lead_time": 4.0, "reviewed": True, "completed_by": 3}),
        (3, SHOWN, {"lead_time": 1.0, "reviewed": True, "skipped": True}),
        (4, SHOWN, {}),
    ):
        given: Any = {"completed_by": 2, "shown": SHOWN, "shown_version": "v1", **more}
        record = AnnotationRecord(task, AT, AT, fields, **given)
        opened.ledger.put(ids[task], record, corrections_of(record, task, None))
    yield opened
    opened.close()


def all_of(store: Store, folder: Path, **more: Any) -> dict[str, Any]:
    project = store.projects.by_number(7)
    assert project is not None
    return Statistics(store, ModelRegistry(folder / "models"), project, SPECS, **more).all()


def test_documents_are_those_of_the_ground_truth(store: Store, tmp_path: Path) -> None:
    documents = all_of(store, tmp_path)["documents"]
    lines = list(ground_truth(store, UID, "image", Filters(approved_only=False)))
    approved = [line for line in lines if line.approved]
    assert documents == {
        "total": 6,
        "annotated": len(lines),
        "approved": len(approved),
        "skipped": sum("skipped" in line.review_flags for line in lines),
        "unreviewed": sum("unreviewed" in line.review_flags for line in lines),
        "with_corrections": sum(bool(line.corrections) for line in approved),
    }
    assert list(documents.values()) == [6, 4, 2, 1, 1, 1]


def test_rates_causes_and_confusions_are_counted(store: Store, tmp_path: Path) -> None:
    said = all_of(store, tmp_path)
    assert said["accuracy"] == {"untouched": 4, "fields": 6, "rate": 0.6667}
    assert said["by_field"] == [
        {"field": "company", "untouched": 2, "fields": 2, "rate": 1.0},
        {"field": "date", "untouched": 1, "fields": 2, "rate": 0.5},
        {"field": "total", "untouched": 1, "fields": 2, "rate": 0.5},
    ]
    assert said["by_annotator"] == [
        {"annotator": 2, "untouched": 1, "fields": 3, "rate": 0.3333},
        {"annotator": 3, "untouched": 3, "fields": 3, "rate": 1.0},
    ]
    assert said["by_version"] == [
        {
            "version": "v1",
            "documents": 2,
            "untouched": 4,
            "fields": 6,
            "rate": 0.6667,
            "edits": 2,
            "median_seconds": 12.0,
        }
    ]
    assert (said["median_seconds"], said["median_seconds_without_prediction"]) == (12.0, None)
    assert said["corrected_fields"] == [
        {"field": "date", "corrections": 1, "label": 1},
        {"field": "total", "corrections": 1, "text": 1},
    ]
    assert said["confused_fields"] == [{"shown": "date", "meant": "total", "count": 1}]
    assert said["confused_characters"] == [{"read": "O", "meant": "0", "count": 1}]
    assert said["causes"] == [
        {"cause": "misread characters", "count": 1, "share": 0.5},
        {"cause": "wrong field", "count": 1, "share": 0.5},
    ]
    assert json.loads(json.dumps(said)) == said


def test_a_layout_is_named_by_an_open_task_and_the_company_that_was_confirmed_on_one_like_it(
    store: Store, tmp_path: Path
) -> None:
    assert all_of(store, tmp_path)["forecast"]["layouts"] == [
        {
            "example_task": 5,
            "company": "The Harbour",
            "documents": 2,
            "confirmed": 1,
            "open": 1,
            "corrections_a_document": 1.5,
        },
        {
            "example_task": 6,
            "company": "The Harbour",
            "documents": 4,
            "confirmed": 1,
            "open": 3,
            "corrections_a_document": 0.5,
        },
    ]


def test_the_versions_are_the_learning_curve(store: Store, tmp_path: Path) -> None:
    registry = ModelRegistry(tmp_path / "models")
    for number, samples in enumerate((20, 40, 80, 160), 1):
        figures = {"f1": 1 - 2 * samples**-0.6, "labels": {"total": 0.75}}
        metrics = {"documents": 4000, "judged": "out_of_fold", "challenger": figures}
        manifest = Manifest(f"fields-{number}", "combined", "", samples=samples, labels=("total",), metrics=metrics)
        registry.publish(UID, manifest, lambda folder: None)
    said = all_of(store, tmp_path)["forecast"]
    assert (said["overall"]["state"], said["overall"]["versions"]) == ("forecast", 4)
    assert [(one["label"], one["state"]) for one in said["fields"]] == [("total", "no more to gain")]
    wanted = f"about {said['overall']['more']} more documents for +2.0 points of F1 ("
    assert said["overall"]["sentence"].startswith(wanted)
    assert said["sentence"].startswith(wanted)
    assert said["sentence"].endswith("; layouts like task 5 (The Harbour) and task 6 (The Harbour) need most")


@pytest.mark.parametrize(
    ("texts", "confused"),
    [
        ([("l2.50", "l2.50", "12.50")] * 2, {("l", "1"): 2}),
        (
            [("", "RM1", "RN1"), ("2.5O", "", "2.50"), ("TOTAL 12.5O", "", "12.50")],
            {("M", "N"): 1, ("O", "0"): 1},
        ),
        ([("1250", "12,50 EUR", "12.50")], {("", "."): 1}),
        ([("ab", "ab", "aab"), ("aab", "aab", "ab")], {("", "a"): 1, ("a", ""): 1}),
        ([("", "", "12.50")], {}),
        ([("Café l", "Café l", "Cafe\u0301 1")], {("l", "1"): 1}),
    ],
    ids=[
        "the same twice",
        "shown, or read in the box, if alike",
        "whichever is nearer",
        "one too few or too many",
        "nothing read",
        "an accent apart",
    ],
)
def test_characters_are_aligned_with_what_was_read(texts: list[tuple[str, str, str]], confused: Any) -> None:
    assert confused_characters(Misread(*text) for text in texts) == confused


def test_a_text_that_was_made_to_be_long_takes_no_time() -> None:
    long = Misread("", "a" * 600 + "b" * 10**6, "a" * 600 + "c" * 10**6)
    assert confused_characters([long]) == {("b", "c"): 400}
