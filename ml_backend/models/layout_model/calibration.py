"""From evidence to probabilities: how sure a field is, whether it is shown, and how sure the whole document is."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ml_backend.models.layout_model.decoding import Choice

LEAST = 0.04  # a field less sure than this is not shown; for a label that is often absent, or repeats, more is asked
LEAST_OF_MANY = 0.4
POOLED = ""  # the curve for labels that have none of their own
RIVAL = 0.5  # a rival's log odds count so much against the first

Curve = tuple[float, float]
"""Slope and offset of a line from evidence to log odds (Platt's scaling)."""


def evidence(choice: Choice) -> float:
    """One number that grows with how likely the choice is right."""
    return _logit(choice.run.chance) - RIVAL * _logit(choice.rival)


@dataclass(frozen=True, slots=True)
class Calibration:
    """Curves fitted on answers for documents that the network had not seen.

    ``curves[label]`` are for choices, ``""`` for all labels together. ``least[label]`` is the confidence from which a field is
    shown, ``absent[label]`` how often a label without an answer is really not there. ``document`` is the curve from the
    logarithm of a document's product of confidences to the log odds that nothing is to be corrected, or None if there were too
    few documents for one.
    """

    curves: Mapping[str, Curve]
    least: Mapping[str, float]
    absent: Mapping[str, float]
    document: Curve | None = None

    def confidence(self, choice: Choice) -> float:
        """The probability in ``[0, 1]`` that an annotator leaves the field as it is."""
        slope, offset = self.curves.get(choice.run.label, self.curves[POOLED])
        return _sigmoid(slope * evidence(choice) + offset)

    def shown(self, label: str, repeats: bool, confidence: float) -> bool:
        least = self.least.get(label, LEAST)
        return confidence >= (max(least, LEAST_OF_MANY) if repeats else least)

    def score(self, confidences: Mapping[str, Sequence[float]]) -> float | None:
        """The probability that the document needs no correction; ``confidences`` of the fields shown, for each label asked."""
        if self.document is None:
            return None
        slope, offset = self.document
        return _sigmoid(slope * self.doubt(confidences) + offset)

    def doubt(self, confidences: Mapping[str, Sequence[float]]) -> float:
        """The logarithm of the product of all confidences and of the chances that labels without a field are absent."""
        return sum(
            math.log(max(1e-3, chance))
            for label, some in confidences.items()
            for chance in some or [self.absent.get(label, 0.5)]
        )


def _sigmoid(log_odds: float) -> float:
    return 1.0 / (1.0 + math.exp(-min(30.0, max(-30.0, log_odds))))


def _logit(chance: float) -> float:
    chance = min(0.999, max(0.001, chance))
    return math.log(chance / (1.0 - chance))
