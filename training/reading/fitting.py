"""Fits the last layer: CTC on transcribed lines, and on general lines the model's own former answers, against forgetting.

Only the classes of the transcriptions are changed. The replay follows "Learning without Forgetting" (Li and Hoiem 2016): what the
model said of general lines before is what it should go on saying; that needs no truth and works for any script.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import cos, pi

import numpy as np
import numpy.typing as npt

from ml_backend.ocr.recogniser.direction import turned
from ml_backend.ocr.recogniser.features import Features
from ml_backend.ocr.recogniser.head import Head
from training.reading.ctc import ctc, fits
from training.reading.lines import SeenLine
from training.reading.targets import Targets, rest
from training.reading.whole.options import WholeOptions
from training.trainers.base import Progress

Array = npt.NDArray[np.float32]
UNREAD = -8.0  # bias of a new character: below nearly all others, so that it is read once it has learned something


@dataclass(frozen=True, slots=True)
class Options:
    """``rate`` is the highest learning rate, reached after a short start and then falling to nothing along a cosine.

    ``epochs`` over all lines, but at least ``least_steps`` of ``batch`` lines. ``replay`` weighs general columns against lines,
    ``columns`` of them a step; ``pull`` draws the weights back to where they began, a share of the rate. With ``whole`` the last
    layer is only the beginning, and the whole network is trained.
    """

    rate: float = 2e-3
    epochs: int = 8
    least_steps: int = 300
    batch: int = 32
    replay: float = 3.0
    columns: int = 1024
    pull: float = 0.01
    seed: int = 0
    whole: WholeOptions | None = None


@dataclass(frozen=True, slots=True)
class Example:
    """A line as training sees it: its features (columns, features) and its text in visual order."""

    features: Features
    text: str


def fit_head(
    head: Head,
    examples: Sequence[Example],
    general: Sequence[Features] = (),
    any_case: bool = False,
    options: Options = Options(),
    progress: Callable[[float], None] = lambda share: None,
) -> Head:
    """``head`` with new characters where ``examples`` have some, trained on them. The same input gives the same output.

    Lines too narrow for their text are left out.

    Raises:
        ValueError: no line is left.
    """
    wide = head.with_more(head.alphabet.missing(one.text for one in examples), UNREAD)
    targets = Targets(wide, (one.text for one in examples), any_case)
    encoded = [targets.encode(one.text) for one in examples]
    usable = [i for i, symbols in enumerate(encoded) if symbols and fits(len(examples[i].features), symbols)]
    if not usable:
        raise ValueError("no line is wide enough for its text")
    lines = _Lines(wide, targets, [examples[i].features for i in usable], [encoded[i] for i in usable])
    fit = _Fit(wide, targets, lines, _Replay(wide, targets, general) if general else None, options)
    return fit.run(progress)


def fit_lines(
    head: Head,
    lines: Sequence[SeenLine],
    general: Sequence[SeenLine],
    any_case: bool,
    options: Options,
    progress: Progress,
) -> Head:
    """``fit_head`` on transcribed lines, in the order in which the network sees their characters."""
    examples = [Example(one.features, turned(one.text)) for one in lines]
    replayed = [one.features for one in general]
    return fit_head(head, examples, replayed, any_case, options, lambda share: progress("fit", share))


class _Lines:
    """All lines in one array of columns: where each begins, its symbols, and what the frozen classes add up to."""

    def __init__(
        self, head: Head, targets: Targets, features: Sequence[Features], symbols: Sequence[list[int]]
    ) -> None:
        self.symbols = symbols
        self.columns = np.array([len(one) for one in features])
        self.starts = np.concatenate([[0], np.cumsum(self.columns)[:-1]])
        self.features = np.concatenate(features)
        self.rest = rest(head, targets.active, self.features)

    def batches(self, size: int, chance: np.random.Generator) -> Iterator[npt.NDArray[np.intp]]:
        """All lines once, in batches of about the same width, in random order."""
        order = np.argsort(self.columns * chance.uniform(0.9, 1.1, len(self.columns)), kind="stable")
        parts = [order[i : i + size] for i in range(0, len(order), size)]
        for number in chance.permutation(len(parts)):
            yield parts[number]

    def batch(self, chosen: npt.NDArray[np.intp]) -> tuple[Array, Array]:
        """Features (lines, columns, features) and rests (lines, columns), zero behind a line's end."""
        widest = self.columns[chosen].max()
        features = np.zeros((len(chosen), widest, self.features.shape[1]), np.float32)
        others = np.zeros((len(chosen), widest), np.float32)
        for row, line in enumerate(chosen):
            here = slice(self.starts[line], self.starts[line] + self.columns[line])
            features[row, : self.columns[line]] = self.features[here]
            others[row, : self.columns[line]] = self.rest[here]
        return features, others


class _Replay:
    """Columns of general lines with what the model said of them before."""

    def __init__(self, head: Head, targets: Targets, general: Sequence[Features]) -> None:
        self.features = np.concatenate(general).astype(np.float32)
        self.rest = rest(head, targets.active, self.features)
        logits = self.features @ head.weights[:, targets.active] + head.bias[targets.active]
        self.answers = np.exp(_log_softmax(logits, self.rest))


class _Fit:
    """Adam (Kingma and Ba 2015) over the active classes; the bias is the last row of ``weights``."""

    def __init__(self, head: Head, targets: Targets, lines: _Lines, replay: _Replay | None, options: Options) -> None:
        self.head, self.targets, self.lines, self.replay, self.options = head, targets, lines, replay, options
        self.first = np.vstack([head.weights[:, targets.active], head.bias[targets.active]])
        self.weights = self.first.copy()
        self.moments = np.zeros_like(self.weights), np.zeros_like(self.weights)

    def run(self, progress: Callable[[float], None]) -> Head:
        chance = np.random.default_rng(self.options.seed)
        a_pass = -(-len(self.lines.columns) // self.options.batch)
        epochs = max(self.options.epochs, -(-self.options.least_steps // a_pass))
        step, steps = 0, epochs * a_pass
        for _ in range(epochs):
            for chosen in self.lines.batches(self.options.batch, chance):
                gradient = self._of_lines(chosen)
                if self.replay is not None and self.options.replay:
                    gradient += self.options.replay * self._of_replay(self.replay, chance)
                step += 1
                self._move(gradient, step, self._rate(step / steps))
                progress(step / steps)
        weights, bias = self.head.weights.copy(), self.head.bias.copy()
        weights[:, self.targets.active], bias[self.targets.active] = self.weights[:-1], self.weights[-1]
        return Head(weights, bias, self.head.alphabet)

    def _rate(self, share: float) -> float:
        """A twentieth of all steps to get going, then half a cosine down."""
        start = 0.05
        if share < start:
            return self.options.rate * share / start
        return self.options.rate * (1 + cos(pi * (share - start) / (1 - start))) / 2

    def _of_lines(self, chosen: npt.NDArray[np.intp]) -> Array:
        """The gradient of the mean loss a character."""
        features, others = self.lines.batch(chosen)
        logs = _log_softmax(features @ self.weights[:-1] + self.weights[-1], others)
        first, second = self.targets.first, self.targets.second
        symbols = logs[:, :, first].astype(np.float64)
        pairs = np.flatnonzero(second >= 0)
        if len(pairs):
            symbols[:, :, pairs] = np.logaddexp(symbols[:, :, pairs], logs[:, :, second[pairs]])
        asked = [self.lines.symbols[line] for line in chosen]
        columns = self.lines.columns[chosen]
        _, shares = ctc(symbols, columns, asked)
        gradient = np.exp(logs)
        gradient[np.arange(logs.shape[1])[None, :] >= columns[:, None]] = 0
        for number, place in (*enumerate(first), *((pair, second[pair]) for pair in pairs)):
            part = shares[:, :, number]
            gradient[:, :, place] -= (
                part if second[number] < 0 else part * np.exp(logs[:, :, place] - symbols[:, :, number])
            )
        return self._for_weights(features, gradient) / np.float32(sum(map(len, asked)))

    def _of_replay(self, replay: _Replay, chance: np.random.Generator) -> Array:
        """The gradient of the mean difference (Kullback-Leibler) to the former answers."""
        chosen = chance.integers(0, len(replay.features), self.options.columns)
        features = replay.features[chosen]
        logs = _log_softmax(features @ self.weights[:-1] + self.weights[-1], replay.rest[chosen])
        return self._for_weights(features, np.exp(logs) - replay.answers[chosen]) / np.float32(len(chosen))

    @staticmethod
    def _for_weights(features: Array, gradient: Array) -> Array:
        flat, slopes = features.reshape(-1, features.shape[-1]), gradient.reshape(-1, gradient.shape[-1])
        return np.vstack([flat.T @ slopes, slopes.sum(axis=0)])

    def _move(self, gradient: Array, step: int, rate: float) -> None:
        mean, square = self.moments
        mean += np.float32(0.1) * (gradient - mean)
        square += np.float32(0.001) * (gradient * gradient - square)
        direction = (mean / (1 - 0.9**step)) / (np.sqrt(square / (1 - 0.999**step)) + 1e-8)
        self.weights -= (rate * (direction + self.options.pull * (self.weights - self.first))).astype(np.float32)


def _log_softmax(logits: Array, others: Array) -> Array:
    """Logarithms of the probabilities of the active classes, where all other classes together have ``exp(others)``."""
    highest = np.maximum(logits.max(axis=-1), others)
    total = np.exp(logits - highest[..., None]).sum(axis=-1) + np.exp(others - highest)
    return np.asarray(logits - (highest + np.log(total))[..., None], np.float32)
