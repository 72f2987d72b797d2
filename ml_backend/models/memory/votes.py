"""What the recalled documents say together: proposals of the same text are one vote, and numbers say how sure it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import exp, log

from ml_backend.models.memory.paper import spelt
from ml_backend.models.memory.proposal import Kind, Proposal

# powers by which a document has less of a say the less it is alike, its text is, and the rows around its field are
ALIKE, LIKE, AROUND = 4, 8, 4
POOLED = ""  # the curve for labels that have none of their own

_WEIGHTS: Mapping[Kind, tuple[float, ...]] = {
    "constant": (0.1, 0.1, 1.9, 3.0, 0.8, 0.2, 0.1, -9.3),
    "mixed": (0.0, 1.5, 1.5, 0.5, 0.2, 1.0, 0.5, -7.6),
    "typed": (0.1, 0.9, 0.0, 5.5, 0.1, 0.2, 0.3, -6.6),
    "free": (0.0, 0.4, 0.7, 2.7, 0.3, 0.6, 0.0, -3.3),
}
"""How much each number says for a vote, and what is taken off, for each way a text comes about. Rounded from a logistic
regression over answers for receipts that were not remembered; the signs are fixed, no number can say the wrong thing."""


@dataclass(frozen=True, slots=True)
class Recalled:
    """A remembered document that looks like the one asked about: its number, and how alike they are in ``[0, 1]``."""

    number: int
    alike: float


Said = tuple[Recalled, Proposal]
"""A proposal, and the document that it comes from."""


@dataclass(frozen=True, slots=True)
class Vote:
    """One text for a label: the proposal of most weight, from how many documents, the likest one of them, and the evidence.

    ``evidence`` are log odds that an annotator leaves the field, by the fixed curve.
    """

    best: Proposal
    papers: int
    alike: float
    evidence: float


def ballot(said: Sequence[Said], read: Mapping[Proposal, float]) -> list[Vote]:
    """The votes, the weightiest first. ``read`` has OCR's lowest confidence in the words of each proposal."""
    groups: dict[str, list[Said]] = {}
    for recalled, proposal in said:
        groups.setdefault(spelt(proposal.text), []).append((recalled, proposal))
    weights = {text: _weight(group) for text, group in groups.items()}
    every = max(1e-9, sum(weights.values()))
    order = sorted(groups, key=lambda text: (-weights[text], text))
    return [_vote(groups[text], weights[text] / every, read) for text in order]


def _vote(group: Sequence[Said], share: float, read: Mapping[Proposal, float]) -> Vote:
    first = max(group, key=lambda pair: (_strength(*pair), pair[0].number))[1]
    same = [proposal for _, proposal in group if proposal.kind == first.kind]
    texts = [proposal.text for proposal in same]
    usual = max(sorted(set(texts)), key=texts.count)
    best = first if first.text == usual else next(proposal for proposal in same if proposal.text == usual)
    papers = len({recalled.number for recalled, _ in group})
    alike = max(recalled.alike for recalled, _ in group)
    numbers = (
        _spread(alike),
        _spread(max(proposal.place for _, proposal in group)),
        _spread(max(proposal.like for _, proposal in group)),
        share,
        log(papers),
        read[best],
        _spread(max(proposal.around for _, proposal in group)),
        1.0,
    )
    evidence = sum(weight * number for weight, number in zip(_WEIGHTS[best.kind], numbers, strict=True))
    return Vote(best, papers, alike, evidence)


def _spread(share: float) -> float:
    """A likeness with its upper end drawn out: from 0.9 to 1 is further than from 0.5 to 0.9."""
    return -log(1.02 - min(1.0, share))


def _strength(recalled: Recalled, proposal: Proposal) -> float:
    like = proposal.like if proposal.kind in ("constant", "mixed") else 1.0
    return recalled.alike**ALIKE * proposal.place * like**LIKE * proposal.around**AROUND


def _weight(group: Sequence[Said]) -> float:
    """Each document speaks once for a text."""
    best: dict[int, float] = {}
    for recalled, proposal in group:
        best[recalled.number] = max(best.get(recalled.number, 0.0), _strength(recalled, proposal))
    return sum(best.values())


@dataclass(frozen=True, slots=True)
class Curves:
    """Slope and offset from evidence to log odds, for all labels together (``""``) and for those with enough answers."""

    by_label: Mapping[str, tuple[float, float]]

    def confidence(self, label: str, vote: Vote) -> float:
        """The probability in ``[0, 1]`` that an annotator leaves the field as it is."""
        slope, offset = self.by_label.get(label, self.by_label[POOLED])
        logit = max(-50.0, min(50.0, slope * vote.evidence + offset))
        return 1 / (1 + exp(-logit))


FIXED = Curves({POOLED: (1.0, 0.0)})
"""Confidence straight from the evidence: before there are answers to fit curves to."""
