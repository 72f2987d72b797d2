"""Regions as annotators draw them, and the words they mean."""

from __future__ import annotations

from difflib import SequenceMatcher

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import page, word
from ml_backend.document.bio_tags import bare, bio_tags, match_words, spelt
from ml_backend.document.elements import Document
from ml_backend.document.fields import Field
from ml_backend.document.geometry import Box

ADDRESS = page(
    word("Date:31/12/2018", 0.10, 0.10, 0.40, 0.12),
    word("12", 0.10, 0.20, 0.14, 0.22, line=1),
    word("High", 0.15, 0.20, 0.24, 0.22, line=1),
    word("Street", 0.25, 0.20, 0.38, 0.22, line=1),
    word("London", 0.10, 0.23, 0.24, 0.25, line=2),
    word("TOTAL", 0.10, 0.40, 0.20, 0.42, line=3),
    word("6.50", 0.60, 0.40, 0.70, 0.42, line=3),
)


def region(label: str, text: str, *box: float, page: int = 0) -> Field:
    return Field(label, text, Box(*box), page)


@pytest.mark.parametrize(
    ("field", "words"),
    [
        pytest.param(region("total", "6.50", 0.6, 0.4, 0.7, 0.42), [6], id="around the word"),
        pytest.param(region("total", "6.50", 0.59, 0.405, 0.72, 0.43), [6], id="drawn by a free hand"),
        pytest.param(
            region("total", "6.50", 0.05, 0.39, 0.75, 0.43), [6], id="too large, but the text says which word"
        ),
        pytest.param(region("date", "31/12/2018", 0.2, 0.1, 0.4, 0.12), [0], id="a part of a word"),
        pytest.param(region("date", "31/12/2018", 0.3, 0.1, 0.4, 0.12), [0], id="a small part of a word"),
        pytest.param(region("address", "12 High Street London", 0.1, 0.2, 0.38, 0.25), [1, 2, 3, 4], id="two lines"),
        pytest.param(
            region("address", "High Street", 0.05, 0.05, 0.9, 0.9), [2, 3], id="the whole page around two words"
        ),
        pytest.param(
            region("address", "Hauptstr. 7", 0.1, 0.2, 0.38, 0.22), [1, 2, 3], id="typed anew: the box decides"
        ),
        pytest.param(region("address", "", 0.1, 0.2, 0.38, 0.22), [1, 2, 3], id="nothing typed"),
        pytest.param(
            region("address", "12 High Street, London", 0.1, 0.2, 0.38, 0.22), [1, 2, 3, 4], id="goes on below the box"
        ),
        pytest.param(
            region("address", "12 High Street L0ndon", 0.1, 0.2, 0.38, 0.22),
            [1, 2, 3, 4],
            id="a misread letter below it",
        ),
        pytest.param(
            region("address", "12 High Street London", 0.1, 0.23, 0.24, 0.25), [1, 2, 3, 4], id="begins above the box"
        ),
        pytest.param(
            region("address", "12 Fifth Street London", 0.1, 0.2, 0.38, 0.25),
            [1, 2, 3, 4],
            id="nothing like a word of it",
        ),
        pytest.param(region("address", "12 Street London", 0.1, 0.2, 0.38, 0.25), [1, 3, 4], id="without a word of it"),
        pytest.param(region("address", "High Street", 0.15, 0.2, 0.24, 0.22), [2, 3], id="goes on beside the box"),
        pytest.param(
            region("total", "TOTAL 6.50", 0.1, 0.4, 0.2, 0.42), [5], id="what is too far away is another text"
        ),
        pytest.param(
            region("address", "12 High Street Paris", 0.1, 0.2, 0.38, 0.22),
            [1, 2, 3],
            id="goes on with what is not there",
        ),
        pytest.param(region("total", "6.50", 0.8, 0.8, 0.9, 0.9), [], id="on white paper"),
        pytest.param(region("total", "6.50", 0.6, 0.4, 0.6, 0.4), [], id="a point"),
        pytest.param(region("total", "6.50", 0.6, 0.4, 0.7, 0.42, page=3), [], id="on a page that is not there"),
        pytest.param(
            Field("total", "6.50", Box(0.7, 0.42, 0.8, 0.44, rotation=180)), [6], id="upside down about its corner"
        ),
    ],
)
def test_a_region_means_the_words_inside_it_or_those_it_spells(field: Field, words: list[int]) -> None:
    assert match_words(Document((ADDRESS,)), [field]) == (dict.fromkeys(words, (field.label, 0)),)


@pytest.mark.parametrize(
    ("text", "typed"),
    [
        pytest.param("ADDRESS", "A" * 100_000, id="a text that was made to be long"),
        pytest.param("ABABABAB", "BBA" * 200, id="as long as the words, and with a little of each everywhere"),
    ],
)
def test_the_box_alone_decides_where_telling_by_the_text_would_take_long(
    monkeypatch: pytest.MonkeyPatch, text: str, typed: str
) -> None:
    def compare(junk: None, one: str, other: str, autojunk: bool) -> SequenceMatcher[str]:
        steps = len(one) * len(other) * min(len(one), len(other))
        assert steps <= 20_000_000
        return SequenceMatcher(junk, one, other, autojunk=autojunk)

    monkeypatch.setattr("ml_backend.document.bio_tags.SequenceMatcher", compare)
    words = page(*(word(text, 0.1, top / 100, 0.2, (top + 1) / 100) for top in range(75)))

    assert match_words(Document((words,)), [region("address", typed, 0.1, 0.0, 0.2, 0.7)]) == (
        dict.fromkeys(range(70), ("address", 0)),
    )


def test_a_word_belongs_to_the_region_that_holds_more_of_it_then_to_the_smaller() -> None:
    large, small = region("address", "", 0.05, 0.15, 0.5, 0.3), region("town", "", 0.1, 0.23, 0.24, 0.25)
    cut = region("street", "", 0.25, 0.20, 0.34, 0.22)

    labels = match_words(Document((ADDRESS,)), [large, small, cut])

    assert labels == ({1: ("address", 0), 2: ("address", 0), 3: ("address", 0), 4: ("town", 1)},)


def test_tags_begin_each_field_anew_and_leave_other_words_outside() -> None:
    words = page(*(word(text, line=line) for text, line in (("a", 0), ("b", 0), ("c", 0), ("d", 1), ("e", 1))))

    assert bio_tags(words, {0: ("item", 1), 1: ("item", 2), 3: ("item", 2), 4: ("total", 0)}) == [
        "B-item", "B-item", "O", "I-item", "B-total",
    ]  # fmt: skip


@given(st.text(), st.lists(st.floats(0, 1), min_size=4, max_size=4))
def test_any_text_in_any_box_gives_words_of_the_page(text: str, edges: list[float]) -> None:
    field = Field("total", text, Box.clipped(*edges))

    (labels,) = match_words(Document((ADDRESS,)), [field])

    assert set(labels) <= set(range(len(ADDRESS.words)))
    assert set(labels.values()) <= {("total", 0)}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Rm 12,50-", "RM1250"),
        ("12.50", "12.50"),
        ("€ 9.00", "€9.00"),
        ("Größe №5 合計", "GRÖSSE5合計"),
        (" _ ", ""),
    ],
)
def test_bare_text_keeps_letters_of_any_script_digits_dots_and_currency_signs(text: str, expected: str) -> None:
    assert bare(text) == expected


@pytest.mark.parametrize(
    ("said", "text", "is_spelt"),
    [
        ("l2.5O", "12.50", True),
        ("MwSt.19%", "19 %", True),
        ("", "", True),
        ("34 avenue des Rêves", "34 avenue des Rêves 99870 Modèle-sur-Rien", False),
        ("12 High Street", "Hauptstr. 7", False),
        ("", "12.50", False),
    ],
)
def test_words_spell_a_text_unless_something_that_counts_is_missing(said: str, text: str, is_spelt: bool) -> None:
    assert spelt(said, text) is is_spelt
