"""What a ranking notes about one document while its words are at hand: few numbers that are kept instead of the words.

A *block* is one text line (``Word.line``): what OCR detects in one piece, and what an annotator sees and corrects. Blocks of the
layout (``Word.block``) tell nothing here: most receipts are one or two of them, whatever stands on them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from active_learning.diversity import Signature, signature
from active_learning.measures import mean_of, same_texts, share_below
from active_learning.thresholds import Thresholds
from ml_backend.document.elements import Document
from ml_backend.document.fields import Field, FieldSpec
from ml_backend.models.plain_text import normalise

_DEFAULTS = Thresholds()
_DIGITS = 4
_MOST_BLOCKS = 1e6


@dataclass(frozen=True, slots=True)
class Signals:
    """What speaks for and against asking a document soon.

    ``confidence`` is the mean of all words' OCR confidences (0 without words), ``doubtful_blocks`` the share of blocks whose
    words' mean is under the confidence threshold, ``blocks`` the mean number on the pages with words. ``field_confidence``
    maps each found label to the mean confidence of its fields, ``missing`` are required labels without a field.
    ``disagreeing`` are the labels that model and keywords read differently, out of ``asked``; None when the keywords were the
    model.
    """

    pages: int
    empty_pages: int
    words: int
    blocks: float
    confidence: float
    doubtful_blocks: float
    asked: int
    field_confidence: Mapping[str, float] = field(default_factory=dict)
    missing: tuple[str, ...] = ()
    disagreeing: tuple[str, ...] | None = None

    @property
    def disagreement(self) -> float:
        """The share of asked labels that model and keywords read differently, in ``[0, 1]``; 0 when there is no second reader."""
        return len(self.disagreeing or ()) / self.asked if self.asked else 0.0


@dataclass(frozen=True, slots=True)
class Observed:
    """Signals of a document, and the signature its near-duplicates are told by."""

    signals: Signals
    signature: Signature


def observe(
    document: Document,
    found: Sequence[Field],
    specs: Sequence[FieldSpec],
    baseline: Sequence[Field] | None = None,
    thresholds: Thresholds = _DEFAULTS,
) -> Observed:
    """All a ranking needs of a document whose ``found`` fields were predicted for ``specs``.

    ``baseline`` are the fields of the keyword baseline on the same document, or None when it made ``found`` itself. A threshold
    that changes later counts from the next prediction on; only that of a block's confidence is fixed here.
    """
    labels = tuple(dict.fromkeys(spec.label for spec in specs))
    by_label = {label: [field for field in found if field.label == label] for label in labels}
    confidences = [word.confidence for _, page in document for word in page.words]
    lines = [mean_of([page.words[i].confidence for i in line]) for _, page in document for line in page.lines]
    required = {spec.label for spec in specs if spec.required}
    signals = Signals(
        pages=len(document.pages),
        empty_pages=sum(not page.words for page in document.pages),
        words=len(confidences),
        blocks=round(blocks_of(document), _DIGITS),
        confidence=_unit(mean_of(confidences)),
        doubtful_blocks=_unit(share_below(lines, thresholds.confidence)),
        asked=len(labels),
        field_confidence={
            label: _unit(mean_of([field.confidence for field in some])) for label, some in by_label.items() if some
        },
        missing=tuple(label for label in labels if label in required and not by_label[label]),
        disagreeing=None if baseline is None else disagreeing(found, baseline, labels),
    )
    return Observed(signals, signature(document))


def blocks_of(document: Document) -> float:
    """Blocks (text lines) a page, over the pages with words; 0 when there is none."""
    return mean_of([len(page.lines) for page in document.pages if page.words])


def disagreeing(found: Sequence[Field], baseline: Sequence[Field], labels: Sequence[str]) -> tuple[str, ...]:
    """The labels whose fields differ: by their normal forms where all have one, else by their plain texts.

    A label that only one of both has differs; one that neither has does not. Where the fields stand makes no difference.
    """
    return tuple(
        label
        for label in labels
        if not _alike([f for f in found if f.label == label], [f for f in baseline if f.label == label])
    )


def _alike(one: Sequence[Field], other: Sequence[Field]) -> bool:
    if len(one) != len(other):
        return False
    if all(field.value for field in (*one, *other)):
        return same_texts([field.value for field in one], [field.value for field in other])
    return same_texts([normalise(field.text) for field in one], [normalise(field.text) for field in other])


def _unit(value: float) -> float:
    return round(min(1.0, max(0.0, value)), _DIGITS)
