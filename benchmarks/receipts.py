"""The SROIE receipts as samples: what an annotator would have left for each, over the words that docloop's own OCR read.

The truth of the data set is strings and text lines, not regions. A field's region is put around the words that spell its value;
where OCR read nothing like it, around the true text lines.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from rapidfuzz.fuzz import ratio

from benchmarks.judging import plain, read_documents
from ml_backend.document.elements import Document, Page, Word
from ml_backend.document.fields import Field
from ml_backend.document.geometry import Box, Quad, union
from ml_backend.document.samples import Sample
from ml_backend.models.layout import PageLayout, Segment, Span, lay_out

SAME = 60  # words that spell less of a value than this are not its words
LONGER = 1.3  # a run of words is no longer than this many times the value
TOTAL_WORD = "TOTAL"


def load_receipts(root: Path, cache: Path) -> list[Sample]:
    """All receipts under ``root`` in the order of its file, read with the default engine; OCR results are kept in ``cache``."""
    rows = [json.loads(line) for line in (root / "labels.jsonl").read_text(encoding="utf-8").splitlines()]
    return [
        Sample(hashlib.sha256(row["id"].encode()).hexdigest(), document, tuple(_fields(document, row)))
        for row, document in zip(rows, read_documents(root, rows, cache), strict=True)
    ]


def load_given(root: Path) -> list[Sample]:
    """All receipts with the data set's own text lines in place of OCR; a line's words share its box by their characters."""
    rows = [json.loads(line) for line in (root / "labels.jsonl").read_text(encoding="utf-8").splitlines()]
    documents = [Document((_given_page(row),)) for row in rows]
    return [
        Sample(hashlib.sha256(row["id"].encode()).hexdigest(), document, tuple(_fields(document, row)))
        for row, document in zip(rows, documents, strict=True)
    ]


def _given_page(row: Mapping[str, Any]) -> Page:
    words = [word for number, line in enumerate(row["lines"]) for word in _given_words(line, number)]
    return Page(row["width"], row["height"], tuple(words), "given")


def _given_words(line: Mapping[str, Any], number: int) -> Iterator[Word]:
    box = Quad.clipped(map(tuple, line["polygon"])).box
    at, size = 0, max(1, len(line["text"]))
    for text in line["text"].split(" "):
        if text:
            left, right = (box.left + box.width * place / size for place in (at, at + len(text)))
            yield Word(text, Quad.of_box(Box.clipped(left, box.top, right, box.bottom)), 1.0, line=number)
        at += len(text) + 1


def _fields(document: Document, row: Mapping[str, Any]) -> Iterator[Field]:
    layouts = lay_out(document)
    for label, text in row["fields"].items():
        if not plain(text):
            continue
        box = _printed_at(layouts[0], text) or _true_box(row["lines"], text)
        yield Field(label, text, box)


def _printed_at(layout: PageLayout, text: str) -> Box | None:
    """Where the value stands; of several places the one in a row that speaks of a total, then the lowest."""
    wanted = plain(text)
    exact = [(segment, span) for segment in layout.segments for span in _parts(segment, wanted)]
    if exact:
        return max(exact, key=lambda found: (_rank(layout, *found), found[1].box.top))[1].box
    return _run(layout, wanted)


def _rank(layout: PageLayout, segment: Segment, span: Span) -> bool:
    row = plain(" ".join(part.text for part in layout.row_of(segment)))
    return TOTAL_WORD in row and "SUBTOTAL" not in row


def _parts(segment: Segment, wanted: str) -> Iterator[Span]:
    """Places in a segment that spell ``wanted`` letter by letter and stand for themselves."""
    at = [i for i, c in enumerate(segment.text) if plain(c)]
    letters = "".join(plain(segment.text[i]) for i in at)
    start = letters.find(wanted)
    while start >= 0:
        end = start + len(wanted)
        whole = not (start and letters[start - 1].isdigit() and at[start] == at[start - 1] + 1)
        if whole and not (end < len(at) and letters[end].isdigit() and at[end] == at[end - 1] + 1):
            yield segment.span(at[start], at[end - 1] + 1)
        start = letters.find(wanted, start + 1)


def _run(layout: PageLayout, wanted: str) -> Box | None:
    """The neighbouring words, over several rows where needed, that spell most of ``wanted``."""
    words = [(segment, i, plain(text)) for segment in layout.segments for i, text in enumerate(segment.text.split(" "))]
    best, place = float(SAME), None
    for start in range(len(words)):
        spelt = ""
        for end in range(start, len(words)):
            spelt += words[end][2]
            if len(spelt) > LONGER * len(wanted) + 2:
                break
            found = ratio(spelt, wanted, score_cutoff=best)
            if found > best:
                best, place = found, (start, end)
    if place is None:
        return None
    return union(segment.boxes[i] for segment, i, _ in words[place[0] : place[1] + 1])


def _true_box(lines: list[Mapping[str, Any]], text: str) -> Box:
    """The box of the true lines that speak the value; the whole page if none does."""
    wanted = plain(text)
    spoken = [
        line
        for line in lines
        if plain(line["text"]) and (plain(line["text"]) in wanted or wanted in plain(line["text"]))
    ]
    return union(Quad.clipped(map(tuple, line["polygon"])).box for line in spoken) if spoken else Box(0, 0, 1, 1)
