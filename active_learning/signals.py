"""What a ranking notes about one document while its words are at hand: few numbers that are kept instead of the words.

A *block* is one text line (``Word.line``): what OCR detects in one piece, and what an annotator sees and corrects. Blocks of the
layout (``Word.block``) tell nothing here: most receipts are one or two of them, whatever stands on them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from active_learning.diversity import Signature, signature
from active_learning.measures import mean_of, share_below
from active_learning.thresholds import Thresholds
from ml_backend.document.elements import Document
from ml_backend.document.fields import Extraction, FieldSpec

_DEFAULTS = Thresholds()
_DIGITS = 4
_MOST_BLOCKS = 1e6


@dataclass(frozen=True, slots=True)
class Signals:
    """What speaks for and against asking a document soon.

    ``confidence`` is the mean of all words' OCR confidences (0 without words), ``doubtful_blocks`` the share of blocks whose
    words' mean is under the confidence threshold, ``blocks`` the mean number on the pages with words. ``field_confidence``
    maps each found label to the mean confidence of its fields, ``missing`` are required labels without a field.
    ``disagreement`` maps labels to the share of what several models believe that went to another answer than the one given;
    None when one model alone was asked. ``absent`` maps labels without a field to the chance that they really are not there,
    where a model has learned it.
    """

    pages: int
    empty_pages: int
    words: int
    blocks: float
    confidence: float
    doubtful_blocks: float
    field_confidence: Mapping[str, float] = field(default_factory=dict)
    missing: tuple[str, ...] = ()
    disagreement: Mapping[str, float] | None = None
    absent: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Observed:
    """Signals of a document, and the signature its near-duplicates are told by."""

    signals: Signals
    signature: Signature


def observe(
    document: Document,
    extraction: Extraction,
    specs: Sequence[FieldSpec],
    thresholds: Thresholds = _DEFAULTS,
) -> Observed:
    """All a ranking needs of a document that ``extraction`` was predicted of, for ``specs``.

    A threshold that changes later counts from the next prediction on; only that of a block's confidence is fixed here.
    """
    labels = tuple(dict.fromkeys(spec.label for spec in specs))
    by_label = {label: [field for field in extraction.fields if field.label == label] for label in labels}
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
        field_confidence={
            label: _unit(mean_of([field.confidence for field in some])) for label, some in by_label.items() if some
        },
        missing=tuple(label for label in labels if label in required and not by_label[label]),
        disagreement=extraction.disagreement,
        absent={label: _unit(chance) for label, chance in extraction.absent.items() if label in by_label},
    )
    return Observed(signals, signature(document))


def blocks_of(document: Document) -> float:
    """Blocks (text lines) a page, over the pages with words; 0 when there is none."""
    return mean_of([len(page.lines) for page in document.pages if page.words])


def _unit(value: float) -> float:
    return round(min(1.0, max(0.0, value)), _DIGITS)
