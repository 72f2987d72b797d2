"""Measures what the recogniser learns from corrected lines, and what it forgets, and prints Markdown tables.

    python benchmarks/ocr_learning.py SROIE_FOLDER --cache FOLDER [--train 50 300] [--test 60] [--whole --minutes 10 --threads 2]

Lines are cut out by their true boxes. The recogniser learns (a) from all lines of some receipts, as in a transcription project,
and (b) from the lines of their four fields alone, as in a field project; other receipts test it, the same ones for every row. As
the transcriptions have capitals only, case does not count. General lines are those of the gate (``training/reading/general.py``)
and, as "foreign", the machine's own translations in fonts that no training uses (``benchmarks/foreign_lines.py``). What the
network sees of each line is kept in FOLDER as float16, one file a receipt (20 ms a line). With ``--whole`` all
that stands behind the convolutions is trained, not the last layer alone; then all test lines are read anew, by what was written.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.foreign_lines import general, hebrew
from ml_backend.ocr.rapidocr import RapidOCREngine
from ml_backend.ocr.recogniser.alphabet import plain_line
from ml_backend.ocr.recogniser.features import FeatureReader, Pixels, line_of
from ml_backend.ocr.recogniser.graph import Graph
from ml_backend.ocr.recogniser.head import Head
from ml_backend.ocr.recogniser.version import Recogniser, wheel_recogniser, write_version
from training.metrics import plain
from training.reading.fitting import Options
from training.reading.general import GeneralLine
from training.reading.learning import GeneralSeen, Learned, Order, learn_seen, see_general
from training.reading.lines import SeenLine, packed, seen_by
from training.reading.reading_back import Errors, errors, read_lines
from training.reading.whole.options import WholeOptions

Row = Mapping[str, Any]
SEED = 0
PARTS = ("all lines", "lines of fields")


@dataclass(frozen=True)
class Receipt:
    """One receipt: its lines as the network sees them, and which of them hold each field."""

    lines: list[SeenLine]
    fields: Mapping[str, list[int]]

    @property
    def field_lines(self) -> list[SeenLine]:
        return [self.lines[i] for i in sorted({i for lines in self.fields.values() for i in lines})]


@dataclass
class Score:
    """Counts over all receipts of a test: characters, lines, words, fields."""

    errors: Errors
    right: int = 0
    words: int = 0
    fields_right: int = 0
    fields: int = 0

    def __str__(self) -> str:
        f1 = 2 * self.right / max(1, self.words)
        fields = self.fields_right / max(1, self.fields)
        return f"{f1:.4f} | {self.errors.cer:.4f} | {self.errors.share_exact:.4f} | {fields:.4f}"


def seen_receipt(root: Path, row: Row, reader: FeatureReader, cache: Path, pictures: bool) -> Receipt:
    kept = cache / f"{row['id']}.npz"
    if not kept.exists():
        found = [reader.read_line(line) for line in pixels_of(root, row)]
        aside = kept.with_suffix(".part.npz")
        np.savez(aside, np.concatenate(found), np.array([len(one) for one in found]))
        os.replace(aside, kept)
    with np.load(kept) as arrays:
        parts = np.split(arrays["arr_0"], np.cumsum(arrays["arr_1"])[:-1])
    texts = [plain_line(line["text"]) for line in row["lines"]]
    shown = map(packed, pixels_of(root, row)) if pictures else [b""] * len(texts)
    lines = [SeenLine(part, text, row["id"], one) for part, text, one in zip(parts, texts, shown, strict=True)]
    return Receipt(lines, dict(fields_of(row)))


def pixels_of(root: Path, row: Row) -> Iterator[Pixels]:
    """Each line of a receipt, cut out along its true box."""
    page = np.asarray(Image.open(root / row["image"]).convert("RGB"))
    for line in row["lines"]:
        yield line_of(page, np.array(line["polygon"]) * np.array([row["width"], row["height"]]))


def through(body: Graph, receipts: Sequence[Receipt]) -> list[Receipt]:
    """The same receipts as another network sees them."""
    lines = iter(seen_by(body, [line for one in receipts for line in one.lines]))
    return [Receipt([next(lines) for _ in one.lines], one.fields) for one in receipts]


def fields_of(row: Row) -> Iterator[tuple[str, list[int]]]:
    """The lines that a field stands on: those that are part of it, or else the first that has it in it."""
    texts = [plain(line["text"]) for line in row["lines"]]
    for label, value in row["fields"].items():
        wanted = plain(value)
        within = [i for i, text in enumerate(texts) if len(text) > 2 and text in wanted]
        around = [i for i, text in enumerate(texts) if wanted and wanted in text]
        if chosen := within if label in ("company", "address") and within else around[:1]:
            yield label, chosen


def score(head: Head, receipts: Sequence[Receipt]) -> Score:
    total = Score(Errors())
    for receipt in receipts:
        truths = [line.text.upper() for line in receipt.lines]
        read = [text.upper() for text in read_lines(head, [line.features for line in receipt.lines])]
        total.errors = sum(errors(read, truths), total.errors)
        one, other = (Counter(word for text in texts for word in text.split()) for texts in (read, truths))
        total.right += (one & other).total()
        total.words += one.total() + other.total()
        for lines in receipt.fields.values():
            total.fields += 1
            total.fields_right += all(plain(read[i]) == plain(truths[i]) for i in lines)
    return total


def cer(head: Head, seen: Sequence[SeenLine]) -> float:
    read = read_lines(head, [line.features for line in seen])
    return sum(errors(read, [line.text for line in seen]), Errors()).cer


def seen(reader: FeatureReader, lines: Sequence[GeneralLine]) -> list[SeenLine]:
    return [
        SeenLine(reader.read(line.image), line.text, str(number), packed(line_of(line.image)))
        for number, line in enumerate(lines)
    ]


def page_f1(paths: Sequence[Path], truths: Sequence[Sequence[str]], reader: Recogniser | None) -> float:
    """Word F1 over whole pages, with lines found by our own detector."""
    engine, right, words = RapidOCREngine(recogniser=reader), 0, 0
    for path, texts in zip(paths, truths, strict=True):
        read = Counter(engine.read(Image.open(path).convert("RGB")).text.upper().split())
        true = Counter(word for text in texts for word in text.upper().split())
        right, words = right + (read & true).total(), words + read.total() + true.total()
    return 2 * right / max(1, words)


def own_detection(learned: Mapping[str, Learned], paths: Sequence[Path], truths: Sequence[Sequence[str]]) -> None:
    """The word F1 of whole pages by the wheel's recogniser and by each that was learned, as versions that the engine loads."""
    print(
        f"\nWith our own detection, word F1 on {len(paths)} pages: nothing {page_f1(paths, truths, None):.4f}", end=""
    )
    for name, one in learned.items():
        with tempfile.TemporaryDirectory() as folder:
            write_version(Path(folder), one.graph.with_head(one.head), one.head.alphabet)
            reader = Recogniser.load(Path(folder), "reader-1")
            print(f"; {name} {page_f1(paths, truths, reader):.4f}", end="", flush=True)
    print()


def trained(graph: Graph, lines: Sequence[SeenLine], known: GeneralSeen, how: Options) -> tuple[Learned, str]:
    """What was learned, and the seconds it took, with those of the gate: wall and of all cores."""
    wall, cores = time.perf_counter(), time.process_time()
    learned = learn_seen(graph, lines, known, Order("reader-1", options=how))
    return learned, f"{time.perf_counter() - wall:.0f} / {time.process_time() - cores:.0f}"


def asked() -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="the folder with labels.jsonl and images/")
    parser.add_argument("--cache", type=Path, required=True, help="where features are kept")
    parser.add_argument("--train", type=int, nargs="*", default=[50, 300], help="receipts to learn from")
    parser.add_argument("--test", type=int, default=60, help="receipts to test on")
    parser.add_argument("--pages", type=int, default=30, help="of these, pages read with our own detection, too")
    parser.add_argument(
        "--whole",
        action="store_true",
        help="train all behind the convolutions, not the last layer alone; no Hebrew then",
    )
    parser.add_argument("--minutes", type=float, default=10, help="that this may take")
    parser.add_argument("--threads", type=int, default=2, help="of torch")
    parser.add_argument("--parts", nargs="*", default=list(PARTS), choices=PARTS, help="which lines are learned from")
    return parser.parse_args()


def main() -> None:
    options = asked()
    how = Options(whole=WholeOptions(options.minutes) if options.whole else None)
    if options.whole:
        import torch

        torch.set_num_threads(options.threads)
    options.cache.mkdir(parents=True, exist_ok=True)
    rows = [json.loads(line) for line in (options.folder / "labels.jsonl").read_text("utf-8").splitlines()]
    order = np.random.default_rng(SEED).permutation(len(rows))

    graph = Graph(wheel_recogniser())
    reader = FeatureReader(graph)
    begin = time.process_time()
    wanted = [rows[i] for i in order[: options.test + max(options.train, default=0)]]
    receipts = [seen_receipt(options.folder, row, reader, options.cache, options.whole) for row in wanted]
    test, rest = receipts[: options.test], receipts[options.test :]
    print(f"Features: {time.process_time() - begin:.0f} s of all cores, less what was kept.", flush=True)
    known, foreign = see_general(reader), seen(reader, general(300, SEED))

    print(f"\n{sum(len(one.lines) for one in test)} lines of {len(test)} receipts test.\n")
    print(
        "| learned from | lines | s wall / cpu | word F1 | CER | lines exact | fields exact | general CER | foreign CER |"
    )
    print("|---|---|---|---|---|---|---|---|---|")

    def show(name: str, body: Graph, head: Head, lines: int, seconds: str) -> None:
        judging, abroad, tests = known.judging, foreign, test
        if body is not graph:
            judging, abroad, tests = seen_by(body, judging), seen_by(body, abroad), through(body, tests)
        others = f"{cer(head, judging):.4f} | {cer(head, abroad):.4f}"
        print(f"| {name} | {lines} | {seconds} | {score(head, tests)} | {others} |", flush=True)

    show("nothing", graph, graph.head, 0, "-")
    verdicts: list[str] = []
    kept: dict[str, Learned] = {}
    for count in options.train:
        for name in options.parts:
            part = rest[:count]
            lines = [line for one in part for line in (one.lines if name == PARTS[0] else one.field_lines)]
            learned, seconds = trained(graph, lines, known, how)
            show(f"{count} receipts, {name}", learned.graph, learned.head, learned.learned, seconds)
            kept[f"{count} receipts, {name}"] = learned
            verdicts.append(f"- {count}, {name}: {learned.verdict.sentence}")
    if not options.whole:
        own, unseen = seen(reader, hebrew(60, 1)), seen(reader, hebrew(60, 2))
        learned, seconds = trained(graph, own, known, how)
        show("60 Hebrew lines", graph, learned.head, learned.learned, seconds)
        print(f"\nHebrew, 60 unseen lines: CER {cer(graph.head, unseen):.4f} -> {cer(learned.head, unseen):.4f}")
        verdicts.append(f"- Hebrew: {learned.verdict.sentence}")
    shown = wanted[: min(options.pages, options.test)]
    if shown:
        truths = [[line["text"] for line in row["lines"]] for row in shown]
        own_detection(kept, [options.folder / row["image"] for row in shown], truths)
    print("\nThe gate:\n" + "\n".join(verdicts))


if __name__ == "__main__":
    main()
