"""The layout model as a field model: words and boxes in, whole fields with calibrated confidence out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ml_backend.document.elements import Document
from ml_backend.document.fields import Extraction, Field, FieldSpec
from ml_backend.models.keyword_baseline import KeywordBaseline
from ml_backend.models.layout_model.calibration import Calibration
from ml_backend.models.layout_model.decoding import Choice, Tagged, choose
from ml_backend.models.layout_model.encoding import Shape
from ml_backend.models.layout_model.looks import Look
from ml_backend.models.layout_model.reader import Reader
from ml_backend.models.layout_model.values import WHOLE, said

LEAST_OF_WORD = 0.01  # a word less likely than this to have a label is not spoken of


@dataclass(frozen=True, slots=True)
class Base:
    """The network that training began with: its name, its family and the licence of its weights.

    ``family`` is ``layoutlmv3`` or ``lilt``. ``licence`` is as its model card says (``cc-by-nc-sa-4.0``), or empty where
    nobody knows. From scratch the name is ``scratch:small``.
    """

    name: str
    family: str
    licence: str = ""


@dataclass(frozen=True, slots=True)
class Learned:
    """What a version knows besides its network and tokenizer: ``labels`` in the order of the network's outputs.

    ``forms`` has the labels of which only the date, amount or code inside of the words is the field (``values.TYPED``).
    ``look``: how the network sees pages, None for one that knows their words alone.
    """

    base: Base
    samples: int
    labels: tuple[str, ...]
    shape: Shape
    calibration: Calibration
    forms: Mapping[str, str] = field(default_factory=dict)
    int8: bool = False
    look: Look | None = None


class LayoutModel:
    """One trained version. Labels it has never seen are answered by the keyword baseline. Safe for threads."""

    def __init__(self, reader: Reader, learned: Learned, version: str, country: str = "") -> None:
        self.reader = reader
        self.learned = learned
        self._version = version
        self._country = country
        self._baseline = KeywordBaseline(country)
        self._files: Path | None = None

    @classmethod
    def load(cls, folder: Path, version: str, country: str = "", threads: int = 1) -> LayoutModel:
        """The version whose files lie in ``folder``; ``threads`` of the CPU answer one question.

        Raises:
            ModelRejected: they are not what ``save`` writes.
        """
        from ml_backend.models.layout_model.files import load_parts

        reader, learned = load_parts(folder, threads)
        model = cls(reader, learned, version, country)
        model._files = folder
        return model

    def save(self, folder: Path) -> None:
        """Copy this version's files into ``folder``. Raises ModelRejected if it was not loaded from files."""
        from ml_backend.models.layout_model.files import copy_parts

        copy_parts(self._files, folder)

    @property
    def version(self) -> str:
        return self._version

    def extract(self, document: Document, specs: Sequence[FieldSpec]) -> Extraction:
        """The fields asked for, each with the calibrated probability that an annotator leaves it as it is."""
        learned = self.learned
        asked = {spec.label: spec for spec in reversed(specs)}
        known = [spec for spec in asked.values() if spec.label in learned.labels]
        unknown = [spec for spec in asked.values() if spec.label not in learned.labels]
        new = self._baseline.extract(document, unknown) if unknown else Extraction(())
        pages = self.reader.read(document) if known else []
        fields: list[Field] = []
        confidences: dict[str, list[float]] = {label: [] for label in asked}
        for spec in known:
            for choice, found in fields_of(self.reader, document, pages, spec, learned, self._country):
                confidence = learned.calibration.confidence(choice)
                if learned.calibration.shown(spec.label, spec.repeats, confidence):
                    fields.append(with_confidence(found, confidence, learned.samples))
                    confidences[spec.label].append(confidence)
        for one in new.fields:
            fields.append(one)
            confidences[one.label].append(one.confidence)
        place = {label: number for number, label in enumerate(dict.fromkeys(spec.label for spec in specs))}
        in_order = tuple(sorted(fields, key=lambda one: place[one.label]))
        score = learned.calibration.score(confidences) if known else None
        return Extraction(in_order, self._word_labels(document, pages, known, new), score)

    def _word_labels(
        self, document: Document, pages: Sequence[Tagged], known: Sequence[FieldSpec], new: Extraction
    ) -> tuple[Mapping[int, Mapping[str, float]], ...]:
        out: list[dict[int, dict[str, float]]] = [
            {word: dict(chances) for word, chances in page.items()} for page in new.word_labels
        ] or [{} for _ in document.pages]
        for spec in known:
            at = self.reader.column(spec.label)
            for page in pages:
                together = np.minimum(1.0, page.chances[:, at] + page.chances[:, at + 1])
                for row in np.flatnonzero(together >= LEAST_OF_WORD):
                    out[page.page].setdefault(page.words[row], {})[spec.label] = round(float(together[row]), 4)
        return tuple(out)


def fields_of(
    reader: Reader, document: Document, pages: Sequence[Tagged], spec: FieldSpec, learned: Learned, country: str
) -> list[tuple[Choice, Field]]:
    """What is chosen for one label that was learned, as fields without a confidence; those without any text are left out."""
    found = []
    for choice in choose(pages, spec.label, reader.column(spec.label), spec.repeats, document):
        page = document.pages[choice.run.page]
        says = said(page, choice.run.words, spec.type, learned.forms.get(spec.label, WHOLE), country)
        if says.text.strip():
            words = tuple(w for w in choice.run.words if says.box.intersection(page.words[w].box) > 0)
            made = Field(
                spec.label, says.text, says.box, choice.run.page, words=words or choice.run.words, value=says.value
            )
            found.append((choice, made))
    return found


def with_confidence(found: Field, confidence: float, samples: int) -> Field:
    """The field with how sure it is, and why it was chosen."""
    words = f"{len(found.words)} word{'s' if len(found.words) > 1 else ''}"
    reason = f"layout model, learned from {samples} documents; {words} read as {found.label}"
    return Field(
        found.label,
        found.text,
        found.box,
        found.page,
        round(min(1.0, max(0.0, confidence)), 4),
        words=found.words,
        value=found.value,
        reason=reason,
    )
