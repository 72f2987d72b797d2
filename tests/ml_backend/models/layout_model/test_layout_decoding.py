"""Tag probabilities to whole fields: fields over lines, beside each other, repeated, interrupted; and text in normal form."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import page, word
from ml_backend.document.bio_tags import bio_tags, match_words
from ml_backend.document.elements import Document, Page
from ml_backend.document.fields import Field
from ml_backend.models.layout_model.decoding import Tagged, choose, tags_of
from ml_backend.models.layout_model.values import TYPED, WHOLE, form_of, said

LABELS = ("total", "address")
TAGS = tags_of(LABELS)


def paper(text: str, width: float = 0.02) -> Page:
    """A page of these words; each text line is one."""
    return page(
        *(
            word(each, 0.05 + 0.06 * n, 0.05 * row, 0.1 + 0.06 * n, 0.05 * row + 0.03, line=row)
            for row, line in enumerate(text.strip().splitlines())
            for n, each in enumerate(line.split())
        )
    )


def tagged(tags: str, sure: float = 0.9, number: int = 0) -> Tagged:
    """One word a letter: T begins a total, t goes on, A and a likewise for an address, a dot is outside."""
    names = {"T": "B-total", "t": "I-total", "A": "B-address", "a": "I-address", ".": "O"}
    rows = np.full((len(tags), len(TAGS)), (1 - sure) / (len(TAGS) - 1))
    for at, letter in enumerate(tags):
        rows[at, TAGS.index(names[letter])] = sure
    return Tagged(number, tuple(range(len(tags))), rows)


def words_of(tags: str, label: str, repeats: bool = False, sure: float = 0.9) -> list[tuple[int, ...]]:
    document = Document((paper(" ".join(f"w{n}" for n in range(len(tags)))),))
    chosen = choose([tagged(tags, sure)], label, 1 + 2 * LABELS.index(label), repeats, document)
    return [choice.run.words for choice in chosen if choice.run.score > 0]


@pytest.mark.parametrize(
    ("tags", "total", "address"),
    [
        pytest.param("..T.", [(2,)], [], id="one word"),
        pytest.param("AaaT", [(3,)], [(0, 1, 2)], id="two fields that touch"),
        pytest.param(".Aaa.aa..", [], [(1, 2, 3, 5, 6)], id="a word in the middle that is no part"),
        pytest.param(".Aa......aa.", [], [(1, 2)], id="what lies far behind is no part"),
        pytest.param(".aaa.", [], [(1, 2, 3)], id="the beginning was missed"),
        pytest.param("T..T", [(0,)], [], id="the first of two that are equally likely"),
        pytest.param(".....", [], [], id="nothing"),
    ],
)
def test_the_likeliest_run_of_words_is_the_field(
    tags: str, total: list[tuple[int, ...]], address: list[tuple[int, ...]]
) -> None:
    assert words_of(tags, "total") == total
    assert words_of(tags, "address") == address


def test_a_label_that_repeats_has_all_its_runs_in_reading_order() -> None:
    assert words_of("T.Tt.TT", "total", repeats=True) == [(0,), (2, 3), (5,), (6,)]


def test_a_run_never_crosses_a_page() -> None:
    document = Document((paper("a b"), paper("c d")))
    chosen = choose([tagged(".A"), tagged("a.", number=1)], "address", 3, False, document)

    assert [(choice.run.page, choice.run.words) for choice in chosen] == [(0, (1,))]


def test_the_chance_falls_with_every_doubtful_word_and_a_rival_is_another_text() -> None:
    document = Document((paper("5.00 CASH 5.00 9.00"),))
    sure, unsure = (choose([tagged("T.T.", s)], "total", 1, False, document)[0] for s in (0.95, 0.6))
    rivals = choose([tagged("T..T", 0.6)], "total", 1, False, document)[0]

    assert sure.run.chance > unsure.run.chance
    assert unsure.rival < 0.1  # the other one says the same
    assert rivals.rival > 0.5


@given(
    st.lists(st.sampled_from(["O", "total", "address"]), min_size=1, max_size=30),
    st.lists(st.integers(1, 4), min_size=30, max_size=30),
)
def test_what_is_tagged_from_fields_decodes_to_the_same_fields(kinds: list[str], sizes: list[int]) -> None:
    """Fields to words to tags to fields: what training teaches is what decoding understands."""
    words, fields = [], []
    for kind, size in zip(kinds, sizes, strict=False):
        first = len(words)
        words += [word(f"w{first + n}", 0.01, 0.01 * (first + n), 0.2, 0.01 * (first + n) + 0.005) for n in range(size)]
        if kind != "O":
            fields.append((kind, tuple(range(first, first + size))))
    words = words[:99]
    fields = [(kind, own) for kind, own in fields if own[-1] < len(words)]
    sheet = page(*words)
    document = Document((sheet,))
    confirmed = [Field(kind, sheet.text_of(own), sheet.box_of(own), words=own) for kind, own in fields]
    tags = bio_tags(sheet, match_words(document, confirmed)[0])
    rows = np.full((len(words), len(TAGS)), 0.001)
    rows[range(len(words)), [TAGS.index(tag) for tag in tags]] = 0.996

    found = [
        (label, choice.run.words)
        for at, label in enumerate(LABELS)
        for choice in choose([Tagged(0, tuple(range(len(words))), rows)], label, 1 + 2 * at, True, document)
    ]

    assert sorted(found) == sorted(fields)


@pytest.mark.parametrize(
    ("text", "kind", "form", "expected", "value"),
    [
        pytest.param("Date:31/12/2018 18:05", "date", WHOLE, "Date:31/12/2018 18:05", "2018-12-31", id="as it stands"),
        pytest.param("Date:31/12/2018 18:05", "date", TYPED, "31/12/2018", "2018-12-31", id="the date in it"),
        pytest.param("RM 1,234.50", "amount", TYPED, "1,234.50", "1234.50", id="the amount in it"),
        pytest.param("RM 1,234.50", "amount", WHOLE, "RM 1,234.50", "1234.50", id="with its currency"),
        pytest.param("tomorrow", "date", TYPED, "tomorrow", "", id="no date"),
        pytest.param("ACME LTD:", "company", TYPED, "ACME LTD", "", id="marks at the edge"),
        pytest.param("12.50", "colour", WHOLE, "12.50", "", id="an unknown type"),
    ],
)
def test_what_words_say_by_type(text: str, kind: str, form: str, expected: str, value: str) -> None:
    sheet = paper(text)

    found = said(sheet, range(len(sheet.words)), kind, form, "")

    assert (found.text, found.value) == (expected, value)
    assert sheet.box_of(range(len(sheet.words))).intersection(found.box) == pytest.approx(found.box.area)


def test_the_form_of_a_label_is_what_people_mostly_left() -> None:
    glued = paper("Date:31/12/2018")
    both = [(glued, (0,), "31/12/2018"), (glued, (0,), "31/12/2018"), (glued, (0,), "Date:31/12/2018")]

    assert form_of(both, "date", "") == TYPED
    assert form_of(both[2:], "date", "") == WHOLE
    assert form_of([], "date", "") == WHOLE
