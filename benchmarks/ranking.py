"""How long it takes to rank 100,000 predictions, and how alike papers of one shop and of different shops come out.

    python benchmarks/ranking.py [--predictions N] [--sroie SROIE_DIR --cache FOLDER]

The predictions are made up: documents of many shops, a few large and most small, with scores from 0 to 1. With ``--sroie`` the
similarity of all pairs of real receipts is measured too, on what the default engine reads.
"""

from __future__ import annotations

import argparse
import json
import re
import time
from collections.abc import Callable, Iterator
from itertools import combinations
from pathlib import Path

import numpy as np

from active_learning.criteria import assess
from active_learning.diversity import CELLS, SIZE, Profiles, Signature, signature
from active_learning.ranking import order, separated
from active_learning.signals import Signals
from active_learning.spreading import ALIKE, spread

LABELS = ("company", "address", "phone", "date", "receipt_number", "tax", "total")
LETTERS_OF_A_SHOP = 12  # companies that begin alike are taken for one shop; the truth spells some in several ways


def made_up_signals(count: int, chance: np.random.Generator) -> Iterator[Signals]:
    """About a third of them meet a criterion."""
    for _ in range(count):
        confidence, doubtful, field = (float(value) for value in chance.beta((18, 1, 8), (2, 9, 2)))
        yield Signals(
            pages=1,
            empty_pages=0,
            words=90,
            blocks=float(chance.integers(10, 32)),
            confidence=confidence,
            doubtful_blocks=doubtful,
            field_confidence=dict.fromkeys(LABELS, field),
            missing=LABELS[: int(chance.poisson(0.1))],
            disagreement=dict(zip(LABELS, chance.beta(1, 6, len(LABELS)).tolist(), strict=True)),
        )


def made_up_signatures(count: int, chance: np.random.Generator) -> list[Signature]:
    """Documents of a shop share about nine tenths of their slots; there is a shop to every eight documents."""
    shops = chance.random((max(1, count // 8), SIZE))
    weights = 1 / np.arange(1, len(shops) + 1) ** 0.7
    table = shops[chance.choice(len(shops), size=count, p=weights / weights.sum())]
    other = chance.random((count, SIZE)) < 0.1
    table[other] = chance.random(int(other.sum()))
    table[:, :CELLS] *= 0.5
    return [tuple(row) for row in np.round(table, 4).tolist()]


def timed(what: str, work: Callable[[], object]) -> None:
    started = time.perf_counter()
    work()
    print(f"{what:70} {time.perf_counter() - started:7.2f} s", flush=True)


def measure_speed(count: int) -> None:
    chance = np.random.default_rng(1)
    signals = list(made_up_signals(count, chance))
    signatures = made_up_signatures(count, chance)
    scores = chance.random(count).tolist()
    ids = range(count)

    def rank(raised: list[float]) -> None:
        _ = [assess(one) for one in signals]
        pushed = [separated(score, task) for score, task in zip(raised, ids, strict=True)]
        order(pushed, ids)

    timed(f"{count} predictions: priority, reasons, ties, order", lambda: rank(scores))
    timed(f"{count} predictions: all that, and near-duplicates", lambda: rank(spread(scores, signatures, ids)))
    some = min(10_000, count)
    timed(f"{some} predictions: near-duplicates", lambda: spread(scores[:some], signatures[:some], ids[:some]))
    unlike = [tuple(row) for row in chance.random((some, SIZE)).tolist()]
    timed(f"{some} predictions, none alike: near-duplicates", lambda: spread(scores[:some], unlike, ids[:some]))
    earlier = list(zip(scores, signatures, strict=True))
    timed(f"32 more after {count}", lambda: spread(scores[:32], signatures[:32], ids[:32], earlier))


def measure_similarity(root: Path, cache: Path) -> None:
    from fields import read_documents

    rows = [json.loads(line) for line in (root / "labels.jsonl").read_text(encoding="utf-8").splitlines()]
    rows = [row for row in rows if row["fields"].get("company")]
    documents = list(read_documents(root, rows, cache))
    started = time.process_time()
    signatures = [signature(document) for document in documents]
    print(f"\na signature takes {1000 * (time.process_time() - started) / len(rows):.1f} ms of processor time")
    shops = np.array([re.sub(r"[^A-Z]", "", row["fields"]["company"].upper())[:LETTERS_OF_A_SHOP] for row in rows])
    left, right = np.array(list(combinations(range(len(rows)), 2))).T
    profiles = Profiles.of(signatures)
    similarity = profiles.similarity(left, profiles, right)
    same = shops[left] == shops[right]
    print(f"{'pairs':20} {'number':>7} {'p5':>5} {'p25':>5} {'p50':>5} {'p75':>5} {'p99':>5}  share alike (>= {ALIKE})")
    for name, values in (("one shop", similarity[same]), ("different shops", similarity[~same])):
        quantiles = " ".join(f"{q:5.2f}" for q in np.quantile(values, [0.05, 0.25, 0.5, 0.75, 0.99]))
        print(f"{name:20} {len(values):7} {quantiles}  {(values >= ALIKE).mean():.4f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--predictions", type=int, default=100_000)
    parser.add_argument("--sroie", type=Path, default=None, help="folder with labels.jsonl and images/")
    parser.add_argument("--cache", type=Path, default=Path(".cache/ocr"), help="folder for OCR results")
    arguments = parser.parse_args()
    measure_speed(arguments.predictions)
    if arguments.sroie:
        measure_similarity(arguments.sroie, arguments.cache)


if __name__ == "__main__":
    main()
