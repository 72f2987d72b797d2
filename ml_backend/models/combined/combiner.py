"""Weighs what the members say: a logistic regression over their log odds, with weights of its own for each label."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ml_backend.document.fields import Field, FieldSpec
from ml_backend.models.combined.opinions import NUMBERS, Floats, Proposal, proposals

POOLED = ""


@dataclass(frozen=True, slots=True)
class Combiner:
    """``members`` in the order of trust; the first one alone answers labels that repeat.

    ``weights[label]`` are ``NUMBERS`` for each member (see ``opinions``), then an offset; those of ``""`` are for labels that
    have none. A field less likely than ``least`` of its label is not said. ``absent`` is how often a label without an answer
    is really not there. ``document`` are slope and offset from a document's ``doubt`` to the log odds that nothing is to be
    corrected, or None where there were too few documents to learn them.
    """

    members: tuple[str, ...]
    weights: Mapping[str, tuple[float, ...]]
    least: Mapping[str, float]
    absent: Mapping[str, float]
    document: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        size = NUMBERS * len(self.members) + 1
        if POOLED not in self.weights or any(len(own) != size for own in self.weights.values()):
            raise ValueError(f"{size} weights are needed for each label, and for those without")

    def choose(
        self, said: Mapping[str, Sequence[Field]], specs: Sequence[FieldSpec]
    ) -> tuple[list[Field], float | None]:
        """The fields of a document out of all that the members ``said``, and the chance that nothing is to be corrected."""
        chosen: list[Field] = []
        for spec in specs:
            own = {member: [f for f in fields if f.label == spec.label] for member, fields in said.items()}
            chosen.extend(own.get(self.members[0], []) if spec.repeats else self._best(spec.label, own))
        if self.document is None:
            return chosen, None
        slope, offset = self.document
        return chosen, float(_sigmoid(np.array(slope * self.doubt(chosen, specs) + offset)))

    def doubt(self, chosen: Sequence[Field], specs: Sequence[FieldSpec]) -> float:
        """The logarithm of the product of all confidences and of the chances that labels without a field are absent."""
        total = 0.0
        for spec in specs:
            confidences = [field.confidence for field in chosen if field.label == spec.label]
            total += sum(map(_log, confidences or [self.absent.get(spec.label, 0.5)]))
        return total

    def _best(self, label: str, said: Mapping[str, Sequence[Field]]) -> list[Field]:
        some = proposals(said, self.members)
        if not some:
            return []
        chances = self.chances(label, some)
        best = int(np.argmax(chances))
        if chances[best] < self.least.get(label, 0.0):
            return []
        return [_with_confidence(some[best].field, float(chances[best]))]

    def chances(self, label: str, some: Sequence[Proposal]) -> Floats:
        """The probability of each proposal to be what an annotator leaves."""
        rows = np.array([proposal.numbers for proposal in some], dtype=np.float64)
        *weights, offset = self.weights.get(label, self.weights[POOLED])
        return _sigmoid(rows @ np.array(weights) + offset)


def _with_confidence(field: Field, chance: float) -> Field:
    return replace(field, confidence=round(min(1.0, max(0.0, chance)), 4))


def _log(chance: float) -> float:
    return float(np.log(max(1e-3, chance)))


def _sigmoid(logits: Floats) -> Floats:
    return np.asarray(1.0 / (1.0 + np.exp(-np.clip(logits, -30.0, 30.0))))
