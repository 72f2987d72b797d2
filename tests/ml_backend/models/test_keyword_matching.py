"""Which meaning the text beside a value speaks of."""

from __future__ import annotations

import pytest

from ml_backend.models.keywords.matching import Hit, phrasebook
from ml_backend.models.keywords.role import Role
from ml_backend.models.keywords.roles import AMOUNTS

SMALL = phrasebook((Role("total", "amount", ("total", "grand total")), Role("tax", "amount", ("tax", "total tax"))))


@pytest.mark.parametrize(
    ("text", "hit", "reason"),
    [
        ("TOTAL :", Hit(frozenset({"total"}), "total", True), "case and punctuation do not matter"),
        ("Total Tax", Hit(frozenset({"tax"}), "total tax", True), "the longest phrase wins"),
        ("TOTALS", Hit(frozenset({"total"}), "total", True), "a word may go on behind a long phrase"),
        ("Subtotal", None, "but not in front of it"),
        ("Taxi", None, "a short phrase is a whole word"),
        ("GRANDTOTAL", Hit(frozenset({"total"}), "grand total", True), "glued"),
        ("T0TAL", Hit(frozenset({"total"}), "total", False), "one letter misread"),
        ("GRAND T0TAI", Hit(frozenset({"total"}), "grand total", False), "two letters of a long phrase misread"),
        ("T0TAI", None, "two letters of a short phrase misread"),
        ("", None, "nothing"),
        ("- : -", None, "no letters"),
    ],
)
def test_what_a_text_speaks_of(text: str, hit: Hit | None, reason: str) -> None:
    assert SMALL.find(text) == hit, reason


def test_only_whole_phrases_are_exact() -> None:
    assert (SMALL.find_exact("total"), SMALL.find_exact("T0TAL")) == (Hit(frozenset({"total"}), "total", True), None)


@pytest.mark.parametrize(
    ("text", "role"),
    [
        ("Total Sales (Inclusive of GST)", "total"),
        ("Total Sales (Excluding GST)", "subtotal"),
        ("Total GST", "tax"),
        ("Total Qty", "not money"),
        ("Sub-Total", "subtotal"),
        ("Service Charge 10%", "fee"),
        ("Amount Tendered", "paid"),
        ("Rückgeld", "change"),
        ("Gesamtbetrag", "total"),
        ("Net à payer", "total"),
    ],
)
def test_words_beside_amounts(text: str, role: str) -> None:
    hit = phrasebook(AMOUNTS).find(text)

    assert hit is not None
    assert hit.roles == {role}
