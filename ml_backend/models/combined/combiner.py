"""Weighs what the members say: a logistic regression over their log odds, with weights of its own for each label."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ml_backend.document.fields import Field, FieldSpec
from ml_backend.models.combined.opinions import NUMBERS, Floats, Proposal, proposals

POOLED = ""


@dataclass(frozen=True, slots=True)
class Choice:
    """What the combiner makes of a document: its fields, the chance that nothing is to be corrected (None: not learned), and
    for each label that does not repeat the share of the belief in what the members say that went to other answers."""

    fields: tuple[Field, ...]
    score: float | None
    disagreement: Mapping[str, float]


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

    def choose(self, said: Mapping[str, Sequence[Field]], specs: Sequence[FieldSpec]) -> Choice:
        """The fields of a document out of all that the members ``said``."""
        chosen: list[Field] = []
        disagreement: dict[str, float] = {}
        for spec in specs:
            own = {member: [f for f in fields if f.label == spec.label] for member, fields in said.items()}
            if spec.repeats:
                chosen.extend(own.get(self.members[0], []))
                continue
            best, disagreement[spec.label] = self._best(spec.label, own)
            chosen.extend([best] if best else [])
        if self.document is None:
            return Choice(tuple(chosen), None, disagreement)
        slope, offset = self.document
        score = float(_sigmoid(np.array(slope * self.doubt(chosen, specs) + offset)))
        return Choice(tuple(chosen), score, disagreement)

    def doubt(self, chosen: Sequence[Field], specs: Sequence[FieldSpec]) -> float:
        """The logarithm of the product of all confidences and of the chances that labels without a field are absent."""
        total = 0.0
        for spec in specs:
            confidences = [field.confidence for field in chosen if field.label == spec.label]
            total += sum(map(_log, confidences or [self.absent.get(spec.label, 0.5)]))
        return total

    def absences(self, chosen: Sequence[Field], specs: Sequence[FieldSpec]) -> dict[str, float]:
        """For each label without a field: how likely it really is not there."""
        there = {field.label for field in chosen}
        return {spec.label: self.absent.get(spec.label, 0.5) for spec in specs if spec.label not in there}

    def _best(self, label: str, said: Mapping[str, Sequence[Field]]) -> tuple[Field | None, float]:
        """The likeliest proposal, if it is likely enough, and how far the members disagree."""
        some = proposals(said, self.members)
        if not some:
            return None, 0.0
        chances = self.chances(label, some)
        best = int(np.argmax(chances))
        if chances[best] < self.least.get(label, 0.0):
            return None, 0.0
        return _with_confidence(some[best].field, float(chances[best])), _against(some, chances, best)

    def chances(self, label: str, some: Sequence[Proposal]) -> Floats:
        """The probability of each proposal to be what an annotator leaves."""
        rows = np.array([proposal.numbers for proposal in some], dtype=np.float64)
        *weights, offset = self.weights.get(label, self.weights[POOLED])
        return _sigmoid(rows @ np.array(weights) + offset)


def _against(some: Sequence[Proposal], chances: Floats, chosen: int) -> float:
    """The share of the belief in all proposals that went to other answers than the ``chosen`` one.

    A committee's votes, each counted by how far it is believed, less those of the winner: the variation ratio, the plainest of
    the measures for query by committee (Dagan and Engelson 1995 take the entropy of the votes). It is 0 when all who say
    anything say the same, however unsure. Who says nothing has no vote; another spelling of one value is no other answer.
    """
    answer = some[chosen].field.value
    others = sum(
        float(chance)
        for at, (proposal, chance) in enumerate(zip(some, chances, strict=True))
        if at != chosen and not (answer and proposal.field.value == answer)
    )
    return round(others / max(1e-9, others + float(chances[chosen])), 4)


def _with_confidence(field: Field, chance: float) -> Field:
    return replace(field, confidence=round(min(1.0, max(0.0, chance)), 4))


def _log(chance: float) -> float:
    return float(np.log(max(1e-3, chance)))


def _sigmoid(logits: Floats) -> Floats:
    return np.asarray(1.0 / (1.0 + np.exp(-np.clip(logits, -30.0, 30.0))))
