"""What is said about a document: fields, and the prediction or annotation they make up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ml_backend.document.geometry import Box

FIELD_TYPES = (
    "date", "amount", "company", "address", "person", "phone", "email", "url", "iban", "ean", "serial", "model_number",
    "invoice_number", "text", "line",
)  # fmt: skip
"""What a label may declare as its ``field_type``. ``line`` is every text line of the page, for transcription."""


@dataclass(frozen=True, slots=True)
class FieldSpec:
    """A label of the labelling interface: what docloop is asked to find."""

    label: str
    type: str = "text"
    required: bool = False
    repeats: bool = False


@dataclass(frozen=True, slots=True)
class Field:
    """One value found on a page, by a model or by a person.

    ``text`` is what stands on the paper, ``value`` its normal form (ISO date, plain decimal, digits of an EAN), or empty.
    ``confidence`` in ``[0, 1]`` is the probability that an annotator leaves the field untouched; a person's is 1. ``words``
    are indices into the page's words. What does not survive a trip through Label Studio takes no part in equality.
    """

    label: str
    text: str
    box: Box
    page: int = 0
    confidence: float = 1.0
    id: str = field(default="", compare=False)
    words: tuple[int, ...] = field(default=(), compare=False)
    value: str = field(default="", compare=False)
    reason: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Extraction:
    """What a field model says of a document.

    ``word_labels[page][word]`` maps each label to the probability that the word belongs to it (words without an entry belong
    to no field); ranking and training read it. ``score`` in ``[0, 1]`` is the calibrated probability that the whole document
    needs no correction, where the model has learned one. ``disagreement`` maps each label to the share, in ``[0, 1]``, of what
    several models believe that went to another answer than the one given; None where one model alone was asked. ``absent`` maps
    labels without a field to the chance, in ``[0, 1]``, that they really are not there, where the model has learned it.
    """

    fields: tuple[Field, ...]
    word_labels: tuple[Mapping[int, Mapping[str, float]], ...] = ()
    score: float | None = None
    disagreement: Mapping[str, float] | None = None
    absent: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Prediction:
    """The answer for one task. ``score`` in ``[0, 1]``: the probability that nothing needs correcting; the lowest is asked first.

    ``page_sizes`` are pixels (width, height) of each upright page. ``engines`` name who read each page, ``notes`` say what a
    person should know (a fallback engine, a page that failed). ``content`` is the SHA-256 of the pages' pixels, ``digests`` those
    of each page; ``observed`` is what a ranking noted about the document while its words were at hand.
    """

    fields: tuple[Field, ...]
    page_sizes: tuple[tuple[int, int], ...]
    score: float
    model_version: str
    engines: tuple[str, ...] = field(default=(), compare=False)
    notes: tuple[str, ...] = field(default=(), compare=False)
    content: str = field(default="", compare=False)
    digests: tuple[str, ...] = field(default=(), compare=False)
    observed: object = field(default=None, compare=False)
