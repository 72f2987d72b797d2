"""Documents of any length as windows: nothing is lost, nothing stands twice in an answer, and boxes stay on the page."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from layout_parts import SHAPE, sub_words
from made_receipts import made_receipt

from builders import word
from ml_backend.document.elements import Document, Page
from ml_backend.document.geometry import Box, to_thousand
from ml_backend.models.layout_model.encoding import LONGEST_WORD, NOWHERE, Shape, as_batch, batches, encode, merge


class OneToNine:
    """A tokenizer for tests: a word of digits has as many pieces as the digits say, all with the same id."""

    def ids(self, words: list[str]) -> list[list[int]]:
        return [[100 + len(text)] * int(text or 0) for text in words]


def document(*pages: list[int]) -> Document:
    """Pages of words with so many pieces each, spread over the page."""
    return Document(
        tuple(
            Page(
                600,
                900,
                tuple(
                    word(str(size), left := (n % 40) / 41, (n // 40) / 50, left + 0.02, (n // 40) / 50 + 0.01)
                    for n, size in enumerate(page)
                ),
            )
            for page in pages
        )
    )


SIZES = st.lists(st.lists(st.integers(0, 40), max_size=60), max_size=3)
SHAPES = st.integers(LONGEST_WORD + 3, 90).flatmap(
    lambda length: st.integers(0, length - 2 - LONGEST_WORD).map(lambda stride: Shape(length, stride))
)


@given(SIZES, SHAPES)
def test_every_word_with_a_piece_stands_whole_in_a_window_of_its_page(sizes: list[list[int]], shape: Shape) -> None:
    windows = encode(document(*sizes), OneToNine(), shape)

    for number, page in enumerate(sizes):
        mine = [window for window in windows if window.page == number]
        assert {word for window in mine for word in window.firsts} == {n for n, size in enumerate(page) if size}
        for window in mine:
            assert len(window.ids) == len(window.boxes) <= shape.length
            assert (window.ids[0], window.ids[-1]) == (shape.start, shape.end)
            assert window.boxes[0] == window.boxes[-1] == NOWHERE
            expected = 2 + sum(min(page[word], LONGEST_WORD) for word in window.firsts)
            assert len(window.ids) == expected


@given(SIZES, SHAPES, st.integers(1, 5))
def test_what_each_word_is_given_comes_back_to_that_word(sizes: list[list[int]], shape: Shape, size: int) -> None:
    """Logits that name their word and window: each word gets its own, from where it stands most central."""
    paper = document(*sizes)
    windows = encode(paper, OneToNine(), shape)
    answers = []
    for batch in batches(windows, size, shape.pad):
        logits = np.full((*batch.ids.shape, 3), -1.0, dtype=np.float32)
        for row, window in enumerate(batch.windows):
            for which, at in window.firsts.items():
                logits[row, at] = (window.page, which, window.middle(which))
        answers += zip(batch.windows, logits, strict=True)

    merged = merge(len(sizes), answers)

    assert [set(page) for page in merged] == [{n for n, s in enumerate(page) if s} for page in sizes]
    for number, page in enumerate(merged):
        for which, (on, who, middle) in page.items():
            best = max(window.middle(which) for window in windows if window.page == number and which in window.firsts)
            assert (on, who, middle) == (number, which, best)


def test_neighbouring_windows_share_about_the_stride() -> None:
    windows = encode(document([3] * 60), OneToNine(), Shape(length=62, stride=15))

    shared = [len(set(one.firsts) & set(other.firsts)) for one, other in pairwise(windows)]

    assert shared == [5] * (len(windows) - 1)
    assert len(windows) == 4


def test_a_batch_is_only_as_long_as_its_longest_window() -> None:
    windows = encode(document([1] * 4, [2] * 10), OneToNine(), SHAPE)

    batch = as_batch(windows, SHAPE.pad)

    assert batch.ids.shape == (2, 22)
    assert batch.mask.sum(axis=1).tolist() == [6, 22]
    assert batch.ids[0, 6:].tolist() == [SHAPE.pad] * 16
    assert batch.boxes.shape == (2, 22, 4)
    assert not batch.boxes[0, 6:].any()


def test_the_pieces_of_a_word_are_those_of_the_word_alone() -> None:
    receipt = made_receipt(30).document
    words = [word.text for word in receipt.pages[0].words]

    together = sub_words().ids(["", *words, " "])

    assert together == [[], *(sub_words().ids([word])[0] for word in words), []]
    assert all(together[1:-1])


@pytest.mark.parametrize(
    "text", ["\ud800", "é💶漢字", "a\u200bb", "x" * 5000], ids=["half", "any", "zero width", "long"]
)
def test_odd_words_have_pieces(text: str) -> None:
    assert sub_words().ids(["a", text, "b"])[1]


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        pytest.param(Box(0, 0, 1, 1), (0, 0, 1000, 1000), id="the page"),
        pytest.param(Box(0.1234, 0.5, 0.1236, 0.50049), (123, 500, 124, 500), id="rounded to thousandths"),
        pytest.param(Box(-0.2, 0.5, 1.3, 2.0), (0, 500, 1000, 1000), id="beyond the page"),
        pytest.param(Box(0.5, 0.5, 0.7, 0.7, 45.0), (500, 500, 700, 700), id="turned"),
    ],
)
def test_boxes_are_thousandths_of_the_page(box: Box, expected: tuple[int, int, int, int]) -> None:
    assert to_thousand(box) == expected


@pytest.mark.parametrize(("length", "stride"), [(20, 0), (100, 90), (100, -1), (0, 0)])
def test_a_window_holds_a_long_word_beside_what_it_shares(length: int, stride: int) -> None:
    with pytest.raises(ValueError, match="no room"):
        Shape(length, stride)
