"""Measures every OCR engine and runtime on scanned receipts against plain RapidOCR as it comes, and prints a Markdown table.

    python benchmarks/ocr.py SROIE_FOLDER [--pages 100] [--variant NAME ...]

Each variant runs in a process of its own, so that its memory is its own. The variants take turns, a few pages each, so that a
machine that slows down slows all of them, and the ratios hold. Which pages are read follows from their number alone.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import resource
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import count
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from PIL import Image
from rapidfuzz.distance import Levenshtein

TURN = 6  # pages of one turn
Reader = Callable[[Path], str]
Clock = Callable[[], float]
PLAIN = "plain RapidOCR, as it comes"


@dataclass
class Turn:
    """What a variant answers for one turn: the text of each page, and what reading them cost in seconds."""

    texts: list[str]
    wall: float
    cpu: float
    engine: float  # of the wall time, inside detection and recognition; 0 where that is not measured
    memory: int  # bytes, the most so far


@dataclass
class Score:
    """Counts over all pages of one variant."""

    pages: int = 0
    right: int = 0
    read: int = 0
    true: int = 0
    edits: int = 0
    characters: int = 0
    wall: float = 0.0
    cpu: float = 0.0
    engine: float = 0.0
    memory: int = 0

    def add(self, turn: Turn, truths: list[str]) -> None:
        for text, truth in zip(turn.texts, truths, strict=True):
            read, true = Counter(text.upper().split()), Counter(truth.upper().split())
            self.pages += 1
            self.right += (read & true).total()
            self.read += read.total()
            self.true += true.total()
            a, b = " ".join(text.upper().split()), " ".join(truth.upper().split())
            self.edits += Levenshtein.distance(a, b)
            self.characters += len(b)
        self.wall, self.cpu, self.engine = self.wall + turn.wall, self.cpu + turn.cpu, self.engine + turn.engine
        self.memory = max(self.memory, turn.memory)

    @property
    def f1(self) -> float:
        return 2 * self.right / max(1, self.read + self.true)


# -- what is compared ------------------------------------------------------------------------------------------------------


# Each makes a reader, with a folder for its cache, and a clock of the seconds spent in detection and recognition so far.


def plain(folder: Path) -> tuple[Reader, Clock]:
    from rapidocr import RapidOCR

    ocr = RapidOCR(params={"Global.log_level": "critical"})

    def read(path: Path) -> str:
        return "\n".join(ocr(str(path)).txts or ())

    return read, lambda: 0.0


def ours(chain: str, runtime: str, concurrency: int, folder: Path) -> tuple[Reader, Clock]:
    from ml_backend.document.elements import Word
    from ml_backend.ocr import rapidocr
    from ml_backend.ocr.cache import PageCache
    from ml_backend.ocr.pool import OCRPool
    from ml_backend.ocr.registry import create_engine
    from ml_backend.ocr.runtime import Networks

    inside: list[float] = []
    number = count()
    read_words = rapidocr.read_words

    def timed(image: Image.Image, networks: Networks) -> list[Word]:
        begin = time.perf_counter()
        try:
            return read_words(image, networks)
        finally:
            inside.append(time.perf_counter() - begin)

    rapidocr.read_words = timed
    pool = OCRPool(create_engine(chain, runtime=runtime), concurrency, PageCache(folder, 2**30))

    def read(path: Path) -> str:
        with Image.open(path) as image:
            return pool.read(image.convert("RGB"), f"{path} {next(number)}").text  # never from the cache

    return read, lambda: sum(inside)


VARIANTS: dict[str, tuple[Callable[[Path], tuple[Reader, Clock]], int]] = {
    PLAIN: (plain, 1),
    "docloop, ONNX Runtime, 1 page at a time": (partial(ours, "rapidocr", "onnxruntime", 1), 1),
    "docloop, ONNX Runtime, 2 pages": (partial(ours, "rapidocr", "onnxruntime", 2), 2),
    "docloop, OpenVINO, 1 page at a time": (partial(ours, "rapidocr", "openvino", 1), 1),
    "docloop, OpenVINO, 2 pages": (partial(ours, "rapidocr", "openvino", 2), 2),
    "docloop, Tesseract, 1 page at a time": (partial(ours, "tesseract", "auto", 1), 1),
}


def serve(name: str, wire: Connection) -> None:
    """The child process: reads the pages it is sent, turn by turn, until it is sent none."""
    make, concurrency = VARIANTS[name]
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(concurrency) as callers:
        read, engine_seconds = make(Path(folder))
        while paths := wire.recv():
            inside, wall, cpu = engine_seconds(), time.perf_counter(), time.process_time()
            texts = list(callers.map(read, paths))
            turn = Turn(texts, time.perf_counter() - wall, time.process_time() - cpu, engine_seconds() - inside, 0)
            turn.memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
            wire.send(turn)


# -- the run ---------------------------------------------------------------------------------------------------------------


def chosen(folder: Path, pages: int) -> list[dict[str, Any]]:
    """``pages`` receipts spread evenly over the file, the same ones every time."""
    rows = [json.loads(line) for line in (folder / "labels.jsonl").read_text("utf-8").splitlines()]
    pages = min(pages, len(rows))
    return [rows[i * len(rows) // pages] for i in range(pages)]


def turns(rows: list[dict[str, Any]], folder: Path) -> Iterator[tuple[list[Path], list[str]]]:
    for start in range(0, len(rows), TURN):
        part = rows[start : start + TURN]
        yield [folder / row["image"] for row in part], [" ".join(line["text"] for line in row["lines"]) for row in part]


def run(names: list[str], rows: list[dict[str, Any]], folder: Path) -> dict[str, Score]:
    context = multiprocessing.get_context("spawn")
    scores: dict[str, Score] = {name: Score() for name in names}
    wires: dict[str, Connection] = {}
    children = []
    for name in names:
        wires[name], theirs = context.Pipe()
        children.append(context.Process(target=serve, args=(name, theirs), daemon=True))
        children[-1].start()
        wires[name].send([folder / rows[0]["image"]])  # loads the networks, and is not counted
        wires[name].recv()
    for number, (paths, truths) in enumerate(turns(rows, folder)):
        order = names[number % len(names) :] + names[: number % len(names)]
        for name in order:
            wires[name].send(paths)
            scores[name].add(wires[name].recv(), truths)
    for wire in wires.values():
        wire.send([])
    for child in children:
        child.join()
    return scores


def table(scores: dict[str, Score]) -> str:
    base = scores.get(PLAIN)
    lines = [
        "| variant | s/page | times plain | CPU s/page | precision | recall | F1 | CER | memory GB | around the engine |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for name, s in scores.items():
        around = f"{s.wall / s.engine - 1:.1%}" if s.engine and "1 page" in name else "-"
        times = f"{base.wall / base.pages / (s.wall / s.pages):.2f}" if base else "-"
        lines.append(
            f"| {name} | {s.wall / s.pages:.2f} | {times} | {s.cpu / s.pages:.2f} "
            f"| {s.right / max(1, s.read):.3f} | {s.right / s.true:.3f} | {s.f1:.4f} | {s.edits / s.characters:.3f} "
            f"| {s.memory / 2**30:.2f} | {around} |"
        )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="the folder with labels.jsonl and images/")
    parser.add_argument("--pages", type=int, default=100)
    parser.add_argument("--variant", action="append", choices=list(VARIANTS), help="only this one; may be repeated")
    options = parser.parse_args()
    rows = chosen(options.folder, options.pages)
    print(f"{len(rows)} receipts, {multiprocessing.cpu_count()} cores\n", flush=True)
    print(table(run(options.variant or list(VARIANTS), rows, options.folder)))


if __name__ == "__main__":
    main()
