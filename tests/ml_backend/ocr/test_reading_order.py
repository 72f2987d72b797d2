import math
import random
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml_backend.document.elements import Page, Word
from ml_backend.document.geometry import Quad
from ml_backend.ocr.reading_order import in_reading_order

WIDTH, HEIGHT = 1000, 1400  # pixels
LETTER = 12  # pixels; every letter is that wide, a line is twice as high


def words(text: str, x: float, y: float, degrees: float = 0.0, upright: bool = False) -> list[Word]:
    """The words of a line that starts at pixel (x, y); the whole page turned by ``degrees``; ``upright``: boxes stay so."""
    angle = math.radians(degrees)
    found = []
    for part in text.split(" "):
        if part:
            right, bottom = x + LETTER * len(part), y + 2 * LETTER
            corners = [
                (a * math.cos(angle) - b * math.sin(angle), a * math.sin(angle) + b * math.cos(angle))
                for a, b in [(x, y), (right, y), (right, bottom), (x, bottom)]
            ]
            quad = Quad.clipped((a / WIDTH, 0.1 + b / HEIGHT) for a, b in corners)
            found.append(Word(part, Quad.of_box(quad.box) if upright else quad, 0.9))
        x += LETTER * (len(part) + 1)
    return found


def read(given: list[Word]) -> str:
    shuffled = random.Random(4).sample(given, len(given))
    return Page(WIDTH, HEIGHT, in_reading_order(shuffled, WIDTH, HEIGHT)).text


RECEIPT = [
    ("SPEED MART SDN BHD", 300, ""),
    ("Chicken stock large", 80, "16.85"),
    ("Hygienic colo small", 80, "6.06"),
    ("Bread with butter", 80, "3.00"),
    ("Milk two litres", 80, "12.40"),
    ("Eggs of free hens", 80, "4.20"),
    ("Total including GST", 80, "42.51"),
]


def receipt(degrees: float = 0.0, upright: bool = False) -> list[Word]:
    found = []
    for row, (label, x, amount) in enumerate(RECEIPT):
        found += words(label, x, 50 + 40 * row, degrees, upright)
        found += words(amount, 800, 50 + 40 * row, degrees, upright)
    return found


RECEIPT_TEXT = "\n".join(f"{label} {amount}".strip() for label, _, amount in RECEIPT)


@pytest.mark.parametrize("upright", [False, True], ids=["turned boxes", "upright boxes"])
@pytest.mark.parametrize("degrees", [-5, -2, 0, 1, 5])
def test_a_label_and_its_amount_stay_on_one_line_on_a_slightly_turned_receipt(degrees: float, upright: bool) -> None:
    assert read(receipt(degrees, upright)) == RECEIPT_TEXT


LEFT = ["the quick brown fox", "jumps over the lazy", "dog and runs away", "into the dark wood", "where nobody goes"]
RIGHT = ["while the owl looks", "down from its tree", "and thinks of mice", "that live in holes", "under the old oak"]


@pytest.mark.parametrize("shift", [0, 11, 17], ids=["lines level", "lines half a height apart", "lines between lines"])
@pytest.mark.parametrize("degrees", [-3, 0, 3])
def test_two_columns_are_read_one_after_the_other_between_a_headline_and_a_foot(degrees: float, shift: int) -> None:
    page = words("a headline that goes across both of the columns", 100, 0, degrees)
    for row, (left, right) in enumerate(zip(LEFT, RIGHT, strict=True)):
        page += words(left, 60, 60 + 34 * row, degrees) + words(right, 520, 60 + shift + 34 * row, degrees)
    page += words("the foot of the page which is as wide as all", 100, 300, degrees)
    head, foot = "a headline that goes across both of the columns", "the foot of the page which is as wide as all"
    assert read(page) == "\n".join([head, *LEFT, *RIGHT, foot])


def test_a_table_of_numbers_is_read_row_by_row() -> None:
    rows = [f"item {n}    {n}    {n}.00    {2 * n}.00" for n in range(1, 8)]
    page = [word for n, row in enumerate(rows) for word in words(row, 60, 60 + 34 * n)]
    assert read(page).splitlines() == [" ".join(row.split()) for row in rows]


def test_words_know_their_line_and_a_gap_starts_a_new_block() -> None:
    page = words("one two", 60, 0) + words("three", 60, 34) + words("four", 60, 200)
    assert [(w.text, w.line, w.block) for w in in_reading_order(page, WIDTH, HEIGHT)] == [
        ("one", 0, 0),
        ("two", 0, 0),
        ("three", 1, 0),
        ("four", 2, 1),
    ]


@pytest.mark.parametrize(
    ("seen", "spoken", "why"),
    [
        ("total 12.50", "total 12.50", "left to right stays"),
        ("םולש םלוע", "םלוע םולש", "Hebrew is read from the right"),
        ("12.50 כ״הס", "כ״הס 12.50", "an amount left of its label comes after it"),
        ("ג iPhone 12 א", "א iPhone 12 ג", "Latin inside Hebrew keeps its own order"),
        ("34 12 א", "א 12 34", "numbers alone follow the line"),
        ("hello to ב א again", "hello to א ב again", "Hebrew inside Latin keeps its own order"),
        ("مرحبا بكم", "بكم مرحبا", "Arabic is read from the right"),
    ],
)
def test_a_line_is_put_into_the_order_it_is_spoken(seen: str, spoken: str, why: str) -> None:
    assert read(words(seen, 60, 60)) == spoken, why


def test_no_words_are_no_words() -> None:
    assert in_reading_order([], WIDTH, HEIGHT) == ()


numbers = st.floats(0, 1)
any_word = st.builds(
    lambda text, x, y, w, h, c: Word(text, Quad.clipped([(x, y), (x + w, y), (x + w, y + h), (x, y + h)]), c),
    st.sampled_from(["a", "bc", "12.50", "אב", "مر", "-"]),
    numbers,
    numbers,
    st.floats(0, 0.3),
    st.floats(0, 0.05),
    numbers,
)


@settings(max_examples=60, deadline=None)
@given(st.lists(any_word, max_size=25), st.randoms(use_true_random=False))
def test_no_word_is_lost_and_the_order_they_come_in_makes_no_difference(
    page: list[Word], chance: random.Random
) -> None:
    ordered = in_reading_order(page, WIDTH, HEIGHT)
    assert ordered == in_reading_order(chance.sample(page, len(page)), WIDTH, HEIGHT)
    assert Counter((w.text, w.quad, w.confidence) for w in ordered) == Counter(
        (w.text, w.quad, w.confidence) for w in page
    )
    lines, blocks = [w.line for w in ordered], [w.block for w in ordered]
    assert lines == sorted(lines)
    assert blocks == sorted(blocks)
    assert sorted(set(lines)) == list(range(len(set(lines))))
    assert sorted(set(blocks)) == list(range(len(set(blocks))))


@settings(max_examples=40, deadline=None)
@given(st.lists(any_word, max_size=12), st.randoms(use_true_random=False))
def test_no_word_is_lost_where_columns_are_cut(across: list[Word], chance: random.Random) -> None:
    page = list(across)
    for row, (left, right) in enumerate(zip(LEFT, RIGHT, strict=True)):
        y = 60 + 34 * row
        page += words(left, 60, y) + words(right, 520, y + chance.choice([0, 0, 5]))
        page += words("crosses the gutter at the very same height", 300, y) * chance.choice([0, 0, 1])
    ordered = in_reading_order(page, WIDTH, HEIGHT)
    assert Counter((w.text, w.quad, w.confidence) for w in ordered) == Counter(
        (w.text, w.quad, w.confidence) for w in page
    )


@settings(max_examples=60, deadline=None)
@given(st.lists(any_word, max_size=25))
def test_ordering_what_is_in_order_changes_nothing(page: list[Word]) -> None:
    ordered = in_reading_order(page, WIDTH, HEIGHT)
    assert in_reading_order(ordered, WIDTH, HEIGHT) == ordered
