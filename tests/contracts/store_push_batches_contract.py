"""What every store must keep of a push that several workers share; a part of ``StoreContract``."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from contracts.store_builders import DAY, ODD, P, document, project, rows
from ml_backend.store.push_batches import Claim, ClaimedDocument
from ml_backend.store.store import Store, open_store


class StorePushBatchesContract:
    """A batch is one worker's at a time, and nobody waits for a dead one."""

    def test_a_batch_goes_from_its_post_to_its_end(self, store: Store, ids: dict[int, int]) -> None:
        batches = store.push_batches
        assert batches.post(P, "v1", [[ids[2], ids[1]], [ids[3]]]) == [1, 2]
        assert batches.wanting(5.0) == [(P, "v1")]
        first = Claim(
            1,
            tuple(
                ClaimedDocument(number, task, {"image": image})
                for number, task, image in sorted([(ids[1], 1, "/data/1.png"), (ids[2], 2, ODD)])
            ),
        )
        assert batches.claim(P, "v1", "ann", 5.0, 10.0) == first
        assert batches.claim(P, "v1", "bob", 5.0, 10.0) == Claim(
            2, (ClaimedDocument(ids[3], 3, {"image": "/data/3.png"}),)
        )
        assert batches.claim(P, "v1", "cli", 5.0, 10.0) is None
        assert (batches.wanting(5.0), batches.answered([1, 2])) == ([], {})
        assert batches.answer(1, "ann", {ids[1]: {"text": ODD}, 10**6: {"text": "of no document"}})
        assert batches.answered([1, 2]) == {1: {ids[1]: {"text": ODD}, ids[2]: {}}}
        assert batches.claim(P, "v1", "ann", 99.0, 10.0) == Claim(
            2, (ClaimedDocument(ids[3], 3, {"image": "/data/3.png"}),)
        )
        batches.drop([1])
        assert rows(store) == {"projects": 1, "documents": 3, "push_batches": 1, "push_answers": 1}
        batches.clear(P)
        assert rows(store) == {"projects": 1, "documents": 3}

    def test_a_claim_is_kept_by_renewing_it_and_lost_by_dying(self, store: Store, ids: dict[int, int]) -> None:
        batches = store.push_batches
        batches.post(P, "v1", [[ids[1]]])
        assert batches.claim(P, "v1", "ann", 5.0, 10.0) is not None
        batches.renew("ann", 14.0, 10.0)
        assert batches.claim(P, "v1", "bob", 20.0, 10.0) is None
        assert batches.claim(P, "v1", "bob", 24.0, 10.0) is not None
        batches.renew("ann", 25.0, 100.0)  # who was not dead, but frozen
        batches.release("ann")
        assert not batches.answer(1, "ann", {ids[1]: {"by": "ann"}})
        assert batches.answer(1, "bob", {ids[1]: {"by": "bob"}})
        assert not batches.answer(1, "bob", {ids[1]: {"by": "bob again"}})
        assert batches.answered([1]) == {1: {ids[1]: {"by": "bob"}}}

    def test_a_claim_from_before_the_clock_was_set_back_is_none(self, store: Store, ids: dict[int, int]) -> None:
        batches = store.push_batches
        batches.post(P, "v1", [[ids[1]]])
        assert batches.claim(P, "v1", "dead", 7200.0, 20.0)
        assert batches.wanting(10.0) == [(P, "v1")]
        assert batches.claim(P, "v1", "me", 10.0, 20.0)
        assert (batches.wanting(10.0), batches.claim(P, "v1", "you", 10.0, 20.0)) == ([], None)
        assert not batches.answer(1, "dead", {})

    def test_what_a_leader_left_is_there_for_the_next_one_until_it_is_imported(
        self, store: Store, ids: dict[int, int]
    ) -> None:
        batches = store.push_batches
        batches.post(P, "v0", [[ids[3]]])
        assert batches.left(P, "v1", 15.0) == {}
        assert rows(store) == {"projects": 1, "documents": 3}, "what was of another version is gone"
        done, open_ = batches.post(P, "v1", [[ids[1], ids[2]], [ids[3]]])
        batches.claim(P, "v1", "ann", 5.0, 10.0)
        batches.answer(done, "ann", {ids[1]: {"by": "ann"}})
        assert batches.left(P, "v1", 15.0) == {done: sorted([ids[1], ids[2]]), open_: [ids[3]]}
        batches.imported([ids[1]])
        assert batches.left(P, "v1", 15.0) == {done: [ids[2]], open_: [ids[3]]}
        assert batches.left(P, "v1", 15.1) == {open_: [ids[3]]}, "answers from before that are too old"
        again = batches.post(P, "v1", [[ids[2]]])[0]
        batches.claim(P, "v1", "ann", 5.0, 10.0)  # the older one
        batches.claim(P, "v1", "ann", 5.0, 10.0)
        batches.answer(again, "ann", {ids[2]: {"by": "ann"}})
        batches.imported([ids[2]])
        assert batches.left(P, "v1", 15.0) == {open_: [ids[3]]}
        assert batches.answered([done, open_]) == {done: {}}, "one that is gone is waited for by nobody"

    def test_what_is_given_back_is_free_at_once(self, store: Store, ids: dict[int, int]) -> None:
        batches = store.push_batches
        batches.post(P, "v1", [[ids[1]], [ids[2]], [ids[3]]])
        taken = [batches.claim(P, "v1", "ann", 5.0, 10.0) for _ in range(3)]
        assert [claim.batch for claim in taken if claim] == [1, 2, 3]
        assert batches.answer(3, "ann", {})
        batches.release("ann", 2)
        free = batches.claim(P, "v1", "bob", 5.0, 10.0)
        assert (free.batch if free else 0, batches.claim(P, "v1", "bob", 5.0, 10.0)) == (2, None)
        batches.release("ann")
        free = batches.claim(P, "v1", "bob", 5.0, 10.0)
        assert (free.batch if free else 0, sorted(batches.answered([1, 2, 3]))) == (1, [3])

    def test_nobody_gets_a_batch_of_another_version_or_project(self, store: Store, ids: dict[int, int]) -> None:
        store.projects.put(project("b", 2))
        store.push_batches.post(P, "v1", [[ids[1]]])
        assert store.push_batches.claim(P, "v2", "ann", 5.0, 10.0) is None
        assert store.push_batches.claim("b", "v1", "ann", 5.0, 10.0) is None
        store.push_batches.clear("b")
        assert store.push_batches.wanting(5.0) == [(P, "v1")]

    def test_what_was_predicted_goes_with_its_document_and_its_project(self, store: Store, ids: dict[int, int]) -> None:
        batches = store.push_batches
        batches.post(P, "v1", [[ids[1], ids[2]], [ids[3]]])
        batches.claim(P, "v1", "ann", 5.0, 10.0)
        store.documents.remove([ids[2]])  # while it is being predicted
        assert batches.answer(1, "ann", {ids[1]: {"text": "kept"}, ids[2]: {"text": "deleted"}})
        assert batches.answered([1, 2]) == {1: {ids[1]: {"text": "kept"}}}
        store.documents.remove([ids[1], ids[3]])
        assert rows(store) == {"projects": 1, "push_batches": 2}
        assert batches.claim(P, "v1", "ann", 5.0, 10.0) == Claim(2, ())
        batches.post(P, "v1", [[ids[1]], []])
        store.projects.remove(P)
        assert rows(store) == {}

    def test_many_workers_at_once_never_have_the_same_batch(self, store: Store, url: str) -> None:
        store.projects.put(project())
        put = store.documents.put_many(P, [document(task) for task in range(40)])
        store.push_batches.post(P, "v1", [[put[task, DAY.format(1)]] for task in range(40)])
        others = [open_store(url) for _ in range(3)]

        def work(mine: Store) -> list[int]:
            taken = []
            while claim := mine.push_batches.claim(P, "v1", f"{id(mine)}", 5.0, 10.0):
                taken.append(claim.batch)
                assert mine.push_batches.answer(claim.batch, f"{id(mine)}", {})
            return taken

        with ThreadPoolExecutor(4) as pool:
            taken = [batch for some in pool.map(work, [store, *others]) for batch in some]
        for other in others:
            other.close()
        assert sorted(taken) == list(range(1, 41))
