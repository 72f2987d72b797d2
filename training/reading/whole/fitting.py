"""Fits the whole network: CTC on transcribed lines, and on general lines what the network said of them before.

It begins where fitting the last layer alone ended. Lines that take no part say after every eighth of the time how well the
network reads; the best one is the result, so that more time or more steps do no harm. Batch norms keep their statistics. The same
lines, seed and number of threads give the same network, unless the time runs out. This module imports torch.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import cos, pi

import numpy as np
import torch
from torch import Tensor, nn

from ml_backend.ocr.recogniser.alphabet import plain_line
from ml_backend.ocr.recogniser.direction import turned
from ml_backend.ocr.recogniser.head import Array, Head
from training.reading.ctc import fits
from training.reading.reading_back import Errors, errors, read_lines
from training.reading.targets import Targets
from training.reading.whole.loss import LastLayer, answers, rivals_of
from training.reading.whole.network import Network
from training.reading.whole.options import WholeOptions
from training.reading.whole.pictures import Pixels, batch_of, by_width, scanned_again

COLUMN = 8  # pixels
_START = 0.05  # of all steps, in which the rates rise
_STEEPEST = 1.0  # norm of a step's gradient; a line that is wrong must not tear the network
_AT_ONCE = 16  # lines


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
    """The best network: ``weights`` by the names of their initialisers, its last layer, and how well it read.

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
    options: WholeOptions = WholeOptions(),
    progress: Callable[[float], None] = lambda share: None,
    clock: Callable[[], float] = time.monotonic,
) -> Fitted:
    """``network`` trained further; ``heads`` are its last layer as it was (with any new characters) and as it was fitted.

    Raises:
        ValueError: no line is wide enough for its text.
    """
    return _Fit(network, heads, material, options).run(progress, clock)


class _Fit:
    def __init__(self, network: Network, heads: tuple[Head, Head], material: Material, options: WholeOptions) -> None:
        base, start = heads
        self.network, self.material, self.options = network, material, options
        texts = [one.text for one in material.lines]
        targets = Targets(start, texts, material.any_case)
        encoded = [targets.encode(text) for text in texts]
        wide = [one.pixels.shape[1] // COLUMN for one in material.lines]
        self.usable = [i for i, symbols in enumerate(encoded) if symbols and fits(wide[i], symbols)]
        if not self.usable:
            raise ValueError("no line is wide enough for its text")
        self.symbols = encoded
        self.chance = np.random.default_rng(options.seed)
        some = [material.lines[i].pixels for i in self.usable[:: max(1, len(self.usable) // 200)]]
        seen = features_of(network, [*some, *material.general])
        rivals = rivals_of(start, targets, seen)
        self.layer = LastLayer(start, targets, rivals)
        self.general = material.general
        self.answers = [answers(base, targets, rivals, one) for one in seen[len(some) :]]
        self.general_widths = [np.array(each) for each in by_width(material.general).values()]
        self.first = {weight: weight.detach().clone() for weight in self._weights()}
        self.short = _short_numbers()
        self.optimizer = torch.optim.AdamW(
            [
                {"params": list(network.parameters()), "lr": 0.0},
                {"params": list(self.layer.parameters()), "lr": 0.0},
            ],
            weight_decay=0.0,  # towards the start instead: ``pull``
        )

    def run(self, progress: Callable[[float], None], clock: Callable[[], float]) -> Fitted:
        begin, limit = clock(), max(1e-9, 60 * self.options.minutes)
        a_pass = -(-len(self.usable) // self.options.batch)
        steps = min(max(self.options.epochs * a_pass, self.options.least_steps), self.options.most_steps)
        looks, best = [self._misread()], self._now()
        batches = self._batches()
        for step in range(1, steps + 1):
            share = max(step / steps, (clock() - begin) / limit)
            self._step(next(batches), min(1.0, share))
            progress(min(1.0, share))
            if share >= len(looks) / self.options.looks:
                looks.append(self._misread())
                if looks[-1] <= min(looks[:-1]):
                    best = self._now()
            if share >= 1:
                break
        return Fitted(*best, tuple(looks), step)

    def _weights(self) -> list[nn.Parameter]:
        return [*self.network.parameters(), *self.layer.parameters()]

    def _batches(self) -> Iterator[list[int]]:
        """All lines again and again, in batches of about the same width, in random order."""
        widths = np.array([self.material.lines[i].pixels.shape[1] for i in self.usable])
        while True:
            order = np.argsort(widths * self.chance.uniform(0.8, 1.25, len(widths)), kind="stable")
            parts = [order[i : i + self.options.batch] for i in range(0, len(order), self.options.batch)]
            for number in self.chance.permutation(len(parts)):
                yield [self.usable[i] for i in parts[number]]

    def _step(self, chosen: Sequence[int], share: float) -> None:
        """One step of AdamW (Loshchilov and Hutter 2019) on the mean loss a character and a general column."""
        self.optimizer.zero_grad()
        seen = [scanned_again(self.material.lines[i].pixels, self.chance) for i in chosen]
        characters = sum(len(self.symbols[i]) for i in chosen)
        for width, rows in by_width(seen).items():
            features = self._features(batch_of([seen[row] for row in rows], width))
            loss = self.layer.loss(features, [self.symbols[chosen[row]] for row in rows])
            (loss / characters).backward()
        if self.general_widths and self.options.replay:
            (self.options.replay * self._forgotten()).backward()
        nn.utils.clip_grad_norm_(self._weights(), _STEEPEST)
        rates = [rate * _height(share) for rate in (self.options.rate, self.options.head_rate)]
        for group, rate in zip(self.optimizer.param_groups, rates, strict=True):
            group["lr"] = rate
        self.optimizer.step()
        with torch.no_grad():
            for group, rate in zip(self.optimizer.param_groups, rates, strict=True):
                for weight in group["params"]:
                    weight.lerp_(self.first[weight], rate * self.options.pull)

    def _forgotten(self) -> Tensor:
        """How far the answers to some general lines are from the former ones (Kullback-Leibler, but for a constant)."""
        sizes = np.array([len(group) for group in self.general_widths])
        group = self.general_widths[self.chance.choice(len(sizes), p=sizes / sizes.sum())]
        rows = self.chance.choice(group, min(len(group), self.options.replayed), replace=False)
        lines = [self.material.general[row] for row in rows]
        (width,) = by_width(lines)
        logs = self.layer(self._features(batch_of(lines, width)))
        return -(torch.stack([self.answers[row] for row in rows]) * logs).sum(-1).mean()

    def _features(self, batch: Array) -> Tensor:
        lines = torch.from_numpy(batch).to(memory_format=torch.channels_last)
        with torch.autocast("cpu", torch.bfloat16, enabled=self.short):
            return self.network(lines).float()

    def _misread(self) -> int:
        choosing = self.material.choosing
        read = read_lines(self.layer.head(), features_of(self.network, [one.pixels for one in choosing]))
        truths = [plain_line(turned(one.text)) for one in choosing]
        return sum(errors(read, truths, self.material.any_case), Errors()).edits

    def _now(self) -> tuple[dict[str, Array], Head]:
        return self.network.arrays(), self.layer.head()


def features_of(network: Network, lines: Sequence[Pixels]) -> list[Array]:
    """The features (columns, features) of each line, in their order."""
    found: list[Array] = [np.empty((0, 0), np.float32)] * len(lines)
    with torch.no_grad():
        for width, numbers in by_width(lines).items():
            for start in range(0, len(numbers), _AT_ONCE):
                part = numbers[start : start + _AT_ONCE]
                batch = torch.from_numpy(batch_of([lines[i] for i in part], width))
                for number, one in zip(part, network(batch.to(memory_format=torch.channels_last)).numpy(), strict=True):
                    found[number] = one.copy()
    return found


def _height(share: float) -> float:
    """Of the highest rate: a twentieth of the time to get going, then half a cosine down."""
    return share / _START if share < _START else (1 + cos(pi * (share - _START) / (1 - _START))) / 2


def _short_numbers() -> bool:
    """Whether this processor multiplies bfloat16, which takes half the time; elsewhere torch would imitate it, slowly."""
    asked = getattr(torch.cpu, "_is_avx512_bf16_supported", None)
    return bool(asked and asked())
