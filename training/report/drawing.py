"""Pictures for a report as numbers for SVG: a page with its words and fields, the learning curve, the reliability plot.

A page shows its scan; without one, what OCR read, the words where they were printed. Everything is in a picture's own units,
origin top left, y down.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ml_backend.document.elements import Page
from ml_backend.document.fields import Field
from ml_backend.document.geometry import Box
from ml_backend.document.samples import Sample
from ml_backend.models.manifest import RELEASE_ASKED, Manifest
from training.metrics import plain, same_region
from training.report.figures import Reliability
from training.report.scans import data_url

if TYPE_CHECKING:
    from PIL.Image import Image

PAGE_WIDTH = 420.0
CHART_WIDTH, CHART_HEIGHT = 460.0, 220.0
_LETTER = 0.78  # of a word's height: what its font size is


@dataclass(frozen=True, slots=True)
class Rectangle:
    """``kind`` is ``right`` (found as confirmed), ``wrong`` (said, but not so), or ``missed`` (confirmed, but not said)."""

    x: float
    y: float
    width: float
    height: float
    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class Print:
    """One word: where it begins, how wide it is, and its baseline."""

    x: float
    y: float
    width: float
    size: float
    text: str


@dataclass(frozen=True, slots=True)
class PagePicture:
    """One page of a document; ``scan`` is a data URL, or empty where the words are drawn."""

    width: float
    height: float
    words: Sequence[Print]
    fields: Sequence[Rectangle]
    scan: str = ""


@dataclass(frozen=True, slots=True)
class Dot:
    """A point of a chart, with what to say about it."""

    x: float
    y: float
    text: str
    strong: bool = False


def page_pictures(sample: Sample, said: Sequence[Field], scans: Sequence[Image] = ()) -> list[PagePicture]:
    """The pages that have fields, said or confirmed; the first one if none has. ``scans`` are all pages, or none."""
    marks = _marks(sample.fields, said)
    pages = sorted({field.page for field, _ in marks if field.page < len(sample.document.pages)}) or [0]
    drawn = [_page(sample.document.pages[number], number, marks) for number in pages]
    if len(scans) != len(sample.document.pages):
        return drawn
    return [replace(page, words=(), scan=data_url(scans[n])) for page, n in zip(drawn, pages, strict=True)]


def _marks(truth: Sequence[Field], said: Sequence[Field]) -> list[tuple[Field, str]]:
    right = [field for field in said if any(_same(field, other) for other in truth)]
    wrong = [field for field in said if field not in right]
    missed = [field for field in truth if not any(_same(field, other) for other in right)]
    return [*((f, "right") for f in right), *((f, "missed") for f in missed), *((f, "wrong") for f in wrong)]


def _same(one: Field, other: Field) -> bool:
    return one.label == other.label and plain(one.text) == plain(other.text) and same_region(one, other)


def _page(page: Page, number: int, marks: Sequence[tuple[Field, str]]) -> PagePicture:
    height = PAGE_WIDTH * page.height / max(1, page.width)
    words = [
        Print(
            word.box.left * PAGE_WIDTH,
            (word.box.top + word.box.height * _LETTER) * height,
            word.box.width * PAGE_WIDTH,
            word.box.height * height * _LETTER,
            word.text,
        )
        for word in page.words
    ]
    fields = [
        Rectangle(*_scaled(field.box, height), kind, f"{field.label}: {field.text}")
        for field, kind in marks
        if field.page == number
    ]
    return PagePicture(PAGE_WIDTH, height, words, fields)


def _scaled(box: Box, height: float) -> tuple[float, float, float, float]:
    return box.left * PAGE_WIDTH, box.top * height, box.width * PAGE_WIDTH, box.height * height


def learning_curve(versions: Sequence[Manifest]) -> list[Dot]:
    """F1 at the gate against the documents learned from, one dot a version; the promoted ones are strong. One that was asked to
    learn from an older release is none: it says nothing of what more documents bring."""
    versions = [version for version in versions if RELEASE_ASKED not in version.settings]
    most = max((version.samples for version in versions), default=1) or 1
    dots = []
    for version in sorted(versions, key=lambda one: one.samples):
        f1 = version.metrics.get("challenger", {}).get("f1")
        if isinstance(f1, int | float):
            text = f"{version.version}: F1 {f1:.3f} from {version.samples} documents"
            dots.append(Dot(CHART_WIDTH * version.samples / most, CHART_HEIGHT * (1 - f1), text, version.promoted))
    return dots


def reliability_dots(found: Reliability) -> list[Dot]:
    """The share that was right against the confidence; on the diagonal, confidences mean what they say."""
    return [
        Dot(
            CHART_HEIGHT * bucket.confidence,
            CHART_HEIGHT * (1 - bucket.right),
            f"{bucket.fields} fields: {bucket.confidence:.0%} sure, {bucket.right:.0%} right",
        )
        for bucket in found.buckets
    ]
