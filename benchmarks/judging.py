"""How fields of receipts are judged: both protocols of the data's README, for the benchmarks.

Exact: equal after upper-casing and dropping all but letters, digits and dots; fuzzy: rapidfuzz ratio of the same strings of at
least 90.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image
from rapidfuzz.fuzz import ratio

from ml_backend.document.elements import Document
from ml_backend.document.fields import Field, FieldSpec
from ml_backend.images.decode import upright
from ml_backend.images.pages import PageImage
from ml_backend.ocr.cache import PageCache
from ml_backend.ocr.pool import OCRPool
from ml_backend.ocr.registry import create_engine

SPECS = (
    FieldSpec("company", "company"),
    FieldSpec("date", "date"),
    FieldSpec("address", "address"),
    FieldSpec("total", "amount"),
)
ALL = "all"
FUZZY = 90  # ratio from which two strings count as the same
BUCKETS = 10
CACHE_BYTES = 2**30


@dataclass(frozen=True, slots=True)
class Outcome:
    """One asked field: how sure the model was (None: no field), and whether it was right under each protocol."""

    label: str
    confidence: float | None
    exact: bool
    fuzzy: bool


def plain(text: str) -> str:
    """Upper case; letters, digits and dots only."""
    return re.sub(r"[^A-Z0-9.]", "", text.upper())


def judge(label: str, field: Field | None, truth: str) -> Outcome:
    if field is None:
        return Outcome(label, None, False, False)
    found, wanted = plain(field.text), plain(truth)
    return Outcome(label, field.confidence, found == wanted, ratio(found, wanted) >= FUZZY)


def read_documents(root: Path, rows: list[Mapping[str, Any]], cache: Path) -> Iterator[Document]:
    """The receipts as the default engine reads them."""
    with OCRPool(create_engine("rapidocr"), 1, PageCache(cache, CACHE_BYTES)) as pool:
        for row in rows:
            with Image.open(root / row["image"]) as image:
                page = PageImage.of(upright(image).convert("RGB"))
            yield Document((pool.read(page.image, page.digest),))


def scores(outcomes: list[Outcome], protocol: str) -> tuple[float, float, float]:
    """Precision, recall and F1."""
    right = sum(getattr(outcome, protocol) for outcome in outcomes)
    given = sum(outcome.confidence is not None for outcome in outcomes)
    precision, recall = right / max(1, given), right / max(1, len(outcomes))
    return precision, recall, 2 * right / max(1, given + len(outcomes))


def print_scores(outcomes: list[Outcome]) -> None:
    print(f"{'field':10} {'asked':>6} | {'exact P':>8} {'R':>6} {'F1':>6} | {'fuzzy P':>8} {'R':>6} {'F1':>6}")
    for label in (*dict.fromkeys(outcome.label for outcome in outcomes), ALL):
        some = [outcome for outcome in outcomes if label in (ALL, outcome.label)]
        exact, fuzzy = scores(some, "exact"), scores(some, "fuzzy")
        print(
            f"{label:10} {len(some):6} | {exact[0]:8.3f} {exact[1]:6.3f} {exact[2]:6.3f}"
            f" | {fuzzy[0]:8.3f} {fuzzy[1]:6.3f} {fuzzy[2]:6.3f}"
        )


def print_reliability(outcomes: list[Outcome]) -> None:
    """For each range of confidence: how many fields, the mean confidence, and the share that is exactly right."""
    buckets: dict[int, list[Outcome]] = defaultdict(list)
    for outcome in outcomes:
        if outcome.confidence is not None:
            buckets[min(BUCKETS - 1, int(outcome.confidence * BUCKETS))].append(outcome)
    print(f"{'confidence':12} {'fields':>6} {'mean':>6} {'right':>6}")
    error = 0.0
    for bucket, some in sorted(buckets.items()):
        mean = sum(outcome.confidence or 0.0 for outcome in some) / len(some)
        right = sum(outcome.exact for outcome in some) / len(some)
        error += abs(mean - right) * len(some)
        print(f"{bucket / BUCKETS:.1f} - {(bucket + 1) / BUCKETS:.1f}    {len(some):6} {mean:6.2f} {right:6.2f}")
    print(f"expected calibration error {error / max(1, sum(map(len, buckets.values()))):.3f}")
