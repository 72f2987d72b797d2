"""Fits the whole network: CTC on transcribed lines, and on general lines what the network said of them before.

It begins where fitting the last layer alone ended. First what stands behind the front is trained, on stored answers of the front,
then, where it is asked for, the front too, on pixels. Lines that take no part say now and then how well the network reads; the
best one is the result, so that more time or more steps do no harm. Batch norms keep their statistics. The same lines, seed
and number of threads give the same network, unless the time runs out.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from math import cos, pi
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ml_backend.ocr.recogniser.alphabet import plain_line
from ml_backend.ocr.recogniser.direction import turned
from ml_backend.ocr.recogniser.head import Array, Head
from training.reading.ctc import fits
from training.reading.reading_back import Errors, errors, read_lines
from training.reading.targets import Targets
from training.reading.whole.loss import LastLayer, answers, rivals_of
from training.reading.whole.network import Network
from training.reading.whole.options import WholeOptions
from training.reading.whole.pictures import Pixels, scanned_again
from training.reading.whole.views import Lines, PicturedLines, Stored, StoredLines, backs, features_of, fronts

if TYPE_CHECKING:
    import torch
    from torch import Tensor

COLUMN = 8  # pixels
LEAST_STORED = 4_000  # lines; where there are fewer, several scans of each are stored
MOST_SCANS = 8
_STORED, _BEHIND = 0.4, 0.75  # of the time, by which lines are stored, and what stands behind the front is trained
_START = 0.05  # of all steps, in which the rates rise
_STEEPEST = 1.0  # norm of a step's gradient; a line that is wrong must not tear the network


@dataclass(frozen=True, slots=True)
class Picture:
    """A line as pixels, and its text in visual order."""

    pixels: Pixels
    text: str


@dataclass(frozen=True, slots=True)
class Material:
    """Lines to learn from, lines that choose the best network, and general lines to go on reading as before."""

    lines: Sequence[Picture]
    choosing: Sequence[Picture]
    general: Sequence[Pixels]
    any_case: bool = False


@dataclass(frozen=True, slots=True)
class Fitted:
    """The best network: ``weights`` by the names of their initialisers, and its last layer.

    ``looks`` are the characters misread in the choosing lines, at the start and at each look; ``steps`` were made.
    """

    weights: dict[str, Array]
    head: Head
    looks: tuple[int, ...]
    steps: int


def fit_network(
    network: Network,
    heads: tuple[Head, Head],
    material: Material,
    options: WholeOptions,
    progress: Callable[[float], None] = lambda share: None,
    clock: Callable[[], float] = time.monotonic,
) -> Fitted:
    """``network`` trained further; ``heads`` are its last layer as it was (with any new characters) and as it was fitted.

    Raises:
        ValueError: no line is wide enough for its text.
    """
    begin, limit = clock(), max(1e-9, 60 * options.minutes)
    return _Fit(network, heads, material, options, lambda: (clock() - begin) / limit).run(progress)


@dataclass(frozen=True, slots=True)
class _Phase:
    """What is trained on which lines with these symbols; ``rate`` is the highest one, ``part`` the stretch of all time."""

    lines: Lines
    symbols: Sequence[Sequence[int]]
    rate: float
    steps: int
    part: tuple[float, float]


class _Fit:
    def __init__(
        self,
        network: Network,
        heads: tuple[Head, Head],
        material: Material,
        options: WholeOptions,
        spent: Callable[[], float],
    ) -> None:
        self.network = network
        self.base, self.start = heads
        self.material, self.options, self.spent = material, options, spent
        texts = [one.text for one in material.lines]
        self.targets = Targets(self.start, texts, material.any_case)
        encoded = [self.targets.encode(text) for text in texts]
        columns = [one.pixels.shape[1] // COLUMN for one in material.lines]
        usable = [i for i, symbols in enumerate(encoded) if symbols and fits(columns[i], symbols)]
        if not usable:
            raise ValueError("no line is wide enough for its text")
        self.pixels, self.symbols = [material.lines[i].pixels for i in usable], [encoded[i] for i in usable]
        self.chance = np.random.default_rng(options.seed)
        self.looks: list[int] = []
        self.reached = (10**9, 0.0)  # characters misread, loss
        self.steps = 0

    def run(self, progress: Callable[[float], None]) -> Fitted:
        network, material = self.network, self.material
        shown = [one.pixels for one in material.choosing]
        general, choosing = fronts(network, material.general), fronts(network, shown)
        stored, symbols = self._stored(lambda share: progress(_STORED * share))
        before = backs(network, general)
        rivals = rivals_of(self.start, self.targets, [*before, *backs(network, stored[:: max(1, len(stored) // 200)])])
        self.layer = LastLayer(self.start, self.targets, rivals)
        self.answers = [answers(self.base, self.targets, rivals, one) for one in before]
        self.best = network.arrays(), self.layer.head()
        self._look(backs(network, choosing))
        passes = -(-len(stored) // self.options.batch) * self.options.epochs
        behind = _Phase(
            StoredLines(network, stored, general),
            symbols,
            self.options.rate,
            max(passes, self.options.least_steps),
            (_STORED, _BEHIND if self.options.whole_steps else 1.0),
        )
        self._run(behind, lambda: backs(network, choosing), progress)
        if self.options.whole_steps:
            self._run_whole(progress)
        return Fitted(*self.best, tuple(self.looks), self.steps)

    def _run_whole(self, progress: Callable[[float], None]) -> None:
        """From the best network so far on, the front too."""
        network, shown = self.network, [one.pixels for one in self.material.choosing]
        network.load(self.best[0])
        self.layer.load(self.best[1])
        whole = _Phase(
            PicturedLines(network, self.pixels, self.material.general),
            self.symbols,
            self.options.whole_rate,
            self.options.whole_steps,
            (_BEHIND, 1.0),
        )
        self._run(whole, lambda: features_of(network, shown), progress)

    def _stored(self, told: Callable[[float], None]) -> tuple[list[Stored], list[list[int]]]:
        """What the front makes of the lines, and of further scans of them if they are few, with the symbols of each."""
        scans = min(MOST_SCANS, max(1, LEAST_STORED // len(self.pixels)))
        again = [scanned_again(one, self.chance) for _ in range(scans - 1) for one in self.pixels]

        def go_on(share: float) -> bool:
            told(share)
            return self.spent() < _STORED

        found = fronts(self.network, [*self.pixels, *again], go_on)
        pairs = zip(found, self.symbols * scans, strict=True)
        kept = [(one, symbols) for one, symbols in pairs if one.size and fits(one.shape[2], symbols)]
        return [one for one, _ in kept], [symbols for _, symbols in kept]

    def _run(self, phase: _Phase, look: Callable[[], list[Array]], progress: Callable[[float], None]) -> None:
        """Train ``phase`` until its steps are made or its time is over; ``look`` gives the features of the choosing lines."""
        import torch

        weights, begin, (start, end) = phase.lines.weights, self.spent(), phase.part
        groups = [
            {"params": weights, "rate": phase.rate},
            {"params": [self.layer.weights, self.layer.bias], "rate": phase.rate * self.options.last_layer},
        ]
        optimizer = torch.optim.AdamW(groups, lr=0.0, weight_decay=0.0)  # towards the start instead: ``pull``
        first = [[weight.detach().clone() for weight in group["params"]] for group in optimizer.param_groups]
        batches, looks = self._batches(phase.lines.widths), 0
        for step in range(1, phase.steps + 1):
            share = min(1.0, max(step / phase.steps, (self.spent() - begin) / max(1e-9, end - begin)))
            self._step(phase, optimizer, next(batches))
            for group in optimizer.param_groups:
                group["lr"] = group["rate"] * _height(share)
            optimizer.step()
            _pull(optimizer, first, self.options.pull)
            self.steps += 1
            progress(start + share * (end - start))
            if share >= (looks + 1) / self.options.looks:
                looks += 1
                self._look(look())
            if share >= 1:
                break

    def _batches(self, widths: npt.NDArray[np.intp]) -> Iterator[list[int]]:
        """All lines again and again, in batches of about the same width, in random order."""
        while True:
            order = np.argsort(widths * self.chance.uniform(0.95, 1.05, len(widths)), kind="stable")
            parts = [order[i : i + self.options.batch] for i in range(0, len(order), self.options.batch)]
            for number in self.chance.permutation(len(parts)):
                yield parts[number].tolist()

    def _step(self, phase: _Phase, optimizer: torch.optim.Optimizer, chosen: list[int]) -> None:
        """The gradient of the mean loss a character, and of the difference to former answers a general column."""
        import torch

        optimizer.zero_grad()
        characters = sum(len(phase.symbols[i]) for i in chosen)
        for rows, features in phase.lines.features(chosen, self.chance):
            loss = self.layer.loss(features, [phase.symbols[chosen[row]] for row in rows])
            torch.autograd.backward(loss / characters)
        groups = phase.lines.general_groups
        if groups and self.options.replay:
            sizes = np.array([len(group) for group in groups])
            group = groups[self.chance.choice(len(groups), p=sizes / sizes.sum())]
            some = self.chance.choice(group, min(len(group), self.options.replayed), replace=False).tolist()
            logs = self.layer(phase.lines.general(some))
            likeness = (torch.stack([self.answers[row] for row in some]) * logs).sum(-1).mean()
            torch.autograd.backward(-self.options.replay * likeness)  # Kullback-Leibler, but for a constant
        torch.nn.utils.clip_grad_norm_([*phase.lines.weights, self.layer.weights, self.layer.bias], _STEEPEST)

    def _look(self, features: list[Array]) -> None:
        """Count what is misread in the choosing lines, and keep the network if it is the best one so far."""
        truths = [plain_line(turned(one.text)) for one in self.material.choosing]
        head = self.layer.head()
        self.looks.append(sum(errors(read_lines(head, features), truths, self.material.any_case), Errors()).edits)
        measure = self.looks[-1], self._unlikely(features)
        if measure < self.reached:
            self.best, self.reached = (self.network.arrays(), head), measure

    def _unlikely(self, features: list[Array]) -> float:
        """The loss of the choosing lines, which tells networks apart that misread as many characters of a few lines."""
        import torch

        total = 0.0
        for one, seen in zip(self.material.choosing, features, strict=True):
            with suppress(KeyError), torch.no_grad():  # a character that no other line has
                total += float(self.layer.loss(torch.from_numpy(seen)[None], [self.targets.encode(one.text)]))
        return total


def _pull(optimizer: torch.optim.Optimizer, first: list[list[Tensor]], pull: float) -> None:
    """Draw each weight back to where it began, by a share of its rate."""
    import torch

    with torch.no_grad():
        for group, begun in zip(optimizer.param_groups, first, strict=True):
            for weight, origin in zip(group["params"], begun, strict=True):
                weight.lerp_(origin, group["lr"] * pull)


def _height(share: float) -> float:
    """Of the highest rate: a twentieth of the time to get going, then half a cosine down (Loshchilov and Hutter 2017)."""
    return share / _START if share < _START else (1 + cos(pi * (share - _START) / (1 - _START))) / 2
