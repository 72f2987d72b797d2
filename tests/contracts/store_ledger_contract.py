"""What every store must keep of annotations, corrections and samples; a part of ``StoreContract``."""

from __future__ import annotations

from dataclasses import replace

import pytest

from builders import found, page, word
from contracts.store_builders import (
    DAY,
    HELD,
    ODD,
    WHOLE_FIELD,
    P,
    annotation,
    correction,
    document,
    sample,
)
from ml_backend.document.elements import Document
from ml_backend.document.samples import Sample
from ml_backend.errors import StoreError
from ml_backend.store import packing
from ml_backend.store.store import Store
from ml_backend.store.tables import samples as sample_table


class StoreLedgerContract:
    """What people said, and what models learn from."""

    def test_an_annotation_replaces_what_stood_there_with_its_corrections(
        self, store: Store, ids: dict[int, int]
    ) -> None:
        first = annotation(5, fields=(WHOLE_FIELD,), shown=(found(),), shown_version="v1", lead_time=2.5, skipped=True)
        second = annotation(5, 3, shown=None, ground_truth=True, completed_by=None)
        other = annotation(6, 2, fields=())
        about = {"page": 2, "region_id": "r", "model_version": "v1", "engine": "e", "lead_time": 1.5, "completed_by": 3}
        edit = replace(correction(at=DAY.format(4), **about), cause="misread characters", ocr_text=ODD)
        store.ledger.put(ids[1], first, [correction("box"), correction("added")])
        assert repr(list(store.ledger.annotations(P))) == repr([replace(first, document_id=ids[1])])
        store.ledger.put(ids[1], second, [correction("box"), edit])
        store.ledger.put(ids[2], other, [correction("confirmed")])
        store.ledger.put(10**6, other, [correction("deleted")])  # a document that is gone
        written = [
            replace(edit, task_id=1, annotation_id=5, ocr_text=HELD),
            correction("box", task_id=1, annotation_id=5, at=DAY.format(3)),
            correction("confirmed", task_id=2, annotation_id=6, at=DAY.format(2)),
        ]
        assert list(store.ledger.corrections(P)) == written
        assert list(store.ledger.corrections(P, limit=2, newest_first=False)) == written[:0:-1]
        assert list(store.ledger.annotations(P)) == sorted(
            [replace(second, document_id=ids[1]), replace(other, document_id=ids[2])], key=lambda one: one.document_id
        )
        assert store.ledger.counts(P) == {"box": 1, "confirmed": 1, "text": 1}
        assert store.ledger.known(ids.values()) == {
            ids[1]: {5: DAY.format(3)}, ids[2]: {6: DAY.format(2)}, ids[3]: {},
        }  # fmt: skip
        assert store.ledger.annotations_of([ids[2], ids[2], ids[3], 10**6]) == [replace(other, document_id=ids[2])]
        store.ledger.keep_only(ids[1], [])
        store.ledger.keep_only(ids[2], [6, 8])
        assert list(store.ledger.corrections(P)) == written[2:]

    def test_corrections_are_streamed_in_order_over_pages(self, store: Store, ids: dict[int, int]) -> None:
        made = [correction(region_id=str(n), at=DAY.format(1 + n % 2)) for n in range(1001)]
        store.ledger.put(ids[1], annotation(5), made)
        places = [int(one.region_id) for one in store.ledger.corrections(P)]
        assert places == [*range(999, 0, -2), *range(1000, -1, -2)]
        assert [int(one.region_id) for one in store.ledger.corrections(P, limit=700)] == places[:700]

    def test_who_annotated_and_what_they_were_shown_is_listed_once(self, store: Store, ids: dict[int, int]) -> None:
        for number, (version, person) in enumerate([("v2", 8), ("v1", 7), ("", None), ("v2", 7)]):
            record = annotation(number, shown_version=version, completed_by=person)
            store.ledger.put(ids[1 + number % 2], record, [])
        assert (store.ledger.shown_versions(P), store.ledger.annotators(P)) == (["v1", "v2"], [7, 8])
        assert (store.ledger.shown_versions("another"), store.ledger.annotators("another")) == ([], [])

    def test_the_truth_of_a_document_is_its_ground_truth_else_the_newest_reviewed_one(
        self, store: Store, ids: dict[int, int]
    ) -> None:
        for record in (
            annotation(1, 1),
            annotation(2, 3),
            annotation(3, 4, skipped=True),
            annotation(4, 5, reviewed=False),
        ):
            store.ledger.put(ids[1], record, [])
        gold = annotation(5, 1, ground_truth=True)
        store.ledger.put(ids[2], gold, [])
        store.ledger.put(ids[2], annotation(6, 2), [])
        store.ledger.put(ids[3], annotation(7, 1, skipped=True, ground_truth=True), [])
        unreadable = annotation(8, 2, ground_truth=True, reviewed=False, fields=())
        store.ledger.put(ids[3], unreadable, [])
        both = [
            (document(1, id=ids[1], content="c1"), annotation(2, 3, document_id=ids[1])),
            (document(2, id=ids[2], data={"image": ODD}), replace(gold, document_id=ids[2])),
        ]
        pages, after = [], 0
        while page_of_one := store.samples.missing(P, limit=1, after=after):
            pages += page_of_one
            after = page_of_one[-1][0].id
        assert store.samples.missing(P) == pages == both

    def test_a_sample_is_missing_until_it_is_of_the_truth_and_stale_without_one(
        self, store: Store, ids: dict[int, int]
    ) -> None:
        def missing() -> list[tuple[int, int]]:
            return [(kept.task_id, truth.annotation_id) for kept, truth in store.samples.missing(P)]

        store.ledger.put(ids[1], annotation(1, 1), [])
        store.samples.put(ids[1], sample("c1", day=1))
        assert (missing(), store.samples.stale(P)) == ([], [])
        store.ledger.put(ids[1], annotation(2, 2), [])
        assert missing() == [(1, 2)]
        store.samples.put(ids[1], sample("c1", day=2))
        assert missing() == []
        store.documents.set_content(ids[1], "other pixels")
        assert missing() == [(1, 2)]
        store.samples.put(ids[1], sample("other pixels", by=8, day=2))
        assert missing() == [(1, 2)]
        store.ledger.keep_only(ids[1], [])
        assert (missing(), store.samples.stale(P)) == ([], [ids[1]])
        store.samples.remove(ids[1])
        assert (store.samples.stale(P), store.samples.load(P)) == ([], [])

    def test_documents_with_the_same_pixels_are_one_sample_the_newest_confirmed(
        self, store: Store, ids: dict[int, int]
    ) -> None:
        newest = Sample("same", Document((page(word("東", line=2, block=1)),)), (WHOLE_FIELD,), None, DAY.format(3))
        store.samples.put(ids[1], newest)
        store.samples.put(ids[2], sample("same", day=2, text="old"))
        store.samples.put(ids[3], sample("first"))
        store.samples.put(10**6, sample("gone"))
        assert repr(store.samples.load(P)) == repr([sample("first"), newest])
        assert store.samples.count(P) == 2
        assert [[one.content for one in store.samples.load(P, newest)] for newest in (0, 1, 2)] == [
            [], ["same"], ["first", "same"],
        ]  # fmt: skip

    def test_the_state_of_the_samples_is_another_one_after_every_change(
        self, store: Store, ids: dict[int, int]
    ) -> None:
        states = [store.samples.state(P)]

        def changed() -> bool:
            states.append(store.samples.state(P))
            return states[-1] != states[-2]

        store.samples.put(ids[1], sample("a", day=2))
        assert changed()
        assert not changed()
        store.samples.put(ids[2], sample("b", day=1))
        assert changed()
        store.samples.put(ids[2], sample("b", day=1, text="another"))
        assert changed()
        assert store.samples.stamps(P, 1).keys() == {"a"}
        before = store.samples.stamps(P, 9)
        assert before.keys() == {"a", "b"}
        store.samples.put(ids[2], sample("b", day=3))
        assert changed()
        after = store.samples.stamps(P, 9)
        assert {content for content in after if after[content] != before[content]} == {"b"}
        assert [one.content for one in store.samples.load(P, only=["b", "c"])] == ["b"]
        store.samples.remove(ids[1])
        assert changed()

    def test_a_sample_is_untold_until_it_was_told_and_again_when_it_changes(
        self, store: Store, ids: dict[int, int]
    ) -> None:
        store.samples.put(ids[1], sample("a", day=1))
        store.samples.put(ids[2], sample("b", day=1))
        (first, second) = store.samples.untold(P, 9)
        assert (first[0], second) == (ids[1], (ids[2], sample("b", day=1)))
        assert store.samples.untold(P, 1) == [first]
        store.samples.put(ids[2], sample("b", day=2))  # while the others were told
        store.samples.told({number: one.confirmed_at for number, one in (first, second)})
        assert store.samples.untold(P, 9) == [(ids[2], sample("b", day=2))]
        store.samples.put(ids[1], sample("a", day=3))
        assert [number for number, _ in store.samples.untold(P, 9)] == [ids[1], ids[2]]

    def test_a_sample_knows_who_read_it_and_gets_other_words_alone(self, store: Store, ids: dict[int, int]) -> None:
        store.samples.put(ids[1], sample("a", day=1), "91c0de55")
        store.samples.put(ids[2], sample("b", day=1))
        store.samples.told({ids[1]: DAY.format(1), ids[2]: DAY.format(1)})
        assert store.samples.read_by_others(P, "", 9) == [(ids[1], "a")]
        assert store.samples.read_by_others(P, "00000000", 1) == [(ids[1], "a")]
        assert store.samples.read_by_others(P, "00000000", 9, after=ids[1]) == [(ids[2], "b")]
        words = Document((page(word("12.60")),))
        assert store.samples.put_words(ids[2], "b", words, "91c0de55")
        assert store.samples.read_by_others(P, "91c0de55", 9) == []
        assert store.samples.load(P, only=["b"]) == [replace(sample("b", day=1), document=words)]
        assert store.samples.untold(P, 9) == []
        assert not store.samples.put_words(ids[2], "other pages by now", words, "")
        assert not store.samples.put_words(10**6, "gone", words, "")

    def test_a_sample_that_is_too_large_or_broken_costs_no_other_one(
        self, store: Store, ids: dict[int, int], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        for number, text in ((ids[1], "old"), (ids[2], "new"), (ids[3], "other")):
            store.samples.put(number, sample("one" if text == "other" else "same", text=text, day=number))
        broken = sample_table.update().where(sample_table.c.document_id == ids[2]).values(body=b"secret")
        with store._database.write() as connection:
            connection.execute(broken)
        assert store.samples.load(P) == [
            sample("one", text="other", day=ids[3]),
            sample("same", text="old", day=ids[1]),
        ]
        assert "stored sample same cannot be read" in caplog.text
        monkeypatch.setattr(packing, "_LARGEST", 500)
        with pytest.raises(StoreError, match="500 can be kept") as caught:
            store.samples.put(ids[1], sample("huge", text="x" * 500))
        assert (caught.value.code, store.samples.count(P)) == ("sample_too_large", 2)
