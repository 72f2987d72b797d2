"""Filters as people type them."""

from __future__ import annotations

import pytest

from ml_backend.ground_truth import Filters


def test_everything_that_can_be_asked_for() -> None:
    assert Filters.of(()) == Filters()
    given = {"approved_only": "false", "has_corrections": "TRUE", "since": "2026-01-31", "until": "2026-02-01T01:30:00+02:00",
             "fields": "total, date,", "model_version": "fields-3.x", "annotator": "7", "limit": "1"}  # fmt: skip
    assert Filters.of(given.items()) == Filters(
        False, True, "2026-01-31T00:00:00.000000Z", "2026-01-31T23:30:00.000000Z", ("total", "date"), "fields-3.x", 7, 1
    )


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"colour": "red"}, "There is no filter 'colour'"),
        ({"approved_only": "perhaps"}, "approved_only is true or false, but it was: 'perhaps'"),
        ({"since": "yesterday"}, "since is a time such as 2026-01-31"),
        ({"until": "0001-01-01T00:00:00+14:00"}, "until is a time"),
        ({"limit": "-1"}, "limit is a number from 0, but it was: '-1'"),
        ({"annotator": "anna"}, "annotator is a number"),
        ({"limit": "9" * 5000}, "limit is a number"),
        ({"limit": "0"}, "limit is 1 or more"),
        ({"since": "2026-02-01", "until": "2026-01-31"}, "is not before until"),
        ({"since": "2026-01-31", "until": "2026-01-31T01:00:00+01:00"}, "is not before until"),
        ({"annotator": " "}, "annotator has no value"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_its_words(given: dict[str, str], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Filters.of(given.items())


def test_a_filter_that_is_named_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="since is named twice"):
        Filters.of([("since", "2026-01-01"), ("since", "2026-02-01")])


@pytest.mark.parametrize(
    ("asked", "version", "taken"),
    [
        ("", "", True),
        ("fields-1", "fields-1.c48f345e", True),
        ("fields-1", "fields-1.91c0de55.c48f345e", True),
        ("fields-1.c48f345e", "fields-1.91c0de55.c48f345e", True),
        ("fields-1.c48f345e", "fields-1.c48f345e.91c0de55", True),  # as 0.2 named it
        ("fields-1.c48f345e", "fields-1.91c0de55.00000000", False),
        ("fields-1", "fields-10.c48f345e", False),
        ("fields-1", "fields-1.of-somebody", False),
        ("v1", "v1", True),
        ("v1", "", False),
    ],
)
def test_a_version_may_be_named_as_the_tables_name_it(asked: str, version: str, taken: bool) -> None:
    assert Filters(model_version=asked).takes_version(version) is taken
