"""Fields cut into lines: whole boxes, shared texts, what is not sure, and what is left of a page."""

from __future__ import annotations

from pathlib import Path

import pytest
from exported_papers import BLANK, PAGE, TURNED, paper

from ml_backend.document.elements import Page
from ml_backend.document.fields import Field
from ml_backend.document.geometry import Box
from ml_backend.exports.field_lines import field_lines, other_lines
from ml_backend.exports.folder import ExportFolder

TWO = Box(0.08, 0.38, 0.62, 0.72)
ONE = Box(0.08, 0.38, 0.62, 0.52)


@pytest.mark.parametrize(
    ("page", "field", "lines", "why"),
    [
        (PAGE, Field("a", "JALAN  SAGU\n", ONE), [("JALAN SAGU", True, 2)], "one line: the box and all of its text"),
        (PAGE, Field("a", "nothing alike", ONE), [("nothing alike", True, 2)], "what was confirmed there counts"),
        (
            PAGE,
            Field("a", "JALAN SAGU 81100 JOHOR", TWO),
            [("JALAN SAGU", True, 2), ("81100 JOHOR", True, 2)],
            "shared",
        ),
        (PAGE, Field("a", "JALAN SAGU", TWO), [("JALAN SAGU", True, 2)], "the other line is not in the text"),
        (PAGE, Field("a", "once upon a time", TWO), [("once upon", False, 2), ("a time", False, 2)], "anybody's guess"),
        (PAGE, Field("a", "JALAN\nSAGU", ONE), [("JALAN SAGU", False, 2)], "typed as two lines, found as one"),
        (PAGE, Field("a", "x " * 121, TWO), [("x " * 120 + "x", False, 4)], "too long to be shared out"),
        (PAGE, Field("a", "x" * 501, ONE), [("x" * 501, False, 2)], "no line is that long"),
        (BLANK, Field("a", "東京", TURNED), [("東京", True, 0)], "nobody read a word"),
        (BLANK, Field("a", " \t", TURNED), [("", True, 0)], "a box without a text"),
        (BLANK, Field("a", "x", Box(0.1, 0.1, 0.1, 0.2)), [], "no area"),
        (BLANK, Field("a", "x", TURNED, page=1), [], "another page"),
    ],
)
def test_a_field_is_cut_into_the_lines_that_are_known(
    page: Page, field: Field, lines: list[tuple[str, bool, int]], why: str, tmp_path: Path
) -> None:
    found = field_lines(paper("train", [page, BLANK], field, field), 0, ExportFolder(tmp_path))
    assert [(line.text, line.sure, len(line.words)) for line in found] == lines, why


def test_what_no_field_holds_is_left_in_runs_of_neighbours() -> None:
    assert [text for text, _ in other_lines(PAGE, {1, 5})] == ["TOTAL", "JALAN SAQU", "81lOO", "東京"]
