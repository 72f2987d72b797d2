"""From scored candidates to the answer: which are kept, and how sure we are that an annotator leaves them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ml_backend.document.bio_tags import bare
from ml_backend.models.token_classifier.candidates import Candidate
from ml_backend.models.token_classifier.linear import Floats, logit, sigmoid

LEAST = 0.04  # a field less sure than this is not shown; for a label that is often absent, or repeats, more is asked
MORE_IF_RARE = 0.4
LEAST_OF_MANY = 0.4
POOLED = ""  # the curve for labels that have none of their own
RIVAL = 0.5  # a rival's log odds count so much against the first


@dataclass(frozen=True, slots=True)
class Choice:
    """A candidate that was chosen, the ranking's probability for it, and that of the best candidate with another text."""

    candidate: Candidate
    chance: float
    rival: float

    @property
    def evidence(self) -> float:
        """One number that grows with how likely the choice is right."""
        return logit(self.chance) - RIVAL * logit(self.rival)


def choose(options: Sequence[Candidate], chances: Floats, repeats: bool) -> list[Choice]:
    """The best candidate, or of a label that repeats all likely ones that share no word, in reading order."""
    order = [int(at) for at in np.argsort(-chances, kind="stable")]
    kept: list[Choice] = []
    for at in order:
        option, chance = options[at], float(chances[at])
        if kept and (not repeats or chance < LEAST_OF_MANY / 2):
            break
        if any(set(option.words) & set(other.candidate.words) for other in kept):
            continue
        kept.append(Choice(option, chance, _rival(options, chances, order, option, repeats)))
    return sorted(kept, key=lambda choice: choice.candidate.words)


def _rival(
    options: Sequence[Candidate], chances: Floats, order: Sequence[int], chosen: Candidate, repeats: bool
) -> float:
    words, text = set(chosen.words), bare(chosen.text)
    for at in order:
        other = options[at]
        if bare(other.text) != text and (not repeats or words & set(other.words)):
            return float(chances[at])
    return 0.0


@dataclass(frozen=True, slots=True)
class Calibration:
    """Platt's curves, fitted on answers for documents that the models had not seen.

    ``curves[label]`` are slope and offset from a choice's evidence to log odds; ``""`` is for all labels together.
    ``least[label]`` is the confidence from which a field is shown, ``absent[label]`` how often a label without an answer is
    really not there. ``document`` is the curve from the logarithm of a document's product of confidences to the log odds that
    nothing is to be corrected, or None if there were too few documents for one.
    """

    curves: Mapping[str, tuple[float, float]]
    least: Mapping[str, float]
    absent: Mapping[str, float]
    document: tuple[float, float] | None

    def confidence(self, label: str, choice: Choice) -> float:
        slope, offset = self.curves.get(label, self.curves[POOLED])
        return float(sigmoid(np.array(slope * choice.evidence + offset)))

    def shown(self, label: str, repeats: bool, confidence: float) -> bool:
        least = self.least.get(label, LEAST)
        return confidence >= (max(least, LEAST_OF_MANY) if repeats else least)

    def score(self, confidences: Mapping[str, Sequence[float]]) -> float | None:
        """The probability that the document needs no correction; ``confidences`` of the fields shown, for each label asked."""
        if self.document is None:
            return None
        slope, offset = self.document
        return float(sigmoid(np.array(slope * self.doubt(confidences) + offset)))

    def doubt(self, confidences: Mapping[str, Sequence[float]]) -> float:
        """The logarithm of the product of all confidences and of the chances that labels without a field are absent."""
        total = 0.0
        for label, some in confidences.items():
            for chance in some or [self.absent.get(label, 0.5)]:
                total += float(np.log(max(1e-3, chance)))
        return total
