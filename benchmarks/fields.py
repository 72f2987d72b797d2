"""How well fields are found: each field model alone, and all of them combined, on receipts that none has learned from.

    python benchmarks/fields.py SROIE_DIR [--cache FOLDER] [--sizes 50,all] [--given]

The receipts are cut into five parts. Each is answered by models that learned from the others: from all of them, and from some
drawn at random. Own OCR, or with ``--given`` the data set's own text. Prints precision, recall and F1 in both protocols
(``judging``) for each model and each field, the time a page takes, and whether the confidences mean what they say.
"""

from __future__ import annotations

import argparse
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from random import Random

from benchmarks.judging import SPECS, Outcome, judge, print_reliability, print_scores, scores
from benchmarks.receipts import load_given, load_receipts
from ml_backend.document.samples import Sample
from ml_backend.models.base import FieldExtractor
from ml_backend.models.combined import Combined
from ml_backend.models.keyword_baseline import KeywordBaseline
from training.trainers.combined_trainer import CombinedTrainer
from training.trainers.memory_trainer import MemoryTrainer
from training.trainers.token_trainer import TokenTrainer

FOLDS = 5
ALL = "all"
COMBINED = "combined"

Measured = dict[str, tuple[list[Outcome], float]]
"""By model: all outcomes, and the seconds of processor time they took."""


def measure(samples: Sequence[Sample], size: int | None) -> Measured:
    """Every receipt once, by models that learned from ``size`` others (None: from all outside of its part)."""
    order = sorted(samples, key=lambda sample: sample.content)
    Random(0).shuffle(order)
    outcomes: dict[str, list[Outcome]] = defaultdict(list)
    seconds: dict[str, float] = defaultdict(float)
    for fold in range(FOLDS):
        rest = [sample for number, sample in enumerate(order) if number % FOLDS != fold]
        learned = rest if size is None else Random(fold).sample(rest, size)
        model = CombinedTrainer([TokenTrainer(), MemoryTrainer()], KeywordBaseline()).fit(
            learned, SPECS, "fields-1", lambda stage, share: None
        )
        assert isinstance(model.extractor, Combined)
        models: dict[str, FieldExtractor] = {**model.extractor.members, COMBINED: model.extractor}
        for name, extractor in models.items():
            began = time.process_time()
            outcomes[name] += [one for sample in order[fold::FOLDS] for one in answer(extractor, sample)]
            seconds[name] += time.process_time() - began
    return {name: (outcomes[name], seconds[name]) for name in outcomes}


def answer(extractor: FieldExtractor, sample: Sample) -> list[Outcome]:
    """The outcomes of one receipt."""
    said = {field.label: field for field in extractor.extract(sample.document, SPECS).fields}
    return [judge(field.label, said.get(field.label), field.text) for field in sample.fields]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sroie_dir", type=Path, help="folder with labels.jsonl and images/")
    parser.add_argument("--cache", type=Path, default=Path(".cache/ocr"), help="folder for OCR results")
    parser.add_argument("--sizes", default=f"50,{ALL}", help="documents to learn from, with commas")
    parser.add_argument("--given", action="store_true", help="the data set's own text in place of OCR")
    arguments = parser.parse_args()
    samples = (
        load_given(arguments.sroie_dir) if arguments.given else load_receipts(arguments.sroie_dir, arguments.cache)
    )
    print(f"{len(samples)} receipts, {'given text' if arguments.given else 'own OCR'}, {FOLDS} parts\n")
    for size in arguments.sizes.split(","):
        measured = measure(samples, None if size == ALL else int(size))
        print(f"learned from {size}\n{'model':18} | {'exact F1':>8} {'fuzzy F1':>8} | ms a page")
        for name, (outcomes, seconds) in measured.items():
            exact, fuzzy = scores(outcomes, "exact")[2], scores(outcomes, "fuzzy")[2]
            print(f"{name:18} | {exact:8.3f} {fuzzy:8.3f} | {1000 * seconds / len(samples):9.1f}")
        print()
        print_scores(measured[COMBINED][0])
        print()
        print_reliability(measured[COMBINED][0])
        print()


if __name__ == "__main__":
    main()
