"""How long a training will still run."""

from __future__ import annotations

from dataclasses import replace

from ml_backend.store.records import RunRecord

RUN = RunRecord(1, "1.1", 1, 1, "running", "test", 0.0, started_at=100.0, progress=0.25)


def test_a_run_goes_on_as_it_did() -> None:
    assert RUN.seconds_left(130.0) == 90.0
    assert replace(RUN, progress=1.0).seconds_left(130.0) == 0.0


def test_nothing_is_said_too_early_or_of_a_run_that_does_not_run() -> None:
    assert replace(RUN, progress=0.05).seconds_left(130.0) is None
    assert replace(RUN, state="requested").seconds_left(130.0) is None
    assert replace(RUN, state="succeeded", progress=1.0).seconds_left(130.0) is None
