"""How far the members of a combined model disagree on a field."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from builders import found
from ml_backend.document.fields import Field, FieldSpec
from ml_backend.models.combined.combiner import POOLED, Combiner

SPECS = [FieldSpec("total", "amount")]
ALIKE = (1.0, 0.0, 0.0)  # a member is believed as far as it believes itself, and nobody else is heard
COMBINER = Combiner(("model", "memory", "keywords"), {POOLED: (*ALIKE, *ALIKE, *ALIKE, 0.0)}, {"total": 0.2}, {})


def said(text: str, confidence: float, value: str = "") -> list[Field]:
    return [found("total", text, confidence=confidence, value=value)]


@pytest.mark.parametrize(
    ("answers", "share", "why"),
    [
        ({}, 0.0, "nobody says anything"),
        ({"model": said("9.00", 0.3)}, 0.0, "who says nothing has no vote"),
        ({"model": said("9.00", 0.3), "keywords": said("9.00", 0.2)}, 0.0, "unsure, but of the same"),
        ({"model": said("9.00", 0.5), "keywords": said("8.00", 0.5)}, 0.5, "as much belief in the one as in the other"),
        ({"model": said("9.00", 0.9), "keywords": said("8.00", 0.1)}, 0.1, "the other one is hardly believed"),
        (
            {"model": said("9.00", 0.6), "memory": said("8.00", 0.3), "keywords": said("7.00", 0.3)},
            0.5,
            "two others, half as much each",
        ),
        (
            {"model": said("RM 9", 0.6, "9.00"), "memory": said("9.00", 0.6, "9.00")},
            0.0,
            "another spelling of the same value",
        ),
        ({"model": said("9.00", 0.1), "keywords": said("8.00", 0.1)}, 0.0, "no answer was given: it is missing"),
    ],
)
def test_members_disagree_as_far_as_others_than_the_answer_are_believed(
    answers: Mapping[str, list[Field]], share: float, why: str
) -> None:
    assert COMBINER.choose(answers, SPECS).disagreement == {"total": pytest.approx(share, abs=1e-3)}, why


def test_a_label_without_a_field_comes_with_the_chance_that_it_is_not_there() -> None:
    combiner = replace(COMBINER, absent={"total": 0.9, "phone": 0.1})
    specs = [*SPECS, FieldSpec("phone", "phone"), FieldSpec("never learned", "text")]
    assert combiner.absences(said("9.00", 0.6), specs) == {"phone": 0.1, "never learned": 0.5}


def test_a_label_that_repeats_is_the_first_members_alone_and_not_compared() -> None:
    items = [FieldSpec("total", "amount", repeats=True)]
    assert COMBINER.choose({"model": said("9.00", 0.5), "memory": said("8.00", 0.9)}, items).disagreement == {}
