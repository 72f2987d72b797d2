"""What every store must keep of requests, runs and leases; a part of ``StoreContract``."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier

import pytest

from contracts.store_builders import (
    P,
)
from ml_backend.store.records import TrainingOptions, TrainingRequest
from ml_backend.store.store import Store, open_store


class StoreRunsContract:
    """Nothing that was promised is lost, and nobody works twice."""

    def test_a_request_is_kept_once_until_it_is_answered_also_over_a_restart(self, store: Store, url: str) -> None:
        assert store.runs.request(2, "ann", 5.0) == store.runs.request(2, "bob", 6.0) == TrainingRequest(2, "ann", 5.0)
        store.runs.request(1, "cli", 7.0)
        store.close()
        again = open_store(url)
        assert again.runs.requests() == [TrainingRequest(2, "ann", 5.0), TrainingRequest(1, "cli", 7.0)]
        again.runs.answer(2)
        assert again.runs.requests() == [TrainingRequest(1, "cli", 7.0)]
        again.close()

    def test_what_a_request_wants_outlives_the_process_and_goes_to_its_run(self, store: Store, url: str) -> None:
        assert store.runs.request(1, "ann", 1.0).options == {}
        options: TrainingOptions = {"layout": True, "from_scratch": "small", "release": "ab"}
        wanted = TrainingRequest(1, "bob", 1.0, options)
        assert store.runs.request(1, "bob", 2.0, options) == wanted  # in ann's place
        assert store.runs.request(1, "cli", 3.0) == wanted  # who wants nothing of the kind leaves it as it is
        again = open_store(url)
        assert again.runs.requests() == [wanted]
        begun = again.runs.begin(P, 1, "bob", "asked for", 30, 2.0, request_taken=True)
        assert begun is not None
        assert begun.options == wanted.options
        assert store.runs.claim(begun.id, 4.0).options == wanted.options  # type: ignore[union-attr]
        other = store.runs.begin("b", 2, "docloop", "enough", 30, 5.0)  # nobody asked
        assert other is not None
        assert other.options == {}
        again.close()

    def test_a_run_goes_from_the_request_to_its_end(self, store: Store) -> None:
        store.runs.request(1, "ann", 1.0)
        begun = store.runs.begin(P, 1, "ann", "asked for", 30, 2.0, request_taken=True)
        assert begun is not None
        assert (begun.number, begun.state, begun.samples, store.runs.requests()) == (1, "requested", 30, [])
        assert store.runs.requested() == [store.runs.get(begun.id)] == [store.runs.open_run(P)] == [begun]
        store.runs.request(1, "bob", 2.5)
        assert store.runs.begin(P, 1, "bob", "", 31, 3.0, request_taken=True) is None
        assert store.runs.requests() == [TrainingRequest(1, "bob", 2.5)]
        running = store.runs.claim(begun.id, 4.0)
        assert running == replace(begun, state="running", attempt=1, started_at=4.0, heartbeat_at=4.0)
        assert store.runs.heartbeat(begun.id, 1, 5.0, "fit", 0.5) == replace(
            running, heartbeat_at=5.0, stage="fit", progress=0.5
        )
        assert store.runs.finish(
            begun.id, 1, "succeeded", 6.0, version="v1", verdict="better", metrics={"f1": 0.5}, release="r"
        )
        ended = replace(
            running, heartbeat_at=5.0, stage="fit", progress=0.5, state="succeeded", finished_at=6.0, version="v1",
            verdict="better", metrics={"f1": 0.5}, release="r",
        )  # fmt: skip
        assert (store.runs.get(begun.id), store.runs.open_run(P), store.runs.claim(begun.id, 7.0)) == (
            ended,
            None,
            None,
        )
        second = store.runs.begin(P, 1, "bob", "", 31, 8.0)
        assert store.runs.latest(P, 5) == [second, ended]
        assert (store.runs.latest(P, 1), second and second.number) == ([second], 2)

    def test_who_was_taken_for_dead_cannot_write_any_more(self, store: Store) -> None:
        begun = store.runs.begin(P, 1, "", "why", 1, 1.0)
        assert begun is not None
        for attempt in (1, 2, 3):
            held = store.runs.claim(begun.id, 100.0 * attempt)
            assert held is not None
            assert store.runs.heartbeat(begun.id, attempt - 1, 999.0, "", 0.0) is None  # of the one before that woke up
            assert not store.runs.finish(begun.id, attempt - 1, "succeeded", 999.0, version="late")
            assert (store.runs.silent(100.0 * attempt + 20), store.runs.silent(100.0 * attempt + 21)) == ([], [held])
            left = store.runs.retry_or_fail(held, 100.0 * attempt + 30, "died")
            assert store.runs.retry_or_fail(held, 999.0, "died twice") == left
            assert store.runs.heartbeat(begun.id, attempt, 999.0, "", 0.0) is None
            assert not store.runs.finish(begun.id, attempt, "succeeded", 999.0, version="late")
            assert left.attempt == attempt
            assert (left.state, left.reason) == (("requested", "why") if attempt < 3 else ("failed", "died"))
        assert (
            store.runs.get(begun.id)
            == left
            == replace(
                begun, state="failed", reason="died", attempt=3, started_at=300.0, heartbeat_at=300.0, finished_at=330.0
            )
        )

    def test_a_run_is_cancelled_where_it_stands(self, store: Store) -> None:
        waiting, running, dying = (store.runs.begin(uid, 1, "", "", 1, 1.0) for uid in "abc")
        assert waiting is not None
        assert running is not None
        assert dying is not None
        held = [store.runs.claim(run.id, 2.0) for run in (running, dying)]
        assert [store.runs.cancel(run.id, 3.0) for run in (waiting, running, dying)] == [True, True, True]
        assert store.runs.get(waiting.id) == replace(waiting, state="cancelled", cancel=True, finished_at=3.0)
        told = store.runs.heartbeat(running.id, 1, 4.0, "", 0.0)
        assert told is not None
        assert told.cancel
        assert store.runs.finish(running.id, 1, "cancelled", 5.0)
        assert held[1] is not None
        assert store.runs.retry_or_fail(held[1], 6.0, "died").state == "cancelled"
        assert not any(store.runs.cancel(run.id, 7.0) for run in (waiting, running, dying))
        with pytest.raises(ValueError, match="'running'"):
            store.runs.finish(running.id, 1, "running", 7.0)

    def test_a_run_takes_a_number_above_the_published_ones_and_its_end_is_dated(self, store: Store) -> None:
        for above, number in ((7, 8), (0, 9), (9, 10)):
            run = store.runs.begin(P, 1, "", "", 1, 1.0, above=above)
            assert run is not None
            assert run.number == number
            before = time.time()
            assert store.runs.cancel(run.id)
            ended = store.runs.get(run.id)
            assert ended is not None
            assert before <= (ended.finished_at or 0.0) <= time.time()

    def test_a_run_claimed_or_begun_by_many_at_once_is_had_by_exactly_one(self, store: Store) -> None:
        start = Barrier(6)

        def race(number: int) -> tuple[bool, bool]:
            start.wait()
            begun = store.runs.begin(P, 1, str(number), "", 1, 1.0)
            start.wait()
            open_run = store.runs.open_run(P)
            assert open_run is not None
            return begun is not None, store.runs.claim(open_run.id, 2.0) is not None

        with ThreadPoolExecutor(6) as pool:
            won = list(pool.map(race, range(6)))
        assert [sum(column) for column in zip(*won, strict=True)] == [1, 1]

    def test_a_lease_is_held_by_one_until_it_ends(self, store: Store) -> None:
        take, release, held = store.leases.take, store.leases.release, store.leases.held
        assert (take("worker-1", "a", 10.0, 5.0), take("worker-1", "b", 14.9, 5.0)) == (True, False)
        assert (held("worker-1", 14.9), held("worker-1", 15.0), held("?", 1.0)) == (["worker-1"], [], [])
        assert (take("worker-1", "a", 14.0, 5.0), take("worker-1", "b", 18.0, 5.0)) == (True, False)
        assert (take("worker-1", "b", 19.0, 5.0), take("worker%", "c", 19.0, 5.0)) == (True, True)
        release("worker-1", "a")
        assert (held("worker-", 20.0), held("worker-", 30.0)) == (["worker-1"], [])
        ends = store.leases.ends
        assert [name for name, _ in ends("worker-", 0.0)] == ["worker-1"], "also one that has run out since"
        assert (ends("worker_", 0.0), ends("worker-", 1e9)) == ([], [])
        assert held("worker_", 20.0) == []
        assert (store.leases.renew("worker-1", "b", 90.0, 5.0), held("worker-1", 94.0)) == (True, ["worker-1"])
        assert (store.leases.renew("worker-1", "a", 96.0, 5.0), held("worker-1", 96.0)) == (False, [])
        assert store.leases.among({"worker-1", "worker%", "?"}, 23.0) == {"worker-1", "worker%"}
        assert store.leases.among({"worker-1"}, 95.0) == store.leases.among((), 0.0) == set()
        store.leases.sweep(30.0)
        assert [held(name, 0.0) for name in ("worker-1", "worker%")] == [["worker-1"], []]
        release("worker-1", "b")
        assert held("worker-1", 20.0) == []
        assert not store.leases.renew("worker-1", "b", 20.0, 5.0), "somebody may have had it since"

    def test_a_lease_from_before_the_clock_was_set_back_keeps_nobody_out(self, store: Store) -> None:
        take, among = store.leases.take, store.leases.among
        assert take("look-1", "dead", 7200.0, 20.0)
        assert among({"look-1"}, 10.0, 20.0) == set()
        assert take("look-1", "me", 10.0, 20.0)
        assert (among({"look-1"}, 10.0, 20.0), take("look-1", "you", 10.0, 20.0)) == ({"look-1"}, False)
        assert not store.leases.renew("look-1", "dead", 11.0, 20.0), "who lived all the same has lost it"
        assert not take("look-1", "you", 0.5, 20.0), "clocks that differ a little"

    def test_a_run_names_what_it_learns_from_as_long_as_it_is_ours(self, store: Store) -> None:
        begun = store.runs.begin(P, 1, "ann", "", 30, 1.0)
        assert begun is not None
        running = store.runs.claim(begun.id, 2.0)
        assert running is not None
        assert store.runs.learns_from(begun.id, 1, "ab")
        assert store.runs.get(begun.id) == replace(running, release="ab")
        assert not store.runs.learns_from(begun.id, 0, "cd"), "another attempt's"
        store.runs.cancel(begun.id, 3.0)
        assert not store.runs.learns_from(begun.id, 1, "cd"), "nobody wants it"
        assert store.runs.get(begun.id) == replace(running, release="ab", cancel=True)
