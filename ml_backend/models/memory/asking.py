"""Asks each recalled document where a label's fields are now, and puts the answers together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from ml_backend.document.fields import FieldSpec
from ml_backend.models.memory.alignment import Aligned
from ml_backend.models.memory.constants import constant
from ml_backend.models.memory.paper import Mark, Paper, Sheet
from ml_backend.models.memory.places import CHANGING, Typed, is_typed, typed_in
from ml_backend.models.memory.proposal import Proposal, around
from ml_backend.models.memory.reading import read_text, read_typed
from ml_backend.models.memory.table import read_table
from ml_backend.models.memory.votes import Recalled, Said, Vote, ballot

MOST = 400  # fields of a label that repeats


@dataclass
class Question:
    """A document and the remembered ones that look like it; values of a type are found once a row."""

    sheet: Sheet
    recalled: Sequence[tuple[Recalled, Paper, Aligned]]
    country: str
    _found: dict[tuple[int, str], list[Typed]] = field(default_factory=dict)

    def find(self, row: int, kind: str) -> list[Typed]:
        """The values of a type in a row."""
        key = row, kind
        if key not in self._found:
            self._found[key] = list(typed_in(self.sheet.lines[row], row, kind, self.country))
        return self._found[key]

    def read(self, proposal: Proposal) -> float:
        """The lowest confidence that OCR has in the words of a proposal."""
        spans = [span for part in proposal.parts if (span := self.sheet.span(part))]
        pages = self.sheet.document.pages
        return min((pages[span.page].words[word].confidence for span in spans for word in span.words), default=0.0)


def ask(question: Question, spec: FieldSpec) -> list[Vote]:
    """The votes for the fields of a label: one at most, or of a label that repeats one a place, from top to bottom."""
    said = [
        (recalled, proposal)
        for recalled, paper, aligned in question.recalled
        for proposal in _proposals(question, spec, paper, aligned)
    ]
    read = {proposal: question.read(proposal) for _, proposal in said}
    if not spec.repeats:
        return ballot(said, read)[:1]
    votes = [ballot(some, read)[0] for some in _places(question, said)]
    return sorted(votes, key=lambda vote: (vote.best.parts[0].line, vote.best.parts[0].start))


def _proposals(question: Question, spec: FieldSpec, paper: Paper, aligned: Aligned) -> Iterator[Proposal]:
    """What one document says: each of its fields, and for a list also the rows made like it."""
    lines = question.sheet.lines
    marks = [mark for mark in paper.marks if mark.label == spec.label]
    for mark in marks:
        proposal = None if spec.type in CHANGING else constant(paper, mark, lines, aligned)
        if proposal is None:
            proposal = _read(question, spec, paper, mark, aligned)
        if proposal:
            near = around(aligned, mark.parts[0].line, proposal.parts[0].line, paper.lines, lines)
            yield replace(proposal, around=near)
    if spec.repeats and len(marks) > 1:
        single = [mark for mark in marks if len(mark.parts) == 1]
        if single:
            yield from read_table(paper, single, spec.type, lines, aligned, question.find)


def _read(question: Question, spec: FieldSpec, paper: Paper, mark: Mark, aligned: Aligned) -> Proposal | None:
    lines = question.sheet.lines
    if is_typed(spec.type):
        return read_typed(paper, mark, spec.type, lines, aligned, question.find)
    return read_text(paper, mark, lines, aligned)


def _places(question: Question, said: Sequence[Said]) -> list[list[Said]]:
    """Proposals that share words are of one field; the ones that most documents make come first."""
    places: list[tuple[set[tuple[int, int]], list[Said]]] = []
    for one in said:
        words = {
            (span.page, word) for part in one[1].parts if (span := question.sheet.span(part)) for word in span.words
        }
        for taken, some in places:
            if taken & words:
                some.append(one)
                break
        else:
            if words and len(places) < MOST:
                places.append((words, [one]))
    return [some for _, some in places]
