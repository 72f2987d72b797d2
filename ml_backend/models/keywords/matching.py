"""Which meaning the text beside a value speaks of.

The longest phrase wins, so that "total tax" is a tax. Exact phrases come first; a phrase that OCR glued ("GRANDTOTAL") or misread
by a letter or two ("T0TAL") counts where no exact one stands.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from rapidfuzz.distance import Levenshtein
from rapidfuzz.process import extractOne

from ml_backend.models.keywords.role import Role
from ml_backend.models.plain_text import normalise

WHOLE_WORDS_BELOW = 5  # a shorter phrase must be a whole word: "tax" is not in "taxi"
GLUED_FROM = 7  # a phrase of this many letters is also found without its spaces
FUZZY_FROM = 5
TWO_ERRORS_FROM = 9
KEY = 3  # characters of the index; no form is shorter


@dataclass(frozen=True, slots=True)
class Hit:
    """The phrase found, the roles it may stand for, and whether it is printed letter by letter."""

    roles: frozenset[str]
    phrase: str
    exact: bool


class Phrasebook:
    """All phrases of some roles, ready to be looked for in text."""

    def __init__(self, roles: Sequence[Role]) -> None:
        table: dict[str, set[str]] = {}
        for role in roles:
            for phrase in role.phrases:
                table.setdefault(phrase, set()).add(role.name)
        self._roles = {phrase: frozenset(names) for phrase, names in table.items()}
        self._long = [phrase for phrase in sorted(table) if len(phrase) >= FUZZY_FROM]
        self._spaced = _index({phrase: _spaced(phrase) for phrase in table})
        self._glued = _index({phrase: phrase.replace(" ", "") for phrase in table if len(phrase) >= GLUED_FROM})
        # the same few words stand beside most values of most pages
        self._cached = lru_cache(maxsize=8192)(self._search)

    def find(self, text: str) -> Hit | None:
        """The longest phrase in ``text`` (as it is on the paper), or else the longest that it may be a misprint of."""
        plain = normalise(text)
        return self._cached(plain, True) if plain else None

    def find_exact(self, text: str) -> Hit | None:
        """The longest phrase that stands in ``text`` letter by letter."""
        plain = normalise(text)
        return self._cached(plain, False) if plain else None

    def _search(self, text: str, misread: bool) -> Hit | None:
        found = {*_occurring(self._spaced, f" {text} "), *_occurring(self._glued, text.replace(" ", ""))}
        if found:
            longest = min(found, key=_longest_first)
            return Hit(self._roles[longest], longest, True)
        return self._search_misread(text.split()) if misread else None

    def _search_misread(self, words: Sequence[str]) -> Hit | None:
        best = ""
        for size in (1, 2, 3):
            for start in range(len(words) - size + 1):
                window = " ".join(words[start : start + size])
                if len(window) < FUZZY_FROM or sum(c.isalpha() for c in window) < len(window) / 2:
                    continue
                errors = 1 if len(window) < TWO_ERRORS_FROM else 2
                found = extractOne(window, self._long, scorer=Levenshtein.distance, score_cutoff=errors)
                if found and len(found[0]) > len(best):
                    best = found[0]
        return Hit(self._roles[best], best, False) if best else None


def _longest_first(phrase: str) -> tuple[int, str]:
    return -len(phrase), phrase


def _spaced(phrase: str) -> str:
    """What is looked for in text with a space around it."""
    return f" {phrase} " if len(phrase) < WHOLE_WORDS_BELOW else f" {phrase}"


Index = Mapping[str, Sequence[tuple[str, str]]]
"""Forms that are looked for, with their phrases, by their first ``KEY`` characters."""


def _index(forms: Mapping[str, str]) -> Index:
    index: dict[str, list[tuple[str, str]]] = {}
    for phrase, form in forms.items():
        index.setdefault(form[:KEY], []).append((form, phrase))
    return index


def _occurring(index: Index, text: str) -> Iterator[str]:
    """The phrases whose form stands in ``text``."""
    for start in range(len(text) - KEY + 1):
        for form, phrase in index.get(text[start : start + KEY], ()):
            if text.startswith(form, start):
                yield phrase


@lru_cache(maxsize=256)
def phrasebook(roles: tuple[Role, ...]) -> Phrasebook:
    """The phrasebook of these roles, made once."""
    return Phrasebook(roles)
