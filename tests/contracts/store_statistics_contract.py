"""What every store must count alike; a part of ``StoreContract``. Corrections are made as docloop makes them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from builders import found, page, word
from contracts.store_builders import P, annotation, document, prediction, project
from ml_backend.document.elements import Document
from ml_backend.document.geometry import Box
from ml_backend.store.counts import Counts, Misread, SignedDocument
from ml_backend.store.records import VersionUse
from ml_backend.store.store import Store
from training.corrections import corrections_of

ELSEWHERE = Box(0.1, 0.1, 0.3, 0.12)
SHOWN = (found(id="a"), found("date", "1.1.26", Box(0.1, 0.8, 0.2, 0.82), id="b"), found("tip", "2", ELSEWHERE, id="c"))


def annotate(store: Store, document_id: int, number: int, final: Any, day: int = 1, **more: Any) -> None:
    """Submit ``final`` for SHOWN of version v1."""
    given = {"shown": SHOWN, "shown_version": "v1", **more}
    record = annotation(number, day, fields=tuple(final), **given)
    paper = Document((page(word("12.50", 0.5, 0.5, 0.6, 0.52), engine="one"),))
    store.ledger.put(document_id, record, corrections_of(record, 0, paper))


class StoreStatisticsContract:
    """The counting is done in the database, the same in each."""

    def test_fields_count_once_however_many_corrections_they_have(self, store: Store, ids: dict[int, int]) -> None:
        moved = replace(SHOWN[0], label="tax", text="12.80", box=Box(0.5, 0.7, 0.6, 0.72))
        annotate(
            store, ids[1], 1, [moved, SHOWN[1], found("new", "x", Box(0.8, 0.1, 0.9, 0.12), id="d")], lead_time=4.0
        )
        annotate(store, ids[2], 2, SHOWN, day=3, lead_time=9.0, completed_by=8)
        annotate(store, ids[2], 3, [SHOWN[0]], day=3, shown=(SHOWN[0],), shown_version="v2")
        counts = store.statistics.counts(P)
        assert counts.untouched(lambda one: None) == {None: (5, 8)}
        assert counts.untouched(lambda one: one.field) == {
            "total": (2, 3), "date": (2, 2), "tip": (1, 2), "new": (0, 1),
        }  # fmt: skip
        assert counts.untouched(lambda one: one.completed_by) == {7: (2, 5), 8: (3, 3)}
        assert counts.untouched(lambda one: one.engine) == {"one": (5, 8)}
        assert {(one.kind, one.number, one.fields) for one in counts.corrections if one.field == "total"} == {
            ("label", 1, 1), ("text", 1, 0), ("box", 1, 0), ("confirmed", 1, 1),
        }  # fmt: skip
        assert store.statistics.uses(P) == [VersionUse("v1", 2, 7, 4, 5, 6.5), VersionUse("v2", 1, 1, 1, 0, None)]

    def test_a_field_whose_region_has_two_labels_is_two_fields(self, store: Store, ids: dict[int, int]) -> None:
        both = (found("total", id="a"), found("tax", id="a"))
        annotate(store, ids[1], 1, [replace(one, text="13") for one in both], shown=both)
        assert store.statistics.counts(P).untouched(lambda one: one.field) == {"total": (0, 1), "tax": (0, 1)}

    def test_skipped_unreviewed_and_unassisted_annotations_are_told_apart(
        self, store: Store, ids: dict[int, int]
    ) -> None:
        annotate(store, ids[1], 1, SHOWN, skipped=True, lead_time=1.0)
        annotate(store, ids[2], 2, SHOWN, reviewed=False)
        annotate(store, ids[3], 3, SHOWN, shown=None, shown_version="", lead_time=30.0)
        counts = store.statistics.counts(P)
        told = [(one.document_id, one.approved, one.skipped, one.counts) for one in counts.annotations]
        assert told == [(ids[1], False, True, False), (ids[2], False, False, False), (ids[3], True, False, False)]
        assert (counts.documents, counts.corrected, list(counts.corrections), counts.uses()) == (3, 0, [], [])
        assert (counts.seconds(), counts.seconds(""), counts.seconds("v1")) == (30.0, 30.0, None)

    def test_another_project_is_not_counted(self, store: Store, ids: dict[int, int]) -> None:
        annotate(store, ids[1], 1, [])
        store.projects.put(project("other", 2))
        assert store.statistics.counts("other") == Counts(0, 0, [], [])
        assert (store.statistics.counts(P).corrected, store.statistics.misread("other", 9)) == (1, [])
        assert store.statistics.signed("other", 9) == []

    def test_the_newest_misread_texts_come_first(self, store: Store, ids: dict[int, int]) -> None:
        annotate(store, ids[1], 1, [replace(SHOWN[0], text="12.80"), *SHOWN[1:]], day=1)
        annotate(store, ids[2], 2, [replace(SHOWN[0], text="12.60"), *SHOWN[1:]], day=2)
        misread = [Misread("12.50", "12.50", "12.60"), Misread("12.50", "12.50", "12.80")]
        assert (store.statistics.misread(P, 9), store.statistics.misread(P, 1)) == (misread, misread[:1])

    def test_documents_come_with_the_signature_of_their_newest_prediction(
        self, store: Store, ids: dict[int, int]
    ) -> None:
        store.predictions.put_many(
            [
                prediction(ids[1], "v1", signature=(0.1,), pushed_at=1.0),
                prediction(ids[1], "v2", signature=(0.2,), pushed_at=2.0),
                prediction(ids[2], "v1", signature=(0.3,)),
            ]
        )
        store.documents.put_many(P, [document(1, open=False)])
        annotate(store, ids[1], 1, [SHOWN[0]])
        annotate(store, ids[2], 2, SHOWN, skipped=True)
        first = SignedDocument(ids[1], 1, False, (0.2,), True, 2.0)
        second = SignedDocument(ids[2], 2, True, (0.3,), False, None)
        assert store.statistics.signed(P, 9) == sorted([first, second], key=lambda one: -one.id)
        store.predictions.put_many([prediction(ids[3], "v1", signature=(0.4,))])
        assert [(one.id, one.open) for one in store.statistics.signed(P, 1)] == [(ids[3], True), (ids[1], False)]

    def test_corrections_of_a_document_are_those_of_an_annotation_that_was_shown_a_prediction(
        self, store: Store, ids: dict[int, int]
    ) -> None:
        same_moment = [
            prediction(ids[1], version, signature=sign) for version, sign in (("v1", (0.1,)), ("v2", (0.2,)))
        ]
        store.predictions.put_many([*same_moment, prediction(ids[2], "v1", signature=(0.3,))])
        annotate(store, ids[1], 1, [SHOWN[0]])
        annotate(store, ids[1], 2, SHOWN, completed_by=8)
        annotate(store, ids[2], 3, SHOWN, shown=None, shown_version="")
        told = {one.id: (one.signature, one.approved, one.edits) for one in store.statistics.signed(P, 9)}
        assert told == {ids[1]: ((0.2,), True, 1.0), ids[2]: ((0.3,), True, None)}

    def test_an_annotation_counts_as_it_is_now_and_a_deleted_document_not_at_all(
        self, store: Store, ids: dict[int, int]
    ) -> None:
        annotate(store, ids[2], 2, SHOWN, lead_time=9.0)
        annotate(store, ids[1], 1, [], lead_time=4.0)
        annotate(store, ids[1], 1, [replace(SHOWN[0], text="12.80"), *SHOWN[1:]], day=2, lead_time=5.0)
        annotate(store, ids[1], 1, SHOWN, day=3, lead_time=6.0)
        counts = store.statistics.counts(P)
        assert (counts.documents, counts.corrected, counts.seconds()) == (3, 0, 7.5)
        assert counts.untouched(lambda one: None) == {None: (6, 6)}
        store.documents.remove([ids[1]])
        counts = store.statistics.counts(P)
        assert (counts.documents, counts.corrected, counts.seconds()) == (2, 0, 9.0)
        assert counts.untouched(lambda one: None) == {None: (3, 3)}
        assert store.statistics.uses(P) == [VersionUse("v1", 1, 3, 3, 0, 9.0)]
