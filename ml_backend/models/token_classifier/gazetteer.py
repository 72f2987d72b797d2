"""Values and lines that annotators confirmed before, and how like them a text is.

The same shops come back: a line that was the vendor's name last month is so again, and a value that OCR misread is mended by the
known one. While training, what a document itself contributed is left out (``without``), or the model would learn to trust it too
much.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import groupby

from rapidfuzz.distance import Indel
from rapidfuzz.process import extract

from ml_backend.document.bio_tags import bare

LIKE = 0.8  # texts less alike than this are different
SHORTEST = 4  # characters of a text worth remembering
NEAREST = 8
MOST = 1000  # texts of one label and kind that are remembered: those in most documents
KEPT = 20_000  # answers
LINE, VALUE, WORD = "line", "value", "word"


@dataclass(frozen=True, slots=True)
class Known:
    """A text that stood in confirmed fields: a whole value, a line or a word of one. ``documents`` are the numbers of theirs."""

    label: str
    kind: str
    key: str
    text: str
    documents: frozenset[int]


@dataclass(frozen=True, slots=True)
class Likeness:
    """A known text like the one asked for: how alike in ``[0, 1]``, and in how many documents it stood."""

    known: Known
    alike: float
    times: int


@dataclass
class Gazetteer:
    """All known texts; answers are kept, as training asks the same again and again."""

    entries: Sequence[Known]
    _keys: dict[tuple[str, str], tuple[list[Known], list[str]]] = field(default_factory=dict)
    _asked: dict[tuple[str, str, str], list[tuple[Known, float]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for known in self.entries:
            entries, keys = self._keys.setdefault((known.label, known.kind), ([], []))
            entries.append(known)
            keys.append(known.key)

    @cached_property
    def letters(self) -> frozenset[str]:
        """All characters beyond ASCII that annotators have confirmed."""
        return frozenset(c for known in self.entries for c in known.text if not c.isascii())

    @property
    def labels(self) -> tuple[str, ...]:
        return tuple(sorted({label for label, _ in self._keys}))

    def best(self, label: str, kind: str, text: str, without: frozenset[int] = frozenset()) -> Likeness | None:
        """The likest known text, not counting the documents ``without``."""
        for known, alike in self._near(label, kind, bare(text)):
            times = len(known.documents - without)
            if times:
                return Likeness(known, alike, times)
        return None

    def _near(self, label: str, kind: str, key: str) -> list[tuple[Known, float]]:
        if len(key) < SHORTEST or (label, kind) not in self._keys:
            return []
        asked, answers = (label, kind, key), self._asked
        if asked not in answers:
            if len(answers) >= KEPT:
                answers = self._asked = {}
            entries, keys = self._keys[label, kind]
            near = extract(key, keys, scorer=Indel.normalized_similarity, score_cutoff=LIKE, limit=NEAREST)
            answers[asked] = [(entries[index], alike) for _, alike, index in near]
        return answers[asked]


def remember(confirmed: Iterable[tuple[int, str, str, str]]) -> Gazetteer:
    """The gazetteer of (document number, label, kind, text); texts of mostly digits are no names and are left out."""
    documents: dict[tuple[str, str, str], set[int]] = {}
    texts: dict[tuple[str, str, str], dict[str, int]] = {}
    for number, label, kind, text in confirmed:
        key = bare(text)
        if len(key) < SHORTEST or 2 * sum(c.isdigit() for c in key) > len(key):
            continue
        documents.setdefault((label, kind, key), set()).add(number)
        counts = texts.setdefault((label, kind, key), {})
        counts[text] = counts.get(text, 0) + 1
    entries: list[Known] = []
    for _, keys in groupby(sorted(documents), key=lambda key: key[:2]):
        most = sorted(keys, key=lambda key: (-len(documents[key]), key))[:MOST]
        entries += [
            Known(*key, max(sorted(texts[key]), key=texts[key].__getitem__), frozenset(documents[key])) for key in most
        ]
    return Gazetteer(entries)


def line_features(gazetteer: Gazetteer, lines: Sequence[str], without: frozenset[int] = frozenset()) -> list[list[str]]:
    """For each line of a document the names of its features: whether it is like a known line, for each label."""
    rows: list[list[str]] = []
    for line in lines:
        row: list[str] = []
        for label in gazetteer.labels:
            near = gazetteer.best(label, LINE, line, without)
            if near:
                row.append(f"g:{label}")
                row += [f"g>{step}:{label}" for step in (0.9, 0.97) if near.alike > step]
                row += [f"g2:{label}"] if near.times > 1 else []
        rows.append(row)
    return rows
