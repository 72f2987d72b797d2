"""Pictures and tables of predictions."""

from __future__ import annotations

import io
from pathlib import Path

from PIL import Image
from rich.console import Console

from builders import found, page, prediction, word
from docloop.draw import draw_page, drawing_name, unused
from docloop.show import as_json, table, text
from ml_backend.document.elements import Document
from ml_backend.document.geometry import Box


def test_a_drawing_marks_words_doubts_and_fields_and_leaves_the_picture_alone() -> None:
    image = Image.new("RGB", (200, 300), "white")
    read = page(word("sure", 0.1, 0.1, 0.3, 0.15), word("unsure", 0.1, 0.2, 0.3, 0.25, confidence=0.2))
    drawn = draw_page(image, read, [found("total", box=Box(0.5, 0.5, 0.9, 0.6))])
    assert drawn.size == (200, 300)
    assert drawn.getpixel((20, 30)) == (200, 200, 200)
    assert drawn.getpixel((20, 60)) == (255, 127, 14)
    assert drawn.getpixel((100, 165)) == (31, 119, 180)
    assert image.getcolors() == [(200 * 300, (255, 255, 255))]


def test_a_field_at_the_very_top_has_its_flag_below() -> None:
    image = Image.new("RGB", (200, 300), "white")
    drawn = draw_page(image, page(), [found("total", box=Box(0.1, 0.0, 0.9, 0.05))])
    assert drawn.getpixel((199, 18)) == (31, 119, 180)


def test_names_of_drawings() -> None:
    assert drawing_name("a.b.pdf", 0, 1) == "a.b.png"
    assert drawing_name("scan", 1, 3) == "scan-p2.png"
    taken: set[Path] = set()
    assert [unused(Path("o"), "x.png", taken).name for _ in range(3)] == ["x.png", "x-2.png", "x-3.png"]


def test_the_table_shows_text_value_certainty_and_reason_and_no_markup_of_a_document() -> None:
    console = Console(width=160, record=True, file=io.StringIO())
    field = found("date", r"1.2.[red]26\[/foo]", confidence=0.42, value="2026-02-01", reason="the only date")
    console.print(table("a.png", prediction(field)))
    shown = console.export_text()
    assert all(part in shown for part in ("date", r"1.2.[red]26\[/foo]", "2026-02-01", "42%", "the only date"))


def test_the_text_stands_line_by_line() -> None:
    read = page(word("Total", line=0), word("12.50", line=0), word("Thanks", line=1, confidence=0.1))
    assert text(Document((read,))).plain == "Total 12.50 \nThanks \n"


def test_json_holds_words_and_fields_in_the_frame() -> None:
    read = page(word("12.50", 0.1, 0.1, 0.2, 0.12, confidence=0.3))
    whole = as_json("a.png", Document((read,)), prediction(found(confidence=0.5)))
    assert whole["fields"] == [
        {
            "label": "total",
            "text": "12.50",
            "value": "",
            "page": 0,
            "box": [0.5, 0.5, 0.6, 0.52],
            "confidence": 0.5,
            "reason": "",
        }
    ]
    assert whole["pages"][0]["words"] == [
        {"text": "12.50", "box": [0.1, 0.1, 0.2, 0.12], "confidence": 0.3, "uncertain": True, "line": 0, "block": 0}
    ]
