"""Speed of layout models: training against a plain transformers script at the same settings, and answers through ONNX Runtime.

    python benchmarks/layout.py [--family layoutlmv3|lilt] [--size base|small|tiny] [--pictures] [--steps 60] [--batch 8]
        [--threads 1]

Weights are random: speed does not depend on them. Each document is a page of made-up receipts that fits into one window of 512
tokens. Training is timed between the fifth step and the last, ours and the plain one in the same process, one after the other,
twice; on a GPU where there is one (bf16), else on the CPU; ``--steps 0`` leaves it out. With ``--pictures`` LayoutLMv3 also looks
at the pages, as it does when it begins with a base model: 197 more places a window. Answers for full windows are timed on the CPU
with ``--threads`` threads, in float and in int8, and on the GPU if ONNX Runtime has one. Prints a Markdown table for REPORT.md.
"""

from __future__ import annotations

import argparse
import platform
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from made_receipts import SPECS, made_receipt  # noqa: E402
from PIL import Image, ImageDraw  # noqa: E402

from ml_backend.document.elements import Document, Page  # noqa: E402
from ml_backend.document.fields import Field  # noqa: E402
from ml_backend.document.geometry import Box, Quad  # noqa: E402
from ml_backend.document.samples import Sample  # noqa: E402
from ml_backend.images.squeezed import squeezed  # noqa: E402
from ml_backend.models.layout_model.encoding import as_batch, encode  # noqa: E402
from ml_backend.models.layout_model.onnx_model import MODEL, OnnxNetwork  # noqa: E402
from training.trainers.layout_model.examples import collator, data_set, labels_of  # noqa: E402
from training.trainers.layout_model.export import export_onnx, quantise  # noqa: E402
from training.trainers.layout_model.fitting import Task, arguments_of, fit_network  # noqa: E402
from training.trainers.layout_model.options import LayoutTraining  # noqa: E402
from training.trainers.layout_model.page_pictures import PagePictures  # noqa: E402
from training.trainers.layout_model.scratch import from_scratch  # noqa: E402

WARM = 5  # steps that are not timed
RECEIPTS = 7  # made-up ones on a page, side by side and one below the other


def page_of_receipts(number: int, receipts: int = RECEIPTS) -> Sample:
    """A page with the words of several made-up receipts, and the fields of the first."""
    words, fields = [], list[Field]()
    rows = (receipts + 1) // 2
    for at in range(receipts):
        receipt = made_receipt(1000 * at + number)
        for word in receipt.document.pages[0].words:
            box = word.box
            left, top = (at % 2) / 2, (at // 2) / rows
            small = Box.clipped(
                left + box.left / 2, top + box.top / rows, left + box.right / 2, top + box.bottom / rows
            )
            words.append(replace(word, quad=Quad.of_box(small), line=word.line + 100 * at))
    page = Page(1200, 1800, tuple(words), "made", picture=drawn([word.box for word in words]))
    for field in made_receipt(number).fields:
        fields.append(replace(field, box=page.box_of(field.words)))
    return Sample(f"page {number}", Document((page,)), tuple(fields))


def drawn(boxes: list[Box]) -> bytes:
    """A page with a dark bar for each word, as it is kept."""
    image = Image.new("RGB", (1200, 1800), "white")
    draw = ImageDraw.Draw(image)
    for box in boxes:
        draw.rectangle((1200 * box.left, 1800 * box.top, 1200 * box.right, 1800 * box.bottom), fill=(40, 40, 40))
    return squeezed(image)


def timed(run: Callable[[Callable[[int], None]], None]) -> float:
    """Seconds a step of ``run``, which tells when a step is done."""
    times: list[float] = []
    run(lambda step: times.append(time.perf_counter()))
    return (times[-1] - times[WARM]) / (len(times) - 1 - WARM)


def train_ours(opened: Any, labels: tuple[str, ...], task: Task, options: LayoutTraining) -> float:
    def run(done: Callable[[int], None]) -> None:
        last = [0.0]

        def progress(stage: str, share: float) -> None:
            if share > last[0]:
                last[0] = share
                done(round(share * options.max_steps))

        fit_network(lambda: opened.network(labels), task, options, progress)

    return timed(run)


def train_plain(opened: Any, labels: tuple[str, ...], task: Task, options: LayoutTraining) -> float:
    """The same network, data and arguments in transformers' Trainer, with nothing of ours: its own loss, rows in memory."""
    from transformers import Trainer, TrainerCallback
    from transformers.trainer_callback import PrinterCallback

    def run(done: Callable[[int], None]) -> None:
        class Told(TrainerCallback):
            def on_step_end(self, args: Any, state: Any, control: Any, **more: Any) -> None:
                done(state.global_step)

        trainer = Trainer(
            model=opened.network(labels),
            args=arguments_of(task, options),
            train_dataset=list(task.train),
            data_collator=collator(task.pad, task.pictures),
            callbacks=[Told()],
        )
        trainer.remove_callback(PrinterCallback)
        trainer.train()

    return timed(run)


def answers(network: Any, windows: list[Any], opened: Any, at_once: int) -> tuple[float, float]:
    """CPU seconds and wall seconds a window of full length, the best of five rounds."""
    longest = sorted(windows, key=lambda window: -len(window.ids))
    batch = as_batch(longest[:at_once], opened.shape.pad, opened.look)
    network.logits(batch)
    rounds = []
    for _ in range(5):
        cpu, wall = time.process_time(), time.perf_counter()
        network.logits(batch)
        rounds.append(((time.process_time() - cpu) / at_once, (time.perf_counter() - wall) / at_once))
    return min(rounds)


def rows(arguments: argparse.Namespace) -> Iterator[tuple[str, str]]:
    """The lines of the table."""
    import torch

    samples = [page_of_receipts(number) for number in range(64)]
    options = LayoutTraining(
        from_scratch=arguments.size,
        scratch_family=arguments.family,
        pictures=arguments.pictures,
        max_steps=arguments.steps,
        batch_size=arguments.batch,
        accumulate=1,
        look_every=10**6,
        threads=arguments.threads,
    )
    gpu = torch.cuda.is_available()
    torch.set_num_threads(arguments.threads)
    opened = from_scratch(options, [sample.document for sample in samples])
    labels = labels_of(samples, SPECS)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        pictures = PagePictures.of(samples, opened.look, folder / "data") if opened.look else None
        train = data_set(samples, opened.words, opened.shape, labels, folder / "data", pictures)
        yield "card", torch.cuda.get_device_name() if gpu else f"none; {platform.processor() or platform.machine()}"
        tokens = sum(len(row["input_ids"]) for row in train) / len(train)
        yield "windows a document, tokens a window", f"{len(train) / len(samples):.2f}, {tokens:.0f}"
        for again in (1, 2) if arguments.steps else ():
            task = Task(folder / f"ours-{again}", train, None, 1 + 2 * len(labels), opened.shape.pad, again, pictures)
            ours = train_ours(opened, labels, task, options)
            plain = train_plain(opened, labels, replace(task, folder=folder / f"plain-{again}"), options)
            yield f"training, steps/s ours / plain ({again})", f"{1 / ours:.2f} / {1 / plain:.2f} ({plain / ours:.2f}x)"
            yield f"training, documents/s ({again})", f"{arguments.batch / ours:.1f}"
        network = opened.network(labels).eval()
        full = [page_of_receipts(number, 2 * RECEIPTS).document for number in range(16)]
        windows = [window for document in full for window in encode(document, opened.words, opened.shape)]
        (folder / "int8").mkdir()
        export_onnx(network, folder / MODEL, options.length)
        quantise(folder / MODEL, folder / "int8" / MODEL)
        for kind, path in (("float", folder / MODEL), ("int8", folder / "int8" / MODEL)):
            session = OnnxNetwork(path, 1 + 2 * len(labels), arguments.threads)
            at_once = 32 if session.on_gpu else 1
            cpu, wall = answers(session, windows, opened, at_once)
            where = "GPU" if session.on_gpu else f"{arguments.threads} thread(s)"
            size = path.stat().st_size / 1e6
            long = max(len(window.ids) for window in windows)
            yield (
                f"answer of a window of {long} tokens, {kind}, {where}",
                f"{cpu:.3f} s CPU, {wall:.3f} s, file {size:.0f} MB",
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--family", default="layoutlmv3", choices=("layoutlmv3", "lilt"))
    parser.add_argument("--size", default="base", choices=("base", "small", "tiny"))
    parser.add_argument("--pictures", action="store_true")
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    looks = " with pictures" if arguments.pictures else ""
    print(f"| {arguments.family} {arguments.size}{looks}, windows of 512, {arguments.batch} a step | |\n|---|---|")
    for what, figure in rows(arguments):
        print(f"| {what} | {figure} |", flush=True)


if __name__ == "__main__":
    main()
