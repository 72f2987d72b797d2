"""A training run is judged by all that annotators made of its version, whoever read the documents."""

from __future__ import annotations

import pytest

from ml_backend.status import run_row
from ml_backend.store.records import RunRecord, VersionUse

RUN = RunRecord(1, "7.1", 7, 3, "succeeded", "docloop", 0.0, version="fields-3")


def use(version: str, fields: int, untouched: int) -> VersionUse:
    return VersionUse(version, 1, fields, untouched, fields - untouched, None)


@pytest.mark.parametrize(
    ("uses", "acceptance"),
    [
        ([], None),
        ([use("fields-2.4bf1c2d9", 4, 4), use("fields-3.00000000", 4, 4)], None),
        ([use("fields-3.4bf1c2d9", 0, 0)], 0.0),
        ([use("fields-3.4bf1c2d9", 10, 5), use("fields-3.91c0de55.4bf1c2d9", 30, 25)], 0.75),
    ],
)
def test_a_run_is_accepted_by_all_readers_together(uses: list[VersionUse], acceptance: float | None) -> None:
    row = run_row(RUN, {one.model_version: one for one in uses}, "4bf1c2d9", 0.0)
    assert row["acceptance"] == acceptance
