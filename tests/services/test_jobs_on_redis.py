"""The queue and the hints on a real Redis: the same contracts as in a file, and a Redis that goes away and comes back."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
import redis
from redis_server import PASSWORD, RedisServer, new_redis_server
from waiting import until

from contracts.hints_contract import HintsContract
from contracts.job_queue_contract import Clock, JobQueueContract, Seen, running
from ml_backend.errors import SetupError, StoreError
from ml_backend.jobs.hints import Hints, open_hints
from ml_backend.jobs.queue import JobQueue, open_queue
from ml_backend.jobs.redis_hints import RedisHints
from ml_backend.jobs.relayed_hints import RelayedHints


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    server = new_redis_server(tmp_path_factory.mktemp("redis"))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def url(server: RedisServer) -> str:
    server.empty()
    return server.url


class TestQueueOnRedis(JobQueueContract):
    @pytest.fixture
    def opened(self, url: str, tmp_path: Path) -> Iterator[Callable[[Clock], JobQueue]]:
        queues: list[JobQueue] = []

        def opened(clock: Clock) -> JobQueue:
            queues.append(open_queue(url, tmp_path, clock))
            return queues[-1]

        yield opened
        for queue in queues:
            queue.close()

    @pytest.fixture
    def put_raw(self, url: str) -> Callable[[bytes], None]:
        def put_raw(message: bytes) -> None:
            with redis.Redis.from_url(url) as client:
                client.lpush("huey.redis.docloop", message)

        return put_raw


class TestHintsOnRedis(HintsContract):
    @pytest.fixture
    def opened(self, url: str) -> Iterator[Callable[[], Hints]]:
        opened: list[RedisHints] = []

        def again() -> Hints:
            opened.append(RedisHints(url, abandoned_after=0.0))
            return opened[-1]

        yield again
        for each in opened:
            each.close()


class TestRelayedHints(HintsContract):
    """As web and worker have them, when Redis answers."""

    @pytest.fixture
    def opened(self, url: str, tmp_path: Path) -> Iterator[Callable[[], Hints]]:
        opened: list[Hints] = []

        def again() -> Hints:
            opened.append(RelayedHints(RedisHints(url, abandoned_after=0.0), tmp_path, patience=30))
            return opened[-1]

        yield again
        for each in opened:
            each.close()


def test_a_hint_another_machine_took_just_now_is_not_abandoned(url: str, tmp_path: Path) -> None:
    with closing(open_hints(url, tmp_path)) as one, closing(open_hints(url, tmp_path)) as another:
        one.leave(7)
        assert one.take() == [7]
        another.recover()
        assert another.take() == []


def test_what_another_program_put_among_the_hints_is_no_project(url: str, tmp_path: Path) -> None:
    with redis.Redis.from_url(url) as client, closing(open_hints(url, tmp_path)) as hints:
        client.sadd("docloop:hints:changed", "x", "-1", "9" * 40, "7")
        assert hints.take() == [7]


def test_a_redis_that_is_not_there_or_refuses_the_password_is_told_without_it(
    server: RedisServer, url: str, tmp_path: Path
) -> None:
    wrong = url.replace(PASSWORD, "wrong-password")
    nobody = url.replace(str(server.port), "1")
    for address, words in ((wrong, "invalid username-password pair"), (nobody, "127.0.0.1:1 does not answer")):
        with pytest.raises(SetupError, match=words) as caught:
            open_queue(address, tmp_path)
        assert caught.value.code == "redis_unreachable"
        assert "-password@" not in str(caught.value)


def test_a_password_with_a_slash_is_told_without_it(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="special characters") as caught:
        open_queue("redis://:sec/ret@127.0.0.1:6379/0", tmp_path)
    assert "sec" not in str(caught.value)


def test_a_redis_that_went_away_is_told_and_found_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("ml_backend.jobs.queue._PAUSE_SECONDS", 0.1)
    server, look = new_redis_server(tmp_path), Seen()
    server.start()
    try:
        with closing(open_queue(server.url, tmp_path)) as queue, closing(open_hints(server.url, tmp_path)) as hints:
            server.stop()
            for call in (lambda: queue.enqueue("look", 7), queue.waiting, hints.take):
                with pytest.raises(StoreError):
                    call()
            with running(queue, {"look": look}):
                until(lambda: "trying again" in caplog.text)
                server.start()
                assert queue.enqueue("look", 7)
                until(lambda: look.identities == [7])
    finally:
        server.stop()


def test_a_hint_waits_on_this_machine_while_redis_is_away_and_outlives_its_process(tmp_path: Path) -> None:
    server = new_redis_server(tmp_path)
    server.start()
    server.stop()
    try:
        with closing(open_hints(server.url, tmp_path / "hints")) as killed:
            killed.leave(7)
        server.start()
        with closing(open_hints(server.url, tmp_path / "hints")) as hints:
            assert until(hints.take, 20) == [7]
            hints.finish(7)
            assert not list((tmp_path / "hints").glob("*/*"))
    finally:
        server.stop()


def test_nobody_waits_for_a_redis_that_hangs(url: str, server: RedisServer, tmp_path: Path) -> None:
    assert server.process is not None
    with closing(open_hints(url, tmp_path)) as hints:
        server.process.send_signal(signal.SIGSTOP)
        try:
            began = time.monotonic()
            for project in (7, 8, 7):
                hints.leave(project)
            assert time.monotonic() - began < 0.9
        finally:
            server.process.send_signal(signal.SIGCONT)
        found: set[int] = set()
        until(lambda: found.update(hints.take()) or found == {7, 8}, 30)
