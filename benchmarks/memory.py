"""What one confirmed document is worth: the layout memory on receipts whose shop was seen before.

    python benchmarks/memory.py SROIE_DIR [--cache FOLDER] [--seeds N]

Receipts come in random order. At each one the memory knows those before it and nothing else. Printed apart: receipts of shops
(the true company) never seen before, seen exactly once, seen more often. For each the share of the four fields that is
answered, precision and micro F1 in both protocols of the data's README, whether the confidences mean what they say, and the
keyword baseline on the same receipts. ``fixed`` takes confidence from the fixed curve, ``fitted`` from curves fitted anew
every 50 receipts on leave-one-out answers, as the trainer does. Last, what recalling costs by the number of remembered
documents.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from random import Random

from benchmarks.judging import SPECS, Outcome, judge, plain, scores
from benchmarks.loop import calibration_error
from benchmarks.receipts import load_receipts
from ml_backend.document.fields import Field
from ml_backend.document.samples import Sample
from ml_backend.models.keyword_baseline import KeywordBaseline
from ml_backend.models.memory import LayoutMemory
from ml_backend.models.memory.votes import FIXED
from training.trainers.memory_trainer import MemoryTrainer

COMPANY = "company"
BY = ("baseline", "fixed", "fitted")
ALL = "all"
SEEN = ("never", "once", "more often")
AGAIN = 50  # receipts after which curves are fitted anew
PAGES = 60  # answered for the time of one
SIZES = (10, 100, 1000)

Rows = dict[tuple[str, str], list[Outcome]]
"""Outcomes by how often the shop was seen before, and by who answered."""


def company_of(sample: Sample) -> str:
    return next((plain(field.text) for field in sample.fields if field.label == COMPANY), sample.content)


def measure(samples: Sequence[Sample], seed: int, rows: Rows) -> None:
    """Adds one random order to ``rows``."""
    order = sorted(samples, key=lambda sample: sample.content)
    Random(seed).shuffle(order)
    baseline, memory = KeywordBaseline(), LayoutMemory((), "memory")
    shops: Counter[str] = Counter()
    for number, sample in enumerate(order):
        seen = SEEN[min(2, shops[company_of(sample)])]
        choices = memory.choices(sample.document, SPECS)
        answers = {
            "fixed": memory.answer(choices, sample.document, SPECS, FIXED)[0],
            "fitted": memory.answer(choices, sample.document, SPECS)[0],
            "baseline": baseline.extract(sample.document, SPECS).fields,
        }
        for name, fields in answers.items():
            rows[seen, name] += judged(fields, sample)
        shops[company_of(sample)] += 1
        memory = memory.plus([sample], "memory")
        if number % AGAIN == AGAIN - 1:
            trained = MemoryTrainer().fit(order[: number + 1], SPECS, "memory", lambda stage, share: None)
            memory = memory.calibrated(trained.extractor.curves)


def judged(fields: Sequence[Field], sample: Sample) -> Iterator[Outcome]:
    found = {field.label: field for field in fields}
    return (judge(field.label, found.get(field.label), field.text) for field in sample.fields)


def print_rows(rows: Rows) -> None:
    head = f"{'answered':>8} | {'exact P':>7} {'F1':>6} | {'fuzzy P':>7} {'F1':>6} | {'ECE':>6}"
    print(f"{'shop seen':>10} {'by':>9} {'fields':>6} | {head}")
    for name in BY:
        rows[ALL, name] = [outcome for seen in SEEN for outcome in rows[seen, name]]
    for seen in (*SEEN, ALL):
        for name in BY:
            some = rows[seen, name]
            sure = [(outcome.confidence, outcome.exact) for outcome in some if outcome.confidence is not None]
            exact, fuzzy = scores(some, "exact"), scores(some, "fuzzy")
            print(
                f"{seen:>10} {name:>9} {len(some):6} | {len(sure) / max(1, len(some)):8.3f} | {exact[0]:7.3f} {exact[2]:6.3f}"
                f" | {fuzzy[0]:7.3f} {fuzzy[2]:6.3f} | {calibration_error(sure):6.3f}"
            )
        for label in (spec.label for spec in SPECS):
            some = [outcome for outcome in rows[seen, "fixed"] if outcome.label == label]
            print(
                f"{'':>10} {label:>9} {len(some):6} | {'':8} | {scores(some, 'exact')[0]:7.3f} {scores(some, 'exact')[2]:6.3f}"
            )


def print_costs(samples: Sequence[Sample]) -> None:
    """Time to remember, to recall and answer, and bytes on disk; the receipts are repeated to make up the number."""
    print(f"\n{'documents':>10} | {'make s':>7} {'ms/page':>8} {'MiB':>6}")
    for size in SIZES:
        some = [replace(samples[n % len(samples)], content=f"{n:064}") for n in range(size)]
        started = time.process_time()
        memory = LayoutMemory.of(some, SPECS)
        made = time.process_time() - started
        started = time.process_time()
        for sample in samples[:PAGES]:
            memory.extract(sample.document, SPECS)
        page = (time.process_time() - started) / PAGES
        print(f"{size:10} | {made:7.2f} {1000 * page:8.1f} {stored(memory):6.2f}", flush=True)


def stored(memory: LayoutMemory) -> float:
    """MiB of the memory's file."""
    from tempfile import TemporaryDirectory

    with TemporaryDirectory() as folder:
        memory.save(Path(folder))
        return sum(path.stat().st_size for path in Path(folder).iterdir()) / 2**20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sroie_dir", type=Path, help="folder with labels.jsonl and images/")
    parser.add_argument("--cache", type=Path, default=Path(".cache/ocr"), help="folder for OCR results")
    parser.add_argument("--seeds", type=int, default=3, help="random orders")
    arguments = parser.parse_args()
    samples = load_receipts(arguments.sroie_dir, arguments.cache)
    rows: Rows = defaultdict(list)
    for seed in range(arguments.seeds):
        measure(samples, seed, rows)
    print(f"{len(samples)} receipts, {arguments.seeds} random orders\n")
    print_rows(rows)
    print_costs(samples)


if __name__ == "__main__":
    main()
