"""Text as an annotator would put it right: OCR's slips that confirmed texts give away.

A word that no confirmed field of the label holds, but that is nearly one of several, was misread ("Malaysla"); so was an accent
that nobody ever confirmed, and a comma read as a full stop. These are proposals: whether they are believed is learned.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Set
from dataclasses import dataclass

from ml_backend.document.bio_tags import bare
from ml_backend.models.token_classifier.gazetteer import WORD, Gazetteer

TIMES = 2  # documents that must hold the word it is mended to
SHORTEST = 5  # letters of a word that is mended

_CORE = re.compile(r"^(\W*)(.*?)(\W*)$", re.DOTALL)
_STOP = re.compile(r"(?<=[^\W_]{2})\.(?=\s?[^\W_]{2,})|(?<=\s[\dA-Za-z])\.(?=\s[^\W_]{2,})|(?<=^\d)\.(?=\s)")


@dataclass(frozen=True, slots=True)
class Mended:
    """A text put right, how many words were changed, and how many full stops."""

    text: str
    words: int
    stops: int


def mended(text: str, label: str, gazetteer: Gazetteer, without: frozenset[int]) -> list[Mended]:
    """The text with its words mended, and with its full stops inside made commas too; only what differs from ``text``."""
    parts = folded(text, gazetteer.letters).split(" ")
    changed = [_mended_word(part, label, gazetteer, without) for part in parts]
    count = sum(one != other for one, other in zip(parts, changed, strict=True))
    whole = " ".join(changed)
    commas, stops = _STOP.subn(",", whole)
    proposals = [Mended(whole, count, 0)] + ([Mended(commas, count, stops)] if stops else [])
    return [proposal for proposal in proposals if bare(proposal.text) != bare(text)]


def folded(text: str, letters: Set[str]) -> str:
    """``text`` with every character that is neither ASCII nor among ``letters`` as plain as it goes: "À" is A."""
    if text.isascii():
        return text
    return "".join(c if c.isascii() or c in letters else _plain(c) for c in text)


def _plain(character: str) -> str:
    return "".join(c for c in unicodedata.normalize("NFKD", character) if not unicodedata.combining(c))


def _mended_word(word: str, label: str, gazetteer: Gazetteer, without: frozenset[int]) -> str:
    match = _CORE.match(word)
    if not match or len(match[2]) < SHORTEST:
        return word
    before, core, behind = match.groups()
    like = gazetteer.best(label, WORD, core, without)
    if like is None or like.alike == 1.0 or like.times < TIMES:
        return word
    known = like.known.text
    return before + (known.upper() if core.isupper() else known.title() if core.istitle() else known) + behind
