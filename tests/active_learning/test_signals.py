"""What is noted of a document, and how it is judged."""

from __future__ import annotations

from typing import Any

import pytest

from active_learning.criteria import Assessment, assess
from active_learning.signals import Signals, observe
from active_learning.thresholds import Thresholds, learnt_range
from builders import found, page, word
from ml_backend.document.elements import Document, Page
from ml_backend.document.fields import Extraction, FieldSpec

SPECS = [
    FieldSpec("company", "company", required=True),
    FieldSpec("total", "amount", required=True),
    FieldSpec("tax", "amount"),
]


def sure(**changes: Any) -> Signals:
    """Signals that no criterion finds fault with, but for ``changes``."""
    good: dict[str, Any] = {"pages": 1, "empty_pages": 0, "words": 60, "blocks": 20.0, "confidence": 0.95}
    good |= {"doubtful_blocks": 0.1, "field_confidence": {"total": 0.9, "date": 0.8}, "disagreement": {"total": 0.3}}
    return Signals(**good | changes)


def test_what_is_noted_of_a_document_with_a_doubtful_line_an_empty_page_and_a_missing_field() -> None:
    words = [
        word("Brot", confidence=1.0, line=0),
        word("und", confidence=0.8, line=0),
        word("12", confidence=0.3, line=1),
    ]
    document = Document((page(*words), page()))
    fields = (
        found("total", "12", confidence=0.5),
        found("tax", "1,00", confidence=0.8),
        found("tax", "2", confidence=0.6),
    )
    assert observe(document, Extraction(fields, disagreement={"total": 0.4}), SPECS).signals == Signals(
        pages=2,
        empty_pages=1,
        words=3,
        blocks=2.0,
        confidence=0.7,
        doubtful_blocks=0.5,
        field_confidence={"total": 0.5, "tax": 0.7},
        missing=("company",),
        disagreement={"total": 0.4},
    )


@pytest.mark.parametrize(
    ("signals", "priority", "reasons"),
    [
        (sure(), 1, ()),
        (sure(confidence=0.7, doubtful_blocks=0.3, blocks=30.0, field_confidence={"total": 0.6}), 1, ()),
        (sure(confidence=0.69), 2, ("text was read with doubt (average 0.69)",)),
        (sure(confidence=0.46), 3, ("text was read with doubt (average 0.46)",)),
        (sure(doubtful_blocks=0.41), 2, ("41 % of the text lines were read with doubt",)),
        (sure(missing=("total",)), 2, ("required field total is missing",)),
        (sure(missing=("total", "date")), 3, ("required fields total and date are missing",)),
        (sure(missing=("a", "b", "c", "d", "e")), 3, ("required fields a, b, c and 2 more are missing",)),
        (sure(blocks=2.0), 2, ("only 2 text lines; 3 to 30 are usual",)),
        (sure(blocks=1.0), 2, ("only 1 text line; 3 to 30 are usual",)),
        (sure(blocks=44.5, pages=2), 1, ("44.5 text lines a page; 3 to 30 are usual",)),
        (
            sure(field_confidence={"total": 0.4, "date": 0.7, "tax": 0.5}),
            2,
            ("the model doubts total and tax (average of all fields 0.53)",),
        ),
        (sure(disagreement=None), 1, ()),
        (sure(disagreement={"total": 0.31}), 2, ("the models disagree on total",)),
        (
            sure(disagreement={"tax": 0.3, "date": 0.4, "total": 0.5}),
            2,
            ("the models disagree on total and date",),  # the most first
        ),
        (sure(pages=3, empty_pages=1), 2, ("no text was found on 1 of 3 pages",)),
        (
            sure(blocks=40.0, disagreement={"a": 1.0}, missing=("a", "b")),
            3,
            (
                "required fields a and b are missing",
                "the models disagree on a",
                "40 text lines; 3 to 30 are usual",
            ),
        ),
    ],
)
def test_each_criterion_has_its_limit_priority_and_words(
    signals: Signals, priority: int, reasons: tuple[str, ...]
) -> None:
    assert assess(signals) == Assessment(priority, reasons)


def test_a_document_without_text_is_urgent_and_says_so_once() -> None:
    nothing = observe(Document((Page(1, 1),)), Extraction(()), SPECS)
    assert assess(nothing.signals).reasons == ("no text was found", "required fields company and total are missing")
    assert nothing.signature == ()


def test_thresholds_and_the_learnt_range_replace_the_defaults() -> None:
    strict = Thresholds(confidence=0.99, low_confidence=0.97, disagreement=0.2)
    assert assess(sure(), strict).reasons[1:] == ("the models disagree on total",)
    assert assess(sure(), strict).priority == 3
    assert assess(sure(blocks=44.0), block_range=(9, 50)) == Assessment(1, ())
    assert assess(sure(blocks=51.0), block_range=(9, 50)) == Assessment(2, ("51 text lines; 9 to 50 are usual",))


@pytest.mark.parametrize(
    ("counts", "usual", "why"),
    [
        ([10.0] * 19, None, "too few samples"),
        ([10.0] * 20, (8, 12), "never narrower than two blocks to both sides"),
        ([*range(20, 41)], (12, 48), "the middle nine tenths, 21 to 39, half as wide again on both sides"),
        ([*range(20, 60), 900], (4, 76), "one odd sample hardly moves it"),
        ([2.0] * 30, (1, 4), "a page has one block at least"),
    ],
)
def test_the_usual_number_of_blocks_is_learnt_from_20_samples_on(counts: list[float], usual: object, why: str) -> None:
    assert learnt_range(counts) == usual, why


@pytest.mark.parametrize(
    ("changes", "reasons"),
    [
        ({"absent": {"phone": 0.2, "tax": 0.95}}, ("no phone found",)),
        ({"absent": {"phone": 0.2, "tax": 0.1}}, ("no tax and phone found",)),
        ({"absent": {"phone": 0.95}}, ()),  # it is mostly not there: the least sure field is the reason
        ({"absent": {"phone": 0.2}, "missing": ("total",)}, ("required field total is missing",)),
    ],
)
def test_a_field_that_was_not_found_is_named_where_it_weighs_more_than_the_least_sure_one(
    changes: dict[str, Any], reasons: tuple[str, ...]
) -> None:
    assert assess(sure(field_confidence={"date": 0.99, "total": 0.91}, **changes)).reasons == reasons
