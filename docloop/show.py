"""Predictions for people (a table) and for programs (JSON, one object a line)."""

from __future__ import annotations

from typing import Any

from rich.markup import escape
from rich.table import Table
from rich.text import Text

from ml_backend.document.elements import Document
from ml_backend.document.fields import Prediction
from ml_backend.document.geometry import Box


def table(source: str, prediction: Prediction) -> Table:
    """The fields of one document, the least certain ones coloured."""
    title = f"{source}   [dim]{prediction.model_version}, {', '.join(dict.fromkeys(prediction.engines))}[/dim]"
    result = Table(title=title, title_justify="left", caption=_caption(prediction), caption_justify="left")
    for heading in ("field", "text", "value", "sure", "why"):
        result.add_column(heading, overflow="fold", justify="right" if heading == "sure" else "left")
    for found in prediction.fields:
        colour = "green" if found.confidence >= 0.8 else "yellow" if found.confidence >= 0.5 else "red"
        sure = f"[{colour}]{found.confidence:.0%}[/{colour}]"
        value = found.value if found.value != found.text else ""
        page = f"p{found.page + 1}: " if len(prediction.page_sizes) > 1 else ""
        result.add_row(found.label, *map(escape, (found.text, value)), sure, escape(page + found.reason))
    return result


def _caption(prediction: Prediction) -> str:
    words = [f"chance that nothing needs correcting: {prediction.score:.0%}"]
    return "; ".join(words + [escape(note) for note in prediction.notes])


def text(document: Document) -> Text:
    """The words of all pages, line by line in reading order; those read with doubt are coloured."""
    result = Text()
    for _, page in document:
        for line in page.lines:
            for index in line:
                result.append(page.words[index].text, style="yellow" if page.words[index].uncertain else "")
                result.append(" ")
            result.append("\n")
    return result


def as_json(source: str, document: Document, prediction: Prediction) -> dict[str, Any]:
    """One document as plain data. Boxes are [left, top, right, bottom] in [0, 1] of the upright page."""
    return {
        "source": source,
        "model_version": prediction.model_version,
        "score": round(prediction.score, 4),
        "notes": list(prediction.notes),
        "fields": [
            {
                "label": found.label,
                "text": found.text,
                "value": found.value,
                "page": found.page,
                "box": _box(found.box),
                "confidence": round(found.confidence, 4),
                "reason": found.reason,
            }
            for found in prediction.fields
        ],
        "pages": [
            {
                "width": page.width,
                "height": page.height,
                "engine": page.engine,
                "words": [
                    {
                        "text": word.text,
                        "box": _box(word.box),
                        "confidence": round(word.confidence, 4),
                        "uncertain": word.uncertain,
                        "line": word.line,
                        "block": word.block,
                    }
                    for word in page.words
                ],
            }
            for _, page in document
        ],
    }


def _box(box: Box) -> list[float]:
    return [box.left, box.top, box.right, box.bottom]
