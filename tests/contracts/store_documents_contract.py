"""What every store must keep of projects, documents and predictions; a part of ``StoreContract``."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest

from contracts.store_builders import (
    DAY,
    HELD,
    ODD,
    WHOLE_FIELD,
    P,
    document,
    prediction,
    project,
    rows,
)
from ml_backend.errors import StoreError
from ml_backend.store.store import Store


class StoreDocumentsContract:
    """Projects, documents, predictions."""

    def test_a_project_is_kept_whole_and_found_by_its_newest_number(self, store: Store) -> None:
        old = project("9@2025", 5, title=HELD, fault="gone", fault_since=1.5, followed=False, label_config="<View/>")
        new = project("1@2026", 5, trained_samples=3, cursor="c", swept_at=1.25)
        for record in (old, new, old):
            store.projects.put(record)
        assert store.projects.all() == [old, new]
        assert (store.projects.get("9@2025"), store.projects.by_number(5), store.projects.get("?")) == (old, new, None)
        store.projects.update("1@2026", fault="why", fault_since=None)
        assert store.projects.get("1@2026") == replace(new, fault="why")
        with pytest.raises(ValueError, match=r"no \['titel'\].*title"):
            store.projects.update("1@2026", titel="x")

    def test_documents_are_updated_by_task_and_creation_time_and_keep_their_content(
        self, store: Store, ids: dict[int, int]
    ) -> None:
        again = store.documents.put_many(
            P, [document(1, updated_at="later", open=False), document(1, created_at="new")]
        )
        assert again == {(1, DAY.format(1)): ids[1], (1, "new"): max(again.values())}
        assert store.documents.get(ids[1]) == document(1, id=ids[1], updated_at="later", open=False, content="c1")
        assert store.documents.get(ids[2]) == document(2, id=ids[2], data={"image": ODD})
        newest = document(1, id=again[1, "new"], created_at="new")
        assert store.documents.get(newest.id) == newest
        assert store.documents.ids(P) == {
            1: (newest.id, "new", newest.updated_at),
            **{task: (ids[task], DAY.format(1), DAY.format(1)) for task in (2, 3)},
        }
        store.documents.set_content(ids[3], "c3")
        assert list(store.documents.unpredicted(P, "v1")) == sorted(
            [newest, document(2, id=ids[2], data={"image": ODD}), document(3, id=ids[3], content="c3")],
            key=lambda record: record.id,
        )
        assert (store.documents.count(P), store.documents.count("?")) == (4, 0)
        assert (store.documents.count(P, open_only=True), store.documents.count("?", open_only=True)) == (3, 0)

    def test_pages_are_known_as_long_as_a_document_has_them(self, store: Store, ids: dict[int, int]) -> None:
        store.documents.set_contents(
            {ids[3]: ("c3", ("b" * 64,)), ids[2]: ("c2", ("a" * 64, "b" * 64)), 99: ("c9", ())}
        )
        assert store.documents.digests() == {"a" * 64, "b" * 64}
        store.documents.set_content(ids[2], "")  # its data were changed
        assert store.documents.digests() == {"b" * 64}
        store.documents.remove([ids[3]])
        assert store.documents.digests() == set()
        assert (store.documents.numbers(P), store.documents.numbers("?")) == ({ids[1], ids[2]}, set())

    def test_documents_are_held_until_the_transaction_ends(self, store: Store, ids: dict[int, int]) -> None:
        done: list[str] = []

        def change() -> None:
            store.documents.set_content(ids[1], "later")
            done.append("changed")

        other = threading.Thread(target=change)
        with store.transaction():
            assert store.documents.get_many([*ids.values(), 99], hold=True).keys() == set(ids.values())
            other.start()
            other.join(0.2)
            done.append("held")
        other.join(10.0)
        assert done == ["held", "changed"]

    def test_an_id_is_never_given_out_again(self, store: Store, ids: dict[int, int]) -> None:
        store.documents.remove(ids.values())
        assert min(store.documents.put_many(P, [document(1)]).values()) > max(ids.values())

    def test_a_loop_over_thousands_of_documents_may_write_and_sees_each_once(self, store: Store) -> None:
        store.projects.put(project())
        store.documents.put_many(P, [document(task) for task in range(1001)])
        seen = []
        for record in store.documents.unpredicted(P, "v1"):
            seen.append(record.task_id)
            if record.task_id % 400 == 0:
                store.documents.put_many(P, [replace(record, open=False)])
        assert seen == list(range(1001))
        assert sum(1 for _ in store.documents.unpredicted(P, "v1")) == 998

    def test_documents_of_an_unknown_project_are_refused_without_their_text(self, store: Store) -> None:
        with pytest.raises(StoreError) as caught:
            store.documents.put_many("?", [document(1, data={"image": "secret"})])
        assert (caught.value.code, "secret" in str(caught.value)) == ("database_refused", False)

    def test_a_value_that_no_column_holds_is_refused_without_it_and_such_a_project_is_unknown(
        self, store: Store, ids: dict[int, int]
    ) -> None:
        for bad in (document(10**23), document(9, data={"image": object()})):
            with pytest.raises(StoreError) as caught:
                store.documents.put_many(P, [bad])
            assert (caught.value.code, "10000" in str(caught.value)) == ("database_refused", False)
        assert store.documents.count(P) == 3
        assert [store.projects.by_number(number) for number in (10**23, -(10**23))] == [None, None]

    def test_predictions_come_back_whole_and_open_ones_in_the_order_they_are_asked(
        self, store: Store, ids: dict[int, int]
    ) -> None:
        whole = prediction(
            ids[2], score=0.1, fields=(WHOLE_FIELD,), engines=("a/b",), priority=3, reasons=("new",), signature=(0.1, 1 / 3),
            pushed_at=5.5,
        )  # fmt: skip
        others = [prediction(ids[3], score=0.1), prediction(ids[1], score=0.9), prediction(ids[1], "v2")]
        store.predictions.put_many([prediction(ids[2], score=0.7), prediction(10**6), *others])
        store.predictions.put_many([whole])
        kept = {task: store.documents.get(ids[task]) for task in ids}
        assert store.predictions.ranking(P, "v1", None) == [
            (whole, kept[2]), (others[0], kept[3]), (others[1], kept[1]),
        ]  # fmt: skip
        [(read, _)] = store.predictions.ranking(P, "v1", 1)
        assert repr(read) == repr(whole)  # also what takes no part in equality
        assert store.predictions.signatures(P, "v1") == [(0.1, (0.1, 1 / 3)), (0.1, ()), (0.9, ())]
        store.documents.put_many(P, [document(3, open=False)])
        assert [one.task_id for _, one in store.predictions.ranking(P, "v1")] == [2, 1]
        assert (store.predictions.covered(P, "v1"), store.predictions.covered(P, "v2")) == ((2, 2), (1, 2))
        store.predictions.drop(P, keep=["v2"])
        assert sorted(store.predictions.beliefs(ids.values())) == [(ids[1], "v2"), (ids[3], "v1")]  # 3 is annotated

    def test_open_documents_without_a_prediction_of_a_version_are_found(
        self, store: Store, ids: dict[int, int]
    ) -> None:
        store.predictions.put_many([prediction(ids[1]), prediction(ids[1], "v2"), prediction(ids[2], "v2")])
        store.documents.put_many(P, [document(3, open=False)])
        assert [one.task_id for one in store.documents.unpredicted(P, "v1")] == [2]
        assert list(store.documents.unpredicted(P, "v2")) == []
        store.predictions.remove(ids[1])
        assert [one.task_id for one in store.documents.unpredicted(P, "v2")] == [1]
        assert rows(store)["predictions"] == 1

    def test_what_was_shown_is_the_newest_prediction_pushed_before(self, store: Store, ids: dict[int, int]) -> None:
        first, second = (prediction(ids[1], version, pushed_at=at) for version, at in (("b", 100.0), ("a", 200.0)))
        store.predictions.put_many([second, first, prediction(ids[2], pushed_at=150.0)])
        times = {"00:01:39.9Z": None, "00:01:40Z": first, "01:03:19+01:00": first, "00:03:20.000001Z": second}
        assert {at: store.predictions.shown_before(ids[1], f"1970-01-01T{at}") for at in times} == times

    def test_a_deletion_changes_the_mark_of_deletions_and_nothing_else_does(
        self, store: Store, ids: dict[int, int]
    ) -> None:
        marks = [store.projects.deletions()]
        store.documents.put_many(P, [document(9), document(1, updated_at="later")])
        store.documents.remove([10**6])
        store.projects.put(project(title="New"))
        store.projects.update(P, cursor="c")
        assert store.projects.deletions() == marks[0]
        with store.transaction():
            store.documents.remove([ids[1], ids[2]])
        marks.append(store.projects.deletions())
        store.documents.put_many(P, [document(1)])
        store.documents.remove([ids[3]])
        marks.append(store.projects.deletions())
        store.projects.remove(P)
        marks.append(store.projects.deletions())
        assert len(set(marks)) == 4
