"""What corrections buy: the token classifier after 5, 10, 20 ... confirmed receipts, asked in two orders.

    python benchmarks/loop.py SROIE_DIR [--cache FOLDER] [--seeds N] [--picture FILE]

Each seed holds out a fifth of the receipts, another one each time, and learns from the others: in random order, and in the order
that docloop asks them. That one starts with the keyword baseline's scores; whenever docloop would train by itself, the receipts
that are left are ranked anew by the new model. So five seeds judge every receipt once for each number of documents. Prints micro
F1 in both protocols of the data's README, whether the confidences mean what they say, what the models cost, and how many
documents docloop's order needs for the F1 of random ones; draws the curves.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from active_learning.diversity import signature
from active_learning.selection import select
from benchmarks.judging import BUCKETS, SPECS, Outcome, judge, plain, scores
from benchmarks.receipts import load_receipts
from ml_backend.document.samples import Sample
from ml_backend.models.base import FieldExtractor
from ml_backend.models.keyword_baseline import KeywordBaseline
from ml_backend.models.score import document_score
from ml_backend.models.token_classifier import TokenClassifier
from training.decide import next_at
from training.trainers.token_trainer import TokenTrainer

SIZES = (5, 10, 20, 50, 100, 200)
FOLDS = 5
THRESHOLD = 20  # documents at which docloop trains first
COMPARED = (20, 50, 100, 200)  # random documents whose F1 both orders are asked for
PAGES = 100  # answered for the time of one
RANDOM, ACTIVE = "random", "active"
COLOURS = {RANDOM: "tab:orange", ACTIVE: "tab:blue"}


@dataclass
class Measured:
    """All that was found out about one number of documents."""

    outcomes: list[Outcome] = field(default_factory=list)
    documents: list[tuple[float, bool]] = field(default_factory=list)

    def f1(self, protocol: str = "exact") -> float:
        return scores(self.outcomes, protocol)[2]

    def row(self, name: str) -> str:
        sure = [(outcome.confidence, outcome.exact) for outcome in self.outcomes if outcome.confidence is not None]
        errors = " ".join(
            f"{calibration_error(pairs):6.3f}" if pairs else f"{'-':>6}" for pairs in (sure, self.documents)
        )
        return f"{name:>12} | {self.f1():6.3f} {self.f1('fuzzy'):6.3f} | {errors}"

    @classmethod
    def of(cls, parts: Iterable[Measured]) -> Measured:
        """All of them together."""
        whole = cls()
        for part in parts:
            whole.outcomes += part.outcomes
            whole.documents += part.documents
        return whole


Curve = dict[int, Measured]
"""What one seed measured in one order, by number of documents."""


def calibration_error(pairs: Sequence[tuple[float, bool]]) -> float:
    """Expected calibration error over ten equal ranges of confidence."""
    error = 0.0
    for bucket in range(BUCKETS):
        some = [pair for pair in pairs if min(BUCKETS - 1, int(pair[0] * BUCKETS)) == bucket]
        error += abs(sum(sure for sure, _ in some) - sum(right for _, right in some))
    return error / max(1, len(pairs))


def judged(model: FieldExtractor, samples: Sequence[Sample]) -> Measured:
    """What ``model`` answers for ``samples``, judged."""
    into = Measured()
    for sample in samples:
        extraction = model.extract(sample.document, SPECS)
        found = {item.label: item for item in extraction.fields}
        truth = {item.label: item.text for item in sample.fields}
        into.outcomes += [judge(label, found.get(label), text) for label, text in truth.items()]
        more = [item for label, item in found.items() if label not in truth]
        into.outcomes += [Outcome(item.label, item.confidence, False, False) for item in more]
        if extraction.score is not None:
            said = {label: plain(item.text) for label, item in found.items()}
            right = said == {label: plain(text) for label, text in truth.items()}
            into.documents.append((extraction.score, right))
    return into


def held_out(samples: Sequence[Sample], seed: int) -> tuple[list[Sample], list[Sample]]:
    """The receipts that judge this seed, and as many for each seed to learn from, in random order."""
    shuffled = sorted(samples, key=lambda sample: sample.content)
    Random(f"folds {seed // FOLDS}").shuffle(shuffled)
    rest = [sample for number, sample in enumerate(shuffled) if number % FOLDS != seed % FOLDS]
    Random(seed).shuffle(rest)
    return shuffled[seed % FOLDS :: FOLDS], rest[: len(samples) * (FOLDS - 1) // FOLDS]


def trainings() -> list[int]:
    """The numbers of documents, up to the last of ``SIZES``, at which docloop trains by itself."""
    numbers = [THRESHOLD]
    while (following := next_at(numbers[-1], numbers[-1], THRESHOLD)) <= max(SIZES):
        numbers.append(following)
    return numbers


def measured_at() -> list[int]:
    return sorted({*SIZES, *trainings()})


def ranked(samples: Sequence[Sample], model: FieldExtractor, seed: int) -> list[Sample]:
    """``samples`` in the order that docloop has them asked once ``model`` is promoted."""
    found = [model.extract(sample.document, SPECS) for sample in samples]
    probabilities = [document_score(SPECS, one.fields) if one.score is None else one.score for one in found]
    signatures = [signature(sample.document) for sample in samples]
    return [samples[place] for place in select(probabilities, signatures, len(samples), seed)]


def fitted(samples: Sequence[Sample], seed: int) -> FieldExtractor:
    """A model of ``samples``."""
    return TokenTrainer().fit(samples, SPECS, "loop", lambda stage, share: None, seed).extractor


def random_curve(samples: Sequence[Sample], seed: int) -> Curve:
    """Models of the first documents in random order."""
    test, rest = held_out(samples, seed)
    curve: Curve = {}
    for size in (*measured_at(), len(rest)):
        curve[size] = judged(fitted(rest[:size], seed), test)
    return curve


def active_curve(samples: Sequence[Sample], seed: int) -> Curve:
    """Models of the documents asked first. It ends before all of them, where both orders are the same."""
    test, rest = held_out(samples, seed)
    again = trainings()
    asked: list[Sample] = []
    waiting = ranked(rest, KeywordBaseline(), seed)
    curve: Curve = {}
    for size in measured_at():
        more = size - len(asked)
        asked, waiting = asked + waiting[:more], waiting[more:]
        model = fitted(asked, seed)
        curve[size] = judged(model, test)
        if size in again:
            waiting = ranked(waiting, model, seed)
    return curve


def documents_for(wanted: float, curve: Mapping[int, float]) -> float | None:
    """The number of documents at which a curve first has the F1 ``wanted``, between its points in a straight line."""
    before: tuple[int, float] | None = None
    for size, f1 in sorted(curve.items()):
        if f1 >= wanted:
            return size if before is None else before[0] + (size - before[0]) * (wanted - before[1]) / (f1 - before[1])
        before = size, f1
    return None


def pooled(curves: Sequence[Curve]) -> Curve:
    """All seeds together, at the numbers of documents that each has."""
    return {size: Measured.of(curve[size] for curve in curves) for size in sorted(curves[0])}


def exact(curve: Curve) -> dict[int, float]:
    return {size: measured.f1() for size, measured in curve.items()}


def print_saving(curves: Mapping[str, Sequence[Curve]]) -> None:
    """How many documents of each order do for as many random ones, over all seeds, and for each seed in docloop's order.

    Curves go up and down by luck. So random order too reaches the F1 of 100 with fewer: what counts is the difference.
    """
    print(f"\n{'F1 of':>10} | {'exact':>6} | {RANDOM:>6} | {ACTIVE:>6} | each seed")
    whole = {order: exact(pooled(some)) for order, some in curves.items()}
    for size in COMPARED:
        wanted = whole[RANDOM][size]
        needed = " | ".join(_number(documents_for(wanted, whole[order])) for order in (RANDOM, ACTIVE))
        pairs = zip(curves[RANDOM], curves[ACTIVE], strict=True)
        each = [documents_for(one[size].f1(), exact(other)) for one, other in pairs]
        print(f"random {size:3} | {wanted:6.3f} | {needed} | {' '.join(map(_number, each))}")


def _number(documents: float | None) -> str:
    return f"{'never':>6}" if documents is None else f"{documents:6.0f}"


def draw(curves: Mapping[str, Sequence[Curve]], baseline: float, path: Path) -> None:
    """Exact F1 by documents: over all seeds as a line, the lowest and highest seed as a band."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(8, 5), dpi=110)
    for order, some in curves.items():
        whole = exact(pooled(some))
        sizes = list(whole)
        axes.plot(sizes, list(whole.values()), marker="o", markersize=4, color=COLOURS[order], label=f"{order} order")
        each = [[curve[size].f1() for curve in some] for size in sizes]
        axes.fill_between(sizes, list(map(min, each)), list(map(max, each)), color=COLOURS[order], alpha=0.15, lw=0)
    axes.axhline(baseline, color="black", linestyle="--", linewidth=1, label="keyword baseline, no training")
    ticks = (*SIZES, max(max(curve) for curve in curves[RANDOM]))
    axes.set_xscale("log")
    axes.set_xticks(ticks, [str(tick) for tick in ticks])
    axes.minorticks_off()
    axes.set_xlabel("confirmed documents (logarithmic)")
    axes.set_ylabel("exact F1 on held-out receipts")
    axes.set_title(f"What corrections buy: {len(curves[RANDOM])} seeds, band from the lowest to the highest")
    axes.grid(alpha=0.3)
    axes.legend(loc="lower right")
    figure.tight_layout()
    figure.savefig(path)


def print_costs(samples: Sequence[Sample]) -> None:
    """Training, answering and storing by number of documents; seconds by the clock, of one thread."""
    print(f"\n{'documents':>12} | {'fit s':>6} {'ms/page':>7} {'MiB':>6}")
    for size in (*SIZES, len(samples)):
        started = time.monotonic()
        made = TokenTrainer().fit(samples[:size], SPECS, "loop", lambda stage, share: None)
        fit = time.monotonic() - started
        with TemporaryDirectory() as folder:
            made.save(Path(folder))
            stored = sum(path.stat().st_size for path in Path(folder).iterdir())
            model = TokenClassifier.load(Path(folder), "loop")
        started = time.monotonic()
        for sample in samples[:PAGES]:
            model.extract(sample.document, SPECS)
        page = (time.monotonic() - started) / PAGES
        print(f"{size:12} | {fit:6.1f} {1000 * page:7.1f} {stored / 2**20:6.2f}", flush=True)


def measure(samples: Sequence[Sample], seeds: int) -> dict[str, list[Curve]]:
    """The curves of all seeds in both orders."""
    curves: dict[str, list[Curve]] = {RANDOM: [], ACTIVE: []}
    for seed in range(seeds):
        for order, follow in ((RANDOM, random_curve), (ACTIVE, active_curve)):
            started = time.monotonic()
            curves[order].append(follow(samples, seed))
            print(f"seed {seed}, {order} order: {time.monotonic() - started:.0f} s", file=sys.stderr, flush=True)
        every = max(curves[RANDOM][-1])
        curves[ACTIVE][-1][every] = curves[RANDOM][-1][every]
    return curves


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sroie_dir", type=Path, help="folder with labels.jsonl and images/")
    parser.add_argument("--cache", type=Path, default=Path(".cache/ocr"), help="folder for OCR results")
    parser.add_argument(
        "--seeds", type=int, default=FOLDS, help="best a multiple of 5, so that each receipt counts the same"
    )
    parser.add_argument("--picture", type=Path, default=Path("learning-curve.png"), help="where to draw the curves")
    arguments = parser.parse_args()
    samples = load_receipts(arguments.sroie_dir, arguments.cache)
    print(f"{len(samples)} receipts, {arguments.seeds} seeds\n")
    print(f"{'documents':>12} | {'exact':>6} {'fuzzy':>6} | {'ECE':>6} {'of doc':>6}")
    baseline = judged(KeywordBaseline(), samples)
    print(baseline.row("baseline"), flush=True)
    curves = measure(samples, arguments.seeds)
    for order, some in curves.items():
        for size, measured in pooled(some).items():
            print(measured.row(f"{order} {size}"))
    print_saving(curves)
    draw(curves, baseline.f1(), arguments.picture)
    print_costs(samples)


if __name__ == "__main__":
    main()
