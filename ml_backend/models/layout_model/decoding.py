"""From the probabilities of tags to whole fields: for each label the runs of words that B, I, I ... speak for most.

A field begins with a B and goes on with I's in reading order, over line ends too. At a cost it may begin with an I (its B was
missed), and step over a few words that belong to nothing (a telephone number in the middle of an address). The score of a run is
how many times likelier its tags are than the best tags that know nothing of the label, as a logarithm: 0 is undecided. Each label
is looked for by itself, so a label's best run is known also where it is not the likeliest reading; whether it is shown is the
calibration's business.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ml_backend.document.bio_tags import OUTSIDE, bare
from ml_backend.document.elements import Document

NO_BEGIN = 2.0  # what a field costs that begins with an I, in log odds
STEP_OVER = 1.5  # what each word in the middle of a field that is no part of it costs, in log odds
LEAST_CHANCE = 1e-6
MOST = 100  # fields of one label in a document
LEAST_SCORE = -4.0  # log odds from which a run is spoken of at all

Chances = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Tagged:
    """The words of a page that the network has read, in reading order, and the probability of each tag for each word.

    ``words`` are indices into the page's words; ``chances`` has shape (words, tags), its rows sum to 1.
    """

    page: int
    words: tuple[int, ...]
    chances: Chances


@dataclass(frozen=True, slots=True)
class Run:
    """Words of one page as a field of ``label``.

    ``score``: the log odds of its tags. ``chance``: the probability that all of its words are tagged right, and the next one
    does not go on.
    """

    label: str
    page: int
    words: tuple[int, ...]
    score: float
    chance: float


@dataclass(frozen=True, slots=True)
class Choice:
    """A run that was chosen, with the chance of the best other run for the same label whose text differs."""

    run: Run
    rival: float


def tags_of(labels: Sequence[str]) -> tuple[str, ...]:
    """All tags in the order of the network's outputs: O, then B and I of each label."""
    return (OUTSIDE, *(f"{mark}-{label}" for label in labels for mark in "BI"))


def softmax(logits: NDArray[np.float32]) -> Chances:
    """Along the last axis, in double precision."""
    powers = np.exp(logits.astype(np.float64) - logits.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True))


def tagged_pages(logits: Sequence[Mapping[int, NDArray[np.float32]]], tags: int) -> list[Tagged]:
    """The pages of ``encoding.merge`` with probabilities; ``tags`` is how many there are."""
    pages = []
    for number, page in enumerate(logits):
        words = tuple(sorted(page))
        rows = softmax(np.stack([page[word] for word in words])) if words else np.zeros((0, tags))
        pages.append(Tagged(number, words, rows))
    return pages


def choose(pages: Sequence[Tagged], label: str, at: int, repeats: bool, document: Document) -> list[Choice]:
    """The best run of ``label``, or all likely ones if it repeats, in reading order.

    The B of the label is column ``at`` of the chances, its I the next.
    """
    if repeats:  # others are no rivals: they may be right as well
        runs = [run for page in pages for run in _all_runs(page, label, at)]
        kept = sorted(runs, key=lambda run: -run.score)[:MOST]
        return [Choice(run, 0.0) for run in sorted(kept, key=lambda run: (run.page, run.words))]
    used: set[tuple[int, int]] = set()
    runs, texts = [], set[str]()
    while len(texts) < 2 and len(runs) < MOST:
        best = [run for page in pages if (run := _best_run(page, label, at, used)) and run.score >= LEAST_SCORE]
        if not best:
            break
        runs.append(max(best, key=lambda run: (run.score, -run.page)))
        texts.add(text_key(document, runs[-1]))
        used |= {(runs[-1].page, word) for word in runs[-1].words}
    own = text_key(document, runs[0]) if runs else ""
    rival = max((run.chance for run in runs if text_key(document, run) != own), default=0.0)
    return [Choice(run, rival) for run in runs[:1]]


def text_key(document: Document, run: Run) -> str:
    """What the words of a run say, as two values are compared."""
    return bare("".join(document.pages[run.page].words[word].text for word in run.words))


def _best_run(page: Tagged, label: str, at: int, used: set[tuple[int, int]]) -> Run | None:
    """The run with the highest score among the words that are not ``used``, or None if there is no word."""
    free = [(page.page, word) not in used for word in page.words]
    held, links, _ = _paths(page, at, free, several=False)
    end = int(np.argmax(held)) if len(held) else -1
    if end < 0 or not np.isfinite(held[end]):
        return None
    return _run(page, label, at, _places(links, end), float(held[end]))


def _all_runs(page: Tagged, label: str, at: int) -> list[Run]:
    """The runs that together explain the page best; each speaks for itself more than against."""
    held, links, before = _paths(page, at, [True] * len(page.words), several=True)
    runs: list[Run] = []
    word = len(page.words) - 1
    while word >= 0:
        if held[word] > before[word]:  # a run ends here
            places = _places(links, word)
            score = float(held[word] - before[places[0]])
            runs.append(_run(page, label, at, places, score))
            word = places[0]
        word -= 1
    return runs[::-1]


def _paths(page: Tagged, at: int, free: Sequence[bool], several: bool) -> tuple[Chances, list[int], Chances]:
    """Dynamic programming over the words of a page.

    Comes back with, for each word, the score of the best run that ends with it, the word of that run before it (-1 for none), and
    the score of all runs that end before it: 0, unless ``several`` may stand on the page.
    """
    odds = _log_odds(page.chances, at)
    held = np.full(len(page.words), -np.inf)
    before = np.zeros(len(page.words))
    links = [-1] * len(page.words)
    open_score, open_from = -np.inf, -1  # the best run that goes on, perhaps over words that are no part of it
    done = 0.0
    for word, (begin, go_on, step) in enumerate(odds):
        before[word] = done
        if not free[word]:
            open_score, open_from = -np.inf, -1
            continue
        held[word] = done + begin
        if open_score + go_on > held[word]:
            held[word], links[word] = open_score + go_on, open_from
        open_score += step - STEP_OVER
        if held[word] >= open_score:
            open_score, open_from = held[word], word
        if several:
            done = max(done, held[word])
    return held, links, before


def _places(links: Sequence[int], end: int) -> list[int]:
    """The words of the run that ends with ``end``, in order."""
    places = [end]
    while links[places[-1]] >= 0:
        places.append(links[places[-1]])
    return places[::-1]


def _log_odds(chances: Chances, at: int) -> Chances:
    """How much a beginning, going on and O speak for each word against the best other tag, as logarithms; shape (words, 3)."""
    logs = np.log(np.maximum(chances, LEAST_CHANCE))
    others = np.delete(logs, [at, at + 1], axis=1).max(axis=1)
    begin = logs[:, at] - np.maximum(others, logs[:, at + 1])
    go_on = logs[:, at + 1] - np.maximum(others, logs[:, at])
    return np.stack([np.maximum(begin, go_on - NO_BEGIN), go_on, logs[:, 0] - others], axis=1)


def _run(page: Tagged, label: str, at: int, places: Sequence[int], score: float) -> Run:
    own = [page.chances[places[0], at : at + 2].max(), *(page.chances[place, at + 1] for place in places[1:])]
    between = [page.chances[place, 0] for place in range(places[0], places[-1]) if place not in set(places)]
    after = 1.0 - page.chances[places[-1] + 1, at + 1] if places[-1] + 1 < len(page.words) else 1.0
    chance = float(np.prod(np.maximum([*own, *between, after], LEAST_CHANCE)))
    return Run(label, page.page, tuple(page.words[place] for place in places), score, chance)
