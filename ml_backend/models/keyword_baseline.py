"""The field model of the first day: it needs no training, only the words printed near a value.

Each label has a type (date, amount, company ...) and a role (total, tax, due date ...). The searchers of ``keywords`` rank all
places where the field may be; this module asks them and chooses.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ml_backend.document.elements import Document
from ml_backend.document.fields import Extraction, Field, FieldSpec
from ml_backend.models.keywords.addresses import search_addresses
from ml_backend.models.keywords.amounts import search_amounts
from ml_backend.models.keywords.codes import FINDERS, search_codes
from ml_backend.models.keywords.companies import search_companies
from ml_backend.models.keywords.dates import search_dates
from ml_backend.models.keywords.found import Found, Search, Searcher
from ml_backend.models.keywords.people import search_jobs, search_people
from ml_backend.models.keywords.texts import search_lines, search_texts
from ml_backend.models.label_guess import guess_role
from ml_backend.models.layout import lay_out

VERSION = "keywords-1"  # goes up with every change of what is found
LEAST = 0.05  # a place less likely than this is not shown
LEAST_OF_MANY = 0.35  # of a repeated label, every place at least this likely is shown

SEARCHERS: Mapping[str, Searcher] = {
    "date": search_dates,
    "amount": search_amounts,
    "company": search_companies,
    "address": search_addresses,
    "person": search_people,
    "text": search_texts,
    "line": search_lines,
    **dict.fromkeys(FINDERS, search_codes),
}
ROLE_SEARCHERS: Mapping[str, Searcher] = {"job title": search_jobs}
"""Roles that are searched for in another way than their type."""


class KeywordBaseline:
    """Finds fields by keywords, types and position. ``country`` (two letters) completes phone numbers without a country code."""

    def __init__(self, country: str = "") -> None:
        self._country = country

    @property
    def version(self) -> str:
        return VERSION

    def extract(self, document: Document, specs: Sequence[FieldSpec]) -> Extraction:
        """The best place for each label, or all likely places for a label that repeats. A type we do not know is read as text."""
        pages = lay_out(document)
        chosen: list[Field] = []
        word_labels: list[dict[int, dict[str, float]]] = [{} for _ in document.pages]
        for spec in specs:
            kind = spec.type if spec.type in SEARCHERS else "text"
            role = guess_role(spec.label, kind)
            search = ROLE_SEARCHERS.get(role.name, SEARCHERS[kind])
            found = search(Search(pages, role, self._country))
            _mark(word_labels, spec.label, found)
            chosen.extend(item.field(spec.label) for item in _choose(found, spec))
        return Extraction(tuple(chosen), tuple(word_labels))


def _choose(found: Sequence[Found], spec: FieldSpec) -> list[Found]:
    """The first, or for a repeated label all likely ones that share no word, in reading order."""
    if not spec.repeats:
        return [item for item in found[:1] if item.confidence >= LEAST]
    kept: list[Found] = []
    for item in found:
        if item.confidence >= LEAST_OF_MANY and not any(_overlap(item, other) for other in kept):
            kept.append(item)
    return sorted(kept, key=lambda item: (item.spans[0].page, item.spans[0].box.top, item.spans[0].box.left))


def _overlap(one: Found, other: Found) -> bool:
    mine = {(span.page, word) for span in one.spans for word in span.words}
    return any((span.page, word) in mine for span in other.spans for word in span.words)


def _mark(word_labels: Sequence[dict[int, dict[str, float]]], label: str, found: Sequence[Found]) -> None:
    """Each word keeps its best chance to belong to the label."""
    for item in found:
        for span in item.spans:
            for word in span.words:
                chances = word_labels[span.page].setdefault(word, {})
                chances[label] = max(chances.get(label, 0.0), round(item.confidence, 4))
