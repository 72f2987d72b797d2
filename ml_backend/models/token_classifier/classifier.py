"""The token classifier as a field model: words in, whole fields with calibrated confidence out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ml_backend.document.elements import Document
from ml_backend.document.fields import Extraction, Field, FieldSpec
from ml_backend.models.keyword_baseline import KeywordBaseline
from ml_backend.models.token_classifier.answering import label_chances, options_of
from ml_backend.models.token_classifier.choosing import Calibration, Choice, choose
from ml_backend.models.token_classifier.gazetteer import Gazetteer, line_features
from ml_backend.models.token_classifier.linear import Floats, TagModel
from ml_backend.models.token_classifier.ranking import LabelFacts, RankModel
from ml_backend.models.token_classifier.reading import Reading, read
from ml_backend.models.token_classifier.word_features import word_features

LEAST_OF_WORD = 0.01  # a word less likely than this to have a label is not spoken of


@dataclass(frozen=True, slots=True)
class Parts:
    """All that a version has learned; ``facts`` has every label it knows."""

    samples: int
    tags: TagModel
    ranking: RankModel
    calibration: Calibration
    facts: Mapping[str, LabelFacts]
    gazetteer: Gazetteer


class TokenClassifier:
    """One trained version. Labels it has never seen are answered by the keyword baseline. Safe for threads."""

    def __init__(self, parts: Parts, version: str, country: str = "") -> None:
        self.parts = parts
        self._version = version
        self._country = country
        self._baseline = KeywordBaseline(country)

    @classmethod
    def load(cls, folder: Path, version: str, country: str = "") -> TokenClassifier:
        """The version whose files lie in ``folder``. Raises ModelRejected for anything but what ``save`` writes."""
        from ml_backend.models.token_classifier.files import load_parts

        return cls(load_parts(folder), version, country)

    def save(self, folder: Path) -> None:
        """Write this version's files into ``folder``."""
        from ml_backend.models.token_classifier.files import save_parts

        save_parts(self.parts, folder)

    @property
    def version(self) -> str:
        return self._version

    def extract(self, document: Document, specs: Sequence[FieldSpec]) -> Extraction:
        """The fields asked for, each with the calibrated probability that an annotator leaves it as it is."""
        parts = self.parts
        known = [spec for spec in specs if spec.label in parts.facts]
        unknown = [spec for spec in specs if spec.label not in parts.facts]
        new = self._baseline.extract(document, unknown) if unknown else Extraction(())
        reading = read(document, known, self._country)
        chances = self._chances(reading)
        by_label = label_chances(chances, parts.tags.tags, list(parts.facts))
        fields: list[Field] = []
        confidences: dict[str, list[float]] = {spec.label: [] for spec in specs}
        repeats = {spec.label: spec.repeats for spec in known}
        for options in options_of(reading, known, by_label, parts.facts, parts.gazetteer):
            label = options.label
            scored = parts.ranking.chances(label, options.rows)
            for choice in choose(options.candidates, scored, repeats[label]):
                confidence = parts.calibration.confidence(label, choice)
                if parts.calibration.shown(label, repeats[label], confidence):
                    fields.append(as_field(reading, choice, confidence, parts.samples))
                    confidences[label].append(confidence)
        for field in new.fields:
            fields.append(field)
            confidences[field.label].append(field.confidence)
        score = parts.calibration.score(confidences) if known else None
        return Extraction(_in_order(fields, specs), self._word_labels(reading, by_label, known, new), score)

    def _chances(self, reading: Reading) -> Floats:
        """The probability of each tag for each token."""
        rows = word_features(reading)
        lines = line_features(self.parts.gazetteer, [segment.text for segment in reading.segments])
        return self.parts.tags.chances(
            [[*row, *lines[token.segment]] for row, token in zip(rows, reading.tokens, strict=True)]
        )

    def _word_labels(
        self, reading: Reading, by_label: Mapping[str, Floats], known: Sequence[FieldSpec], new: Extraction
    ) -> tuple[Mapping[int, Mapping[str, float]], ...]:
        pages: list[dict[int, dict[str, float]]] = [
            {word: dict(chances) for word, chances in page.items()} for page in new.word_labels
        ] or [{} for _ in reading.document.pages]
        for spec in known:
            together = np.minimum(1.0, by_label[spec.label].sum(axis=1))
            for number in np.flatnonzero(together >= LEAST_OF_WORD):
                token = reading.tokens[number]
                pages[token.page].setdefault(token.index, {})[spec.label] = round(float(together[number]), 4)
        return tuple(pages)


def as_field(reading: Reading, choice: Choice, confidence: float, samples: int) -> Field:
    """The chosen candidate as a field; ``samples`` is from how many documents was learned."""
    candidate = choice.candidate
    tokens = [reading.tokens[number] for number in candidate.words]
    return Field(
        label=candidate.label,
        text=candidate.text,
        box=candidate.box,
        page=tokens[0].page,
        confidence=round(min(1.0, max(0.0, confidence)), 4),
        words=tuple(token.index for token in tokens),
        value=candidate.value,
        reason=_reason(reading, choice, samples),
    )


def _reason(reading: Reading, choice: Choice, samples: int) -> str:
    """Why, in a few words: a known value, the baseline's reason, or what stands left of or above it."""
    candidate = choice.candidate
    learned = f"learned from {samples} documents"
    if candidate.like and (candidate.form == "known" or candidate.like.alike == 1.0):
        times = candidate.like.times
        return f"{learned}; confirmed before in {times} document{'s' if times > 1 else ''}"
    if candidate.reason:
        return f"{learned}; {candidate.reason}"
    token = reading.tokens[candidate.words[0]]
    segment = reading.segments[token.segment]
    layout = reading.layouts[segment.page]
    left = layout.left_of(segment, segment.starts[token.position])
    if left:
        return f"{learned}; '{left[-40:].strip()}' on the left"
    above = layout.above(segment.box, segment.row)
    return f"{learned}; under '{above.text[-40:].strip()}'" if above else f"{learned}; at the top of the page"


def _in_order(fields: Sequence[Field], specs: Sequence[FieldSpec]) -> tuple[Field, ...]:
    place = {spec.label: number for number, spec in enumerate(specs)}
    return tuple(sorted(fields, key=lambda field: place[field.label]))
