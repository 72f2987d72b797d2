"""Which remembered documents may have the layout of a new one: an inverted index over their words, rare ones counting most."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from math import log

from ml_backend.models.keywords.roles import ROLES
from ml_backend.models.memory.paper import Line, Paper, row_words

POSTED = 200  # papers, the newest, that a word leads to
SEEN_BEFORE = 20  # documents that a memory is thought to have seen before its first one ...
COMMON = 10.0  # ... and in so many of them stood a word that is common on paper, ...
RARE = 0.3  # ... in so many any other
LEAST_WEIGHT = 0.3
_USUAL = """
    thank you thanks please come again welcome visit customer copy tel fax phone mobile email www http com page
    description item items qty quantity price unit amount total subtotal sub cash change card visa mastercard debit
    credit tax vat gst invoice receipt date time cashier counter table goods sold are not returnable refundable
    exchange returned summary rounding rounded round adjustment including inclusive incl excl exclude discount
    balance due payment paid number code no reg the and for your our with danke bitte rechnung datum betrag summe
    gesamt mwst merci facture montant gracias fecha importe grazie data obrigado
"""


@lru_cache(maxsize=1)
def common_words() -> frozenset[str]:
    """Words that stand on papers of all kinds: what the keyword baseline looks for, thanks and table heads."""
    phrases = (phrase for role in ROLES for phrase in role.phrases)
    return frozenset(word for phrase in (*phrases, _USUAL) for word in phrase.split())


class Index:
    """The words of ``papers`` (the oldest first), and how much each tells."""

    def __init__(self, papers: Sequence[Paper]) -> None:
        self._count = len(papers)
        self._frequency: dict[str, int] = {}
        self._posted: dict[str, list[int]] = {}
        words_of = [paper_words(paper.lines) for paper in papers]
        for number, words in enumerate(words_of):
            for word in words:
                self._frequency[word] = self._frequency.get(word, 0) + 1
                self._posted.setdefault(word, []).append(number)
        for posted in self._posted.values():
            del posted[:-POSTED]
        self._weights = {word: self._weight(word) for word in (*self._frequency, *common_words())}
        self._unseen = self._weight("")
        self._sizes = [sum(map(self.weight, words)) for words in words_of]
        self._rows = {line.text: self._weigh(line) for paper in papers for line in paper.lines}

    def _weight(self, word: str) -> float:
        seen = (COMMON if word in common_words() else RARE) + self._frequency.get(word, 0)
        return max(LEAST_WEIGHT, log((SEEN_BEFORE + self._count + 1) / (seen + 0.5)))

    def weight(self, word: str) -> float:
        """How much the word tells of who printed it; at least ``LEAST_WEIGHT``."""
        return self._weights.get(word, self._unseen)

    def weigh(self, line: Line) -> float:
        """How much a row tells: that of its words, each once."""
        known = self._rows.get(line.text)
        return self._weigh(line) if known is None else known

    def _weigh(self, line: Line) -> float:
        return sum(self.weight(word) for word in dict.fromkeys(row_words(line.text))) or LEAST_WEIGHT

    def nearest(self, lines: Sequence[Line], most: int) -> list[int]:
        """The numbers of the papers that share most of their telling words with these rows, the likest first."""
        shared: dict[int, float] = {}
        words = paper_words(lines)
        for word in sorted(words):
            posted = self._posted.get(word)
            if posted:
                weight = self.weight(word)
                for number in posted:
                    shared[number] = shared.get(number, 0.0) + weight
        size = sum(map(self.weight, words))
        scores = [(-both / (size + self._sizes[n] - both + 1e-9), -n) for n, both in shared.items()]
        return [-n for _, n in sorted(scores)[:most]]


def paper_words(lines: Sequence[Line]) -> frozenset[str]:
    """The fingerprint of a document: its words without digits, and its long numbers."""
    return frozenset(word for line in lines for word in row_words(line.text))
