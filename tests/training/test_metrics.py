"""How a field counts as right."""

from __future__ import annotations

import pytest

from builders import found
from ml_backend.document.fields import Field, FieldSpec
from ml_backend.document.geometry import Box
from training.metrics import Counts, by_label, f1, judge

SPECS = (FieldSpec("total", "amount", required=True), FieldSpec("item", repeats=True))
ELSEWHERE = Box(0.1, 0.1, 0.2, 0.12)
NOWHERE = Box(0, 0, 0, 0)


def items(*texts: str) -> list[Field]:
    return [found("item", text) for text in texts]


@pytest.mark.parametrize(
    ("said", "meant", "counts", "why"),
    [
        (["a-b 1.2"], ["AB1.2"], Counts(1, 1, 1, 1), "case, spaces and signs do not count"),
        (["1.2"], ["12"], Counts(1, 1, 0, 0), "a dot does"),
        (["Müller"], ["MÜLLER"], Counts(1, 1, 1, 1), "letters of any alphabet count"),
        (["ABCDEFGHIJ"], ["ABCDEFGHIK"], Counts(1, 1, 0, 1), "a ratio of exactly 90 is nearly right"),
        (["ABCDEFGHI"], ["ABCDEFGHX"], Counts(1, 1, 0, 0), "one of 89 is not"),
        ([], ["a"], Counts(1, 0, 0, 0), "a missing field is a miss"),
        (["a"], [], Counts(0, 1, 0, 0), "a spurious one a false positive"),
        ([], [], Counts(0, 0, 0, 0), "nothing said where nothing is"),
        (["b", "a"], ["a", "b"], Counts(2, 2, 2, 2), "the order does not count"),
        (["a", "a"], ["a"], Counts(1, 2, 1, 1), "the same value twice is right once"),
        (["a"], ["a", "a"], Counts(2, 1, 1, 1), "and the other way round"),
        (
            ["ABCDEFGHIJKLMNOPQRSA", "ABCDEFGHIJKLMNOPQRST"],
            ["ABCDEFGHIJKLMNOPQRST"],
            Counts(1, 2, 1, 1),
            "a near value does not take the place of the same one",
        ),
        (
            ["ABCDEFGHIJKLMNOPQRSA", "ABCDEFGHIJKLMNOPQRSB"],
            ["ABCDEFGHIJKLMNOPQRST", "ABCDEFGHIJKLMNOPQRSX"],
            Counts(2, 2, 0, 2),
            "each value is used once",
        ),
    ],
)
def test_counts_of_a_label(said: list[str], meant: list[str], counts: Counts, why: str) -> None:
    assert judge(items(*said), items(*meant), SPECS).labels["item"] == counts, why


@pytest.mark.parametrize(
    ("said", "meant", "untouched", "why"),
    [
        (found(text="12.50 "), found(text="12.50"), 1, "outer spaces are no edit"),
        (found(text="12-50"), found(text="1250"), 0, "a corrected sign is an edit, though exact counts it as right"),
        (found(box=ELSEWHERE), found(), 0, "the right text in the wrong place is an edit"),
        (found(page=1), found(), 0, "so is one on the wrong page"),
        (found(box=NOWHERE), found(), 1, "a field without a box may stand anywhere"),
        (found("total"), found("item"), 0, "the label counts"),
        (
            found(box=Box(0.5, 0.5, 0.6, 0.53)),
            found(box=Box(0.5, 0.5, 0.6, 0.52)),
            1,
            "two thirds of the place is the same",
        ),
    ],
)
def test_untouched_fields(said: Field, meant: Field, untouched: int, why: str) -> None:
    outcome = judge([said], [meant], SPECS)
    assert (outcome.untouched, outcome.perfect) == (untouched, bool(untouched)), why


def test_a_document_is_perfect_only_without_spurious_and_missing_fields() -> None:
    assert judge([], [], SPECS).perfect
    assert not judge([found(), *items("a")], [found()], SPECS).perfect
    assert not judge([found()], [found(), *items("a")], SPECS).perfect


def test_f1_is_summed_over_all_fields_of_all_documents() -> None:
    outcomes = [
        judge([found(text="1.00")], [found(text="1.00"), *items("a", "b")], SPECS),
        judge([found(text="2.00"), found("other")], [found(text="3.00"), found("other")], SPECS),
    ]
    assert f1(outcomes) == pytest.approx(2 * 1 / (2 + 4))
    assert by_label(outcomes) == {"total": Counts(2, 2, 1, 1), "item": Counts(2, 0, 0, 0)}


def test_a_label_that_nobody_used_has_no_figure() -> None:
    assert by_label([judge([found()], [found()], SPECS)]) == {"total": Counts(1, 1, 1, 1)}
