"""A memory's file: one JSON. What is read back is hostile until it is checked, value by value."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from ml_backend.errors import ModelRejected
from ml_backend.models.memory.paper import Line, Mark, Paper, Part
from ml_backend.models.memory.remembering import LONGEST, MOST_LINES, MOST_MARKS, MOST_PAPERS
from ml_backend.models.memory.votes import POOLED, Curves

FORMAT = 1
FILE = "memory.json"
LARGEST = 2**28  # bytes
MOST_PAGES = 10_000
STEEPEST = 100.0  # a curve with more slope or offset is none of ours
NAME = 1000  # characters of a label or a content


def save_memory(folder: Path, papers: Sequence[Paper], curves: Curves) -> None:
    """Write the file; the same memory gives the same bytes."""
    stored = {
        "format": FORMAT,
        "curves": {label: list(curve) for label, curve in curves.by_label.items()},
        "papers": [_paper_json(paper) for paper in papers],
    }
    text = json.dumps(stored, ensure_ascii=False, separators=(",", ":"), sort_keys=True, allow_nan=False)
    (folder / FILE).write_text(text, encoding="utf-8", errors="surrogatepass")


def load_memory(folder: Path) -> tuple[list[Paper], Curves]:
    """Read back what ``save_memory`` wrote. Raises ModelRejected for anything else."""
    try:
        path = folder / FILE
        if path.stat().st_size > LARGEST:
            raise ValueError("it is too large")
        stored = json.loads(path.read_bytes().decode("utf-8", "surrogatepass"), parse_constant=_no_number)
        if stored["format"] != FORMAT:
            raise ValueError("it has another format")
        papers = [_paper(paper) for paper in _list(stored["papers"], MOST_PAPERS)]
        return papers, Curves({_text(label, NAME): _curve(curve) for label, curve in _curves(stored["curves"])})
    except (OSError, KeyError, TypeError, ValueError, AttributeError, IndexError, RecursionError) as error:
        # the message of a ValueError is ours, or of the JSON reader, which quotes a place but no content
        raise ModelRejected(
            "model_files",
            f"The model file {FILE} cannot be used: {type(error).__name__}: {str(error)[:200]}.",
            "Roll back to an earlier version, or train again.",
        ) from error


def _paper_json(paper: Paper) -> list[Any]:
    return [
        paper.content,
        [[line.page, line.text, list(line.starts), list(line.lefts), list(line.rights)] for line in paper.lines],
        [[mark.label, mark.text, [[part.line, part.start, part.end] for part in mark.parts]] for mark in paper.marks],
    ]


def _paper(value: Any) -> Paper:
    content, lines, marks = value
    rows = tuple(_line(line) for line in _list(lines, MOST_LINES))
    return Paper(_text(content, NAME), rows, tuple(_mark(mark, rows) for mark in _list(marks, MOST_MARKS)))


def _line(value: Any) -> Line:
    page, text, starts, lefts, rights = value
    text = _text(text, LONGEST)
    begins = tuple(_number(start, LONGEST) for start in _list(starts, LONGEST))
    edges = [tuple(_edge(edge) for edge in _list(side, LONGEST)) for side in (lefts, rights)]
    if not begins or begins[0] != 0 or any(one >= other for one, other in pairwise(begins)) or begins[-1] > len(text):
        raise ValueError("the pieces of a row do not follow each other")
    if not len(begins) == len(edges[0]) == len(edges[1]):
        raise ValueError("a row has pieces without edges")
    return Line(_number(page, MOST_PAGES), text, begins, *edges)


def _mark(value: Any, lines: Sequence[Line]) -> Mark:
    label, text, parts = value
    places = tuple(
        Part(*(_number(number, max(LONGEST, MOST_LINES)) for number in part)) for part in _list(parts, MOST_LINES)
    )
    if not places or any(one.line >= other.line for one, other in pairwise(places)):
        raise ValueError("the rows of a field do not follow each other")
    if not all(part.start < part.end <= len(lines[part.line].text) for part in places):
        raise ValueError("a field lies outside of its row")
    return Mark(_text(label, NAME), _text(text, 5 * LONGEST), places)


def _curves(value: Any) -> list[tuple[Any, Any]]:
    if not isinstance(value, dict) or POOLED not in value or len(value) > NAME:
        raise ValueError("there is no curve for all labels")
    return list(value.items())


def _curve(value: Any) -> tuple[float, float]:
    slope, offset = value
    for number in (slope, offset):
        if not isinstance(number, int | float) or isinstance(number, bool) or not abs(number) <= STEEPEST:
            raise ValueError("a curve is no pair of numbers")
    if slope <= 0:
        raise ValueError("more evidence must not mean less confidence")
    return float(slope), float(offset)


def _list(value: Any, most: int) -> list[Any]:
    if not isinstance(value, list) or len(value) > most:
        raise ValueError(f"a list of at most {most} was expected")
    return value


def _text(value: Any, longest: int) -> str:
    if not isinstance(value, str) or len(value) > longest:
        raise ValueError(f"a text of at most {longest} characters was expected")
    return value


def _number(value: Any, most: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= most:
        raise ValueError(f"a whole number from 0 to {most} was expected")
    return value


def _edge(value: Any) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= 1:
        raise ValueError("an edge from 0 to 1 was expected")
    return float(value)


def _no_number(name: str) -> float:
    raise ValueError(f"{name} is not a number we write")
