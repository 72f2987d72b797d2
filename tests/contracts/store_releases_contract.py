"""What every store must keep of releases; a part of ``StoreContract``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa
from made_receipts import SPECS, made_receipt

from builders import found
from contracts.store_builders import P, document, project, rows, sample
from ml_backend.document.fields import FieldSpec
from ml_backend.document.samples import Sample
from ml_backend.errors import DocloopError
from ml_backend.store.opening import connect
from ml_backend.store.release_diff import FieldChanges, diff
from ml_backend.store.release_records import Release
from ml_backend.store.store import Store, open_store
from ml_backend.store.tables import frozen_samples

TOTAL = (FieldSpec("total", "amount"),)
RECEIPTS = "8dfb0628284aecdf9cbe3fc0fe34128e00f4da38e8378bbfc87b0af9fbaeb32b"
"""The id of the first five made receipts: another one would name all releases in the world anew."""


def put(store: Store, samples: Mapping[int, Sample], uid: str = P) -> dict[int, int]:
    """Documents with these samples, by task; their ids."""
    ids = store.documents.put_many(uid, [document(task, content=one.content) for task, one in samples.items()])
    made = {task: number for (task, _), number in ids.items()}
    for task, one in samples.items():
        store.samples.put(made[task], one)
    return made


def freeze(store: Store, specs: tuple[FieldSpec, ...] = TOTAL, **more: Any) -> Release:
    return store.releases.freeze(project(), specs, 100.0, **more)


def statements(store: Store) -> list[str]:
    """What is written to the database from now on."""
    said: list[str] = []

    def note(_: object, __: object, statement: str, *rest: object) -> None:
        said.extend([statement] if statement.startswith(("INSERT", "UPDATE", "DELETE")) else [])

    sa.event.listen(store._database.engine, "before_cursor_execute", note)
    return said


class StoreReleasesContract:
    """Same content, same id; what is frozen stays, until its document is deleted."""

    def test_the_same_documents_have_the_same_id_on_every_database_and_for_ever(self, store: Store) -> None:
        store.projects.put(project())
        put(store, {task: made_receipt(task) for task in range(5)})
        made = freeze(store, SPECS)
        assert made.id == RECEIPTS
        assert store.releases.load(made) == sorted(map(made_receipt, range(5)), key=lambda one: one.content)
        assert (made.labels, made.samples, made.deleted) == (SPECS, 5, 0)

    def test_an_id_is_about_what_documents_say_and_about_nothing_else(self, store: Store) -> None:
        first = replace(sample("a"), fields=(found(text="1"), found("date", "2")))
        names = []
        for uid, same in (
            ("1", first),
            ("2", replace(first, annotator=None, confirmed_at="2027", fields=tuple(reversed(first.fields)))),
            ("3", replace(first, fields=(found(text="1", id="r9", confidence=0.1, value="1.00"), first.fields[1]))),
            ("4", replace(first, fields=first.fields[:1])),
            ("5", replace(first, fields=(first.fields[0], replace(first.fields[1], text="3")))),
            ("6", replace(first, content="c")),
            ("7", sample("a", text="others words")),
        ):
            store.projects.put(project(uid, int(uid)))
            put(store, {1: same}, uid)
            names.append(store.releases.freeze(project(uid, int(uid)), TOTAL, 1.0).id)
        names.append(store.releases.freeze(project("1", 1), (FieldSpec("total"),), 1.0).id)
        assert names[0] == names[1] == names[2]
        assert len(set(names)) == 6

    def test_freezing_twice_costs_nothing_and_a_change_costs_one_state(self, store: Store) -> None:
        store.projects.put(project(title="Receipts"))
        ids = put(store, {task: sample(str(task)) for task in range(5)})
        made = freeze(store, licence="CC0")
        said = statements(store)
        assert freeze(store) == made
        assert [one.split("(")[0] for one in said] == ["INSERT INTO releases "]  # which does nothing
        store.samples.put(ids[3], sample("3", text="13.00"))
        changed = freeze(store)
        assert rows(store)["frozen_samples"] == 6
        assert (changed.manifest["parents"], changed.manifest["licence"]) == ([made.id], "")
        assert store.releases.all(P) == [changed, made]
        assert [one.fields[0].text for one in store.releases.load(made)] == ["12.50"] * 5
        assert [one.fields[0].text for one in store.releases.load(changed)] == ["12.50"] * 3 + ["13.00", "12.50"]
        assert freeze(store, licence="CC-BY-4.0").manifest["licence"] == "CC-BY-4.0"

    def test_of_documents_with_the_same_pages_the_newest_confirmation_is_frozen(self, store: Store) -> None:
        store.projects.put(project())
        put(store, {1: sample("a", day=2, text="new"), 2: sample("a", by=8, day=1, text="old"), 3: sample("b", day=1)})
        assert store.releases.load(freeze(store)) == [sample("a", day=2, text="new"), sample("b", day=1)]
        assert store.releases.load(freeze(store, newest=1)) == [sample("a", day=2, text="new")]
        assert freeze(store).manifest["annotators"] == {"7": 2}

    def test_a_deleted_document_taints_its_releases_and_takes_its_text_along(self, store: Store) -> None:
        store.projects.put(project())
        ids = put(store, {task: sample(str(task)) for task in range(3)})
        first = freeze(store)
        store.samples.put(ids[1], sample("1", text="13.00"))
        second = freeze(store)
        assert store.releases.forget_gone(150.0) == []
        store.documents.remove([ids[1]])
        assert store.releases.forget_gone(200.0) == ["1"]
        assert store.releases.forget_gone(300.0) == []
        assert store.releases.tainted(P) == {first.id: 1, second.id: 1}
        assert store.releases.all(P) == [replace(one, deleted=1, deleted_at=200.0) for one in (second, first)]
        assert [one.content for one in store.releases.load(first)] == ["0", "2"]
        assert [one.content for one in store.releases.held(first)] == ["0", "1", "2"]  # their hashes stay
        with store._database.read() as connection:
            left = connection.execute(sa.select(frozen_samples.c.content).where(frozen_samples.c.body.is_not(None)))
            assert sorted(left.scalars()) == ["0", "2"]
        rest = freeze(store)
        assert (rest.samples, rest.deleted, rest.manifest["parents"]) == (2, 0, [second.id])

    def test_a_project_that_goes_takes_the_text_along_and_that_of_another_one_stays(self, store: Store) -> None:
        both = [project(uid, int(uid), title=f"of {uid}") for uid in ("1", "2")]
        for each in both:
            store.projects.put(each)
            put(store, {1: sample("a")}, each.uid)
        one, other = (store.releases.freeze(each, TOTAL, 1.0) for each in both)
        assert one.id == other.id
        store.projects.remove("1")
        assert store.releases.forget_gone(2.0) == ["a"]
        assert (store.releases.load(one), store.releases.load(other)) == ([], [sample("a")])
        assert [store.releases.all(each.uid)[0].manifest["project"] for each in both] == ["", "of 2"]
        assert (store.releases.tainted("1"), store.releases.tainted("2")) == ({one.id: 1}, {})
        assert store.releases.forget(["a", "?"], 3.0) == ["a"]
        assert store.releases.load(other) == []

    def test_a_document_deleted_while_it_is_frozen_leaves_no_text(
        self, store: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        store.projects.put(project())
        ids = put(store, {task: sample(str(task)) for task in range(2)})
        freezing = store.releases._frozen
        read = freezing.freeze

        def read_and_lose(uid: str, newest: int | None) -> Any:
            states = read(uid, newest)
            store.documents.remove([ids[0]])
            return states

        monkeypatch.setattr(freezing, "freeze", read_and_lose)
        made = freeze(store)
        assert (made.samples, made.deleted) == (2, 1)
        assert store.releases.load(made) == [sample("1")]

    def test_what_came_back_word_for_word_is_no_taint(self, store: Store) -> None:
        store.projects.put(project())
        ids = put(store, {1: sample("a"), 2: sample("b")})
        made = freeze(store)
        store.documents.remove([ids[1]])
        store.releases.forget_gone(2.0)
        assert store.releases.tainted(P) == {made.id: 1}
        put(store, {3: sample("a")})
        assert freeze(store) == made
        assert store.releases.load(made) == [sample("a"), sample("b")]

    def test_a_release_is_found_by_the_first_digits_of_its_id(self, store: Store) -> None:
        store.projects.put(project())
        put(store, {1: sample("a")})
        made = freeze(store)
        assert store.releases.find(made.id[:6]) == store.releases.find(made.id, P) == made
        assert (store.releases.get(P, made.id), store.releases.get("?", made.id)) == (made, None)
        for unknown in ("", made.id[:3], "0123abcd", "%%%%", "____"):
            with pytest.raises(DocloopError, match="There is no release") as caught:
                store.releases.find(unknown)
            assert caught.value.code == "release_unknown"

    def test_a_diff_says_what_came_went_and_changed(self, store: Store) -> None:
        store.projects.put(project())
        ids = put(store, {task: sample(str(task)) for task in range(4)})
        before = freeze(store)
        same = replace(sample("1"), fields=(found(text="13.00"), found("date", "2.1.2026")))
        store.samples.put(ids[1], same)
        store.samples.put(ids[2], replace(sample("2", text="read anew"), fields=sample("2").fields))
        store.documents.remove([ids[0]])
        put(store, {9: sample("9")})
        specs = (*TOTAL, FieldSpec("date", "date", required=True))
        after = freeze(store, specs)
        split = {one.content: one.split for release in (before, after) for one in store.releases.held(release)}
        changes = diff(store.releases, before, after)
        assert (changes.came, changes.went) == ([("9", split["9"])], [("0", split["0"])])
        assert changes.changed == [("1", split["1"]), ("2", split["2"])]
        assert (changes.words, changes.unknown, changes.moved) == (1, 1, {})
        assert (changes.labels_came, changes.labels_went) == (["date (date, required)"], [])
        assert changes.fields == {"date": FieldChanges(came=1), "total": FieldChanges(came=1, changed=1)}
        assert diff(store.releases, after, after).same

    def test_releases_of_an_older_docloop_stay_by_name_and_say_what_was_deleted(self, empty_url: str) -> None:
        from alembic import command

        from ml_backend.store.schema import alembic_config

        database = connect(empty_url)
        with database.write() as connection:
            config = alembic_config()
            config.attributes["connection"] = connection
            command.upgrade(config, "0004")
            for statement in (
                "INSERT INTO projects (uid, project_id, title, fingerprint, label_config, cursor, swept_at, looked_at, fault,"
                " answer, answered_at, refusal, trained_samples, followed)"
                f" VALUES ('{P}', 1, '', '', '', '', 0, 0, '', '', 0, '', 0, true)",
                "INSERT INTO documents (project_uid, task_id, created_at, updated_at, data, content, open)"
                f" VALUES ('{P}', 1, '', '', '{{}}', 'a', false)",
                f"""INSERT INTO releases VALUES ('abcd1', '{P}', '{{"a":"train","b":"test"}}')""",
                f"""INSERT INTO releases VALUES ('abcd2', '{P}', '{{"a":"train","b":"test","c":"val"}}')""",
            ):
                connection.execute(sa.text(statement.replace(":", r"\:")))
        database.engine.dispose()
        store = open_store(empty_url)
        store.releases.forget_gone(5.0)
        assert store.releases.tainted(P) == {"abcd1": 1, "abcd2": 2}
        old = store.releases.find("abcd1")
        assert [(one.content, one.split, one.hash, one.deleted) for one in store.releases.held(old)] == [
            ("a", "train", "", False),
            ("b", "test", "", True),
        ]
        assert (old.samples, store.releases.load(old)) == (2, [])
        put(store, {1: sample("a")})
        assert freeze(store).samples == 1
        found = diff(store.releases, old, store.releases.find("abcd2"))
        assert (found.came, found.changed, found.unknown, found.same) == ([("c", "val")], [], 3, False)
        found = diff(store.releases, old, freeze(store))
        assert (found.went, found.changed, found.unknown, found.fields) == ([("b", "test")], [], 2, {})
        assert diff(store.releases, old, old).same
        store.close()
