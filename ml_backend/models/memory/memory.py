"""The layout memory as a field model: recalls the documents that look like the one asked about, and answers as on them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ml_backend.document.elements import Document
from ml_backend.document.fields import Extraction, Field, FieldSpec
from ml_backend.document.geometry import union
from ml_backend.document.samples import Sample
from ml_backend.models.memory.alignment import Aligned, align
from ml_backend.models.memory.asking import Question, ask
from ml_backend.models.memory.index import Index, paper_words
from ml_backend.models.memory.paper import Paper, Sheet
from ml_backend.models.memory.remembering import MOST_PAPERS, remember
from ml_backend.models.memory.votes import FIXED, Curves, Recalled, Vote

ROWS = 2400  # rows are laid side by side in all: of the documents that share most words as many as that allows, ...
ASKED = 16  # ... at most so many ...
FEWEST = 4  # ... and at least so many
KEPT = 10  # of them have a say
LEAST_ALIKE = 0.45  # documents less alike are of another layout
LEAST = 0.15  # a field less sure than this is not shown; of a label that repeats ...
LEAST_OF_MANY = 0.35


@dataclass(frozen=True, slots=True)
class Choice:
    """What is answered for a label before a curve says how sure: the vote and the field that it makes."""

    vote: Vote
    field: Field


class LayoutMemory:
    """Remembered documents. It says nothing of documents that look like none of them. Safe for threads; never changes."""

    def __init__(self, papers: Sequence[Paper], version: str, country: str = "", curves: Curves = FIXED) -> None:
        self.papers = tuple(papers[-MOST_PAPERS:])
        self.curves = curves
        self._version = version
        self._country = country
        self._index = Index(self.papers)

    @classmethod
    def of(
        cls,
        samples: Sequence[Sample],
        specs: Sequence[FieldSpec] | None = None,
        version: str = "memory-0",
        country: str = "",
    ) -> LayoutMemory:
        """The memory of ``samples``, the same in whatever order they come; of ``specs``' labels alone where they are given."""
        labels = None if specs is None else {spec.label for spec in specs}
        newest = {sample.content: sample for sample in sorted(samples, key=_age)}
        return cls(
            [_labelled(remember(sample), labels) for sample in sorted(newest.values(), key=_age)], version, country
        )

    def plus(self, samples: Sequence[Sample], version: str) -> LayoutMemory:
        """This memory and ``samples`` as the newest documents, in their order; a document that it has is replaced."""
        newest = {sample.content: sample for sample in samples}
        kept = [paper for paper in self.papers if paper.content not in newest]
        return LayoutMemory([*kept, *map(remember, newest.values())], version, self._country, self.curves)

    def calibrated(self, curves: Curves) -> LayoutMemory:
        """The same memory with curves of its own."""
        return LayoutMemory(self.papers, self._version, self._country, curves)

    @classmethod
    def load(cls, folder: Path, version: str, country: str = "") -> LayoutMemory:
        """The version whose file lies in ``folder``. Raises ModelRejected for anything but what ``save`` writes."""
        from ml_backend.models.memory.files import load_memory

        papers, curves = load_memory(folder)
        return cls(papers, version, country, curves)

    def save(self, folder: Path) -> None:
        """Write this version's file into ``folder``."""
        from ml_backend.models.memory.files import save_memory

        save_memory(folder, self.papers, self.curves)

    @property
    def version(self) -> str:
        return self._version

    def recall(self, document: Document, without: frozenset[str] = frozenset()) -> list[tuple[str, float]]:
        """The remembered documents of the same layout (content, likeness in ``[0, 1]``), the likest first."""
        return [(self.papers[one.number].content, one.alike) for one, _ in self._recall(Sheet.of(document), without)]

    def extract(self, document: Document, specs: Sequence[FieldSpec]) -> Extraction:
        """The fields that remembered documents of this layout have, each with the calibrated probability that it is left."""
        return Extraction(*self.answer(self.choices(document, specs), document, specs))

    def choices(
        self, document: Document, specs: Sequence[FieldSpec], without: frozenset[str] = frozenset()
    ) -> list[Choice]:
        """What would be answered, in the order of ``specs``. ``without``: contents of documents that are not to be recalled."""
        sheet = Sheet.of(document)
        recalled = [(one, self.papers[one.number], aligned) for one, aligned in self._recall(sheet, without)]
        question = Question(sheet, recalled, self._country)
        return [
            Choice(vote, field)
            for spec in (specs if recalled else ())
            for vote in ask(question, spec)
            if (field := _field(sheet, vote))
        ]

    def answer(
        self, choices: Sequence[Choice], document: Document, specs: Sequence[FieldSpec], curves: Curves | None = None
    ) -> tuple[tuple[Field, ...], tuple[dict[int, dict[str, float]], ...]]:
        """The choices that are sure enough, with their confidence, and the label chances of their words."""
        curves = curves or self.curves
        least = {spec.label: LEAST_OF_MANY if spec.repeats else LEAST for spec in specs}
        fields: list[Field] = []
        words: tuple[dict[int, dict[str, float]], ...] = tuple({} for _ in document.pages)
        for choice in choices:
            label = choice.field.label
            confidence = round(curves.confidence(label, choice.vote), 4)
            if confidence >= least[label]:
                fields.append(replace(choice.field, confidence=confidence))
                for word in choice.field.words:
                    words[choice.field.page].setdefault(word, {})[label] = confidence
        return tuple(fields), words

    def _recall(self, sheet: Sheet, without: frozenset[str]) -> list[tuple[Recalled, Aligned]]:
        found: list[tuple[Recalled, Aligned]] = []
        for number in self._nearest(sheet, without):
            aligned = align(self.papers[number].lines, sheet.lines, self._index.weigh)
            if aligned.alike >= LEAST_ALIKE:
                found.append((Recalled(number, aligned.alike), aligned))
        found.sort(key=lambda pair: (-pair[0].alike, -pair[0].number))
        return found[:KEPT]

    def _nearest(self, sheet: Sheet, without: frozenset[str]) -> list[int]:
        most = max(FEWEST, min(ASKED, ROWS // max(1, len(sheet.lines))))
        near = self._index.nearest(sheet.lines, most + len(without))
        return [number for number in near if self.papers[number].content not in without][:most]


def fingerprint(document: Document) -> frozenset[str]:
    """What a document is recalled by: its words without digits, and its long numbers."""
    return paper_words(Sheet.of(document).lines)


def _age(sample: Sample) -> tuple[str, str]:
    return sample.confirmed_at, sample.content


def _labelled(paper: Paper, labels: set[str] | None) -> Paper:
    if labels is None:
        return paper
    return replace(paper, marks=tuple(mark for mark in paper.marks if mark.label in labels))


def _field(sheet: Sheet, vote: Vote) -> Field | None:
    """The field that a vote makes; its words are on one page, that of the first."""
    spans = [span for part in vote.best.parts if (span := sheet.span(part))]
    spans = [span for span in spans if span.page == spans[0].page]
    if not spans:
        return None
    words = tuple(dict.fromkeys(word for span in spans for word in span.words))
    number = vote.papers
    before = "a document" if number == 1 else f"{number} documents"
    return Field(
        label=vote.best.label,
        text=vote.best.text.strip(),
        box=union(span.box for span in spans),
        page=spans[0].page,
        words=words,
        value=vote.best.value,
        reason=f"as on {before} confirmed before (same layout, {100 * vote.alike:.0f} % alike)",
    )
