"""What corrections buy: the token classifier after 5, 10, 20 ... confirmed receipts, beside the keyword baseline.

    python benchmarks/loop.py SROIE_DIR [--cache FOLDER] [--folds N] [--seeds N] [--sizes 5,10,...]

Cross-validated: each fold of the receipts is answered by models that learned from the first n of the others in random order, so
every receipt is judged once for each n and seed. Prints micro F1 in both protocols of the data's README, for the baseline on the
same receipts too, whether the confidences mean what they say, and what the models cost.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from benchmarks.fields import BUCKETS, SPECS, Outcome, judge, plain, scores
from benchmarks.receipts import load_receipts
from ml_backend.document.samples import Sample
from ml_backend.models.base import FieldExtractor
from ml_backend.models.keyword_baseline import KeywordBaseline
from ml_backend.models.token_classifier import TokenClassifier
from training.trainers.token_trainer import TokenTrainer

SIZES = (5, 10, 20, 50, 100, 200)


@dataclass
class Measured:
    """All that was found out about one number of documents."""

    outcomes: list[Outcome] = field(default_factory=list)
    documents: list[tuple[float, bool]] = field(default_factory=list)
    fit_seconds: list[float] = field(default_factory=list)
    page_seconds: list[float] = field(default_factory=list)
    bytes: list[int] = field(default_factory=list)
    samples: int = 0

    def row(self, name: str) -> str:
        exact, fuzzy = (scores(self.outcomes, protocol)[2] for protocol in ("exact", "fuzzy"))
        sure = [(outcome.confidence, outcome.exact) for outcome in self.outcomes if outcome.confidence is not None]
        return (
            f"{name:>10} | {exact:6.3f} {fuzzy:6.3f} | {calibration_error(sure):6.3f} {calibration_error(self.documents):6.3f}"
            f" | {mean(self.fit_seconds):7.1f} {1000 * mean(self.page_seconds):7.1f} {mean(self.bytes) / 2**20:6.2f}"
        )


def mean(values: Sequence[float]) -> float:
    return sum(values) / max(1, len(values))


def calibration_error(pairs: Sequence[tuple[float, bool]]) -> float:
    """Expected calibration error over ten equal ranges of confidence."""
    error = 0.0
    for bucket in range(BUCKETS):
        some = [pair for pair in pairs if min(BUCKETS - 1, int(pair[0] * BUCKETS)) == bucket]
        error += abs(sum(sure for sure, _ in some) - sum(right for _, right in some))
    return error / max(1, len(pairs))


def judge_all(model: FieldExtractor, samples: Sequence[Sample], into: Measured) -> None:
    """What ``model`` answers for ``samples``, judged."""
    for sample in samples:
        started = time.process_time()
        extraction = model.extract(sample.document, SPECS)
        into.page_seconds.append(time.process_time() - started)
        found = {item.label: item for item in extraction.fields}
        truth = {item.label: item.text for item in sample.fields}
        judged = [judge(label, found.get(label), text) for label, text in truth.items()]
        judged += [Outcome(label, item.confidence, False, False) for label, item in found.items() if label not in truth]
        into.outcomes += judged
        if extraction.score is not None:
            right = {label: plain(item.text) for label, item in found.items()} == {
                k: plain(v) for k, v in truth.items()
            }
            into.documents.append((extraction.score, right))


def measure(samples: Sequence[Sample], size: int, folds: int, seed: int, into: Measured) -> None:
    """Every sample answered by a model of ``size`` others."""
    shuffled = sorted(samples, key=lambda sample: sample.content)
    Random(seed).shuffle(shuffled)
    for fold in range(folds):
        held_out = shuffled[fold::folds]
        rest = [sample for number, sample in enumerate(shuffled) if number % folds != fold][:size]
        started = time.process_time()
        fitted = TokenTrainer().fit(rest, SPECS, "loop", lambda stage, share: None, seed)
        into.fit_seconds.append(time.process_time() - started)
        into.samples = len(rest)
        with TemporaryDirectory() as folder:
            fitted.save(Path(folder))
            into.bytes.append(sum(path.stat().st_size for path in Path(folder).iterdir()))
            judge_all(TokenClassifier.load(Path(folder), "loop"), held_out, into)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sroie_dir", type=Path, help="folder with labels.jsonl and images/")
    parser.add_argument("--cache", type=Path, default=Path(".cache/ocr"), help="folder for OCR results")
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--seeds", type=int, default=3, help="random orders; all documents are measured in one")
    parser.add_argument("--sizes", default=",".join(map(str, SIZES)), help="numbers of documents, parted by commas")
    arguments = parser.parse_args()
    samples = load_receipts(arguments.sroie_dir, arguments.cache)
    print(f"{len(samples)} receipts, {arguments.folds} folds, {arguments.seeds} orders; seconds are of one processor\n")
    print(
        f"{'documents':>10} | {'exact':>6} {'fuzzy':>6} | {'ECE':>6} {'of doc':>6} | {'fit s':>7} {'ms/page':>7} {'MiB':>6}"
    )
    baseline = Measured()
    judge_all(KeywordBaseline(), samples, baseline)
    print(baseline.row("baseline"), flush=True)
    for size in map(int, arguments.sizes.split(",")):
        measured = Measured()
        for seed in range(arguments.seeds):
            measure(samples, size, arguments.folds, seed, measured)
        print(measured.row(str(measured.samples)), flush=True)
    measured = Measured()
    measure(samples, len(samples), arguments.folds, 0, measured)
    print(measured.row(f"all {measured.samples}"), flush=True)


if __name__ == "__main__":
    main()
