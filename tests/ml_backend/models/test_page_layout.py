"""Rows, segments and spans."""

from __future__ import annotations

from paper import paper

from ml_backend.document.elements import Document, Page, Word
from ml_backend.document.geometry import Box, Quad
from ml_backend.models.layout import PageLayout, Span, lay_out


def layout(text: str) -> PageLayout:
    (page,) = lay_out(paper(text))
    return page


def rows(page: PageLayout) -> list[list[str]]:
    return [[page.segments[i].text for i in row] for row in page.rows]


def test_a_wide_gap_splits_a_row() -> None:
    assert rows(layout("DOC NO: 12      DATE: 1/2/2018\nTOTAL           9.00")) == [
        ["DOC NO: 12", "DATE: 1/2/2018"],
        ["TOTAL", "9.00"],
    ]


def test_lines_that_ocr_cut_apart_are_one_row_even_on_a_skewed_page() -> None:
    skew = 0.03  # of the height, over the width: more than a line

    def word(text: str, left: float, top: float, line: int) -> Word:
        top += skew * left
        slope = skew * 0.1
        return Word(
            text,
            Quad(((left, top), (left + 0.1, top + slope), (left + 0.1, top + slope + 0.02), (left, top + 0.02))),
            0.9,
            line,
        )

    words = (
        word("TOTAL", 0.0, 0.1, 0),
        word("CASH", 0.0, 0.125, 1),
        word("9.00", 0.9, 0.1, 2),
        word("10.00", 0.9, 0.125, 3),
    )

    (page,) = lay_out(Document((Page(1000, 1000, words),)))

    assert rows(page) == [["TOTAL", "9.00"], ["CASH", "10.00"]]


def test_a_span_cuts_words_at_its_ends_in_proportion_to_their_characters() -> None:
    (segment,) = layout("Date:12 Mar 2018PM").segments

    span = segment.span(5, 16)

    assert span == Span(0, (0, 1, 2), "12 Mar 2018", Box(0.05, 0.0, 0.16, 0.016))


def test_a_span_leaves_out_white_space_at_its_ends() -> None:
    (segment,) = layout("one two three").segments

    assert segment.span(3, 8) == Span(0, (1,), "two", Box(0.04, 0.0, 0.07, 0.016))


def test_left_above_and_below() -> None:
    page = layout("Name      Qty      Amount\nTea       2        5.00\n\n\n\nfar away")
    amount = page.segments[5]

    assert page.left_of(amount, 0) == "Tea 2"
    assert page.nearest_left(amount, 0) == "2"
    above, below = page.above(amount.box, amount.row), page.below(amount.box, amount.row)
    assert (above and above.text, below) == ("Amount", None)


def test_an_empty_page_has_no_rows() -> None:
    assert lay_out(Document((Page(600, 900),))) == (PageLayout(0, (), (), 0.0),)
