"""What more workers bring, and what sharing a push costs: direct path and batches over the database, 1, 2 and 4 workers.

    python benchmarks/workers.py SROIE_DIR [--pages 36] [--repeats 3] [--store URL]

Each worker is a process on a data folder of its own, with one OCR thread; the database is a SQLite file, or ``--store``. Label
Studio takes no part: what is measured is how fast predictions come to the worker that would import them. Direct and shared path
take turns, so that a machine that slows down slows both. An engine that only waits, ``--seconds`` a page, shows what sharing
costs where cores are short: it needs next to none. ``--pages 0`` leaves the real one out. Prints Markdown tables for REPORT.md.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.synchronize import Event
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from loop_parts import CONFIG, INTERFACE, made_predictor  # noqa: E402

from benchmarks.backend import image_server  # noqa: E402
from ml_backend.batches import BatchPredictor  # noqa: E402
from ml_backend.document.fields import Prediction  # noqa: E402
from ml_backend.label_studio.tasks import Task  # noqa: E402
from ml_backend.ocr.fake import FakeEngine  # noqa: E402
from ml_backend.services import Services, build_services  # noqa: E402
from ml_backend.settings import Settings, load_settings  # noqa: E402
from ml_backend.store.records import DocumentRecord, ProjectRecord  # noqa: E402
from training.fan_out import BATCH, FanOut  # noqa: E402
from training.helping import Helper  # noqa: E402
from training.outcomes import outcome_from_json, outcome_to_json  # noqa: E402
from training.push import AT_ONCE, answered_here  # noqa: E402
from training.ranking import observer, thresholds  # noqa: E402

UID = "1.1"
FOREVER = 86_400.0  # seconds
DAY = "2026-01-01T00:00:00Z"


@dataclass(frozen=True, slots=True)
class Cost:
    """Seconds by the clock, and of the processor in this process (not those of the children that decode pages)."""

    wall: float
    processor: float


@dataclass(frozen=True, slots=True)
class Bench:
    """The worker that leads, and its project of ``tasks``."""

    services: Services
    tasks: Sequence[Task]

    @classmethod
    def of(cls, services: Services, images: Sequence[str]) -> Bench:
        store = services.store
        store.projects.put(ProjectRecord(UID, 1, label_config=CONFIG, fingerprint=INTERFACE.fingerprint))
        store.documents.remove({found[0] for found in store.documents.ids(UID).values()})
        tasks = [Task(number, {"image": image}) for number, image in enumerate(images, 1)]
        store.documents.put_many(UID, [DocumentRecord(0, UID, task.id, DAY, DAY, task.data) for task in tasks])
        return cls(services, tasks)

    def direct(self) -> int:
        """As a worker alone does it."""
        done = 0
        for start in range(0, len(self.tasks), AT_ONCE):
            some = self.tasks[start : start + AT_ONCE]
            done += predicted(answered_here(self.services.batches, some, INTERFACE, UID))
        return done

    def shared(self) -> int:
        """Over the tables, with whoever has a worker's lease."""
        fan_out = FanOut(self.services.store, self.services.batches, INTERFACE, UID, "worker-leader")
        version = self.services.predictor.version(INTERFACE, UID)
        done = sum(predicted(answered) for answered in fan_out.answers(self.tasks, version))
        self.services.store.push_batches.clear(UID)
        return done

    def timed(self, path: Callable[[], int]) -> Cost:
        """What all tasks take, none of which is remembered."""
        self.services.forget_answers()
        self.services.pool.keep_only(())
        wall, processor = time.perf_counter(), time.process_time()
        done = path()
        took = Cost(time.perf_counter() - wall, time.process_time() - processor)
        if done != len(self.tasks):
            raise SystemExit(f"{len(self.tasks) - done} of {len(self.tasks)} documents were not predicted")
        return took

    def compare(self, repeats: int) -> tuple[list[Cost], list[Cost]]:
        """(direct, shared), taking turns in changing order; a lease of nobody makes the leader share with itself."""
        self.services.store.leases.take("worker-nobody", "nobody", time.time(), FOREVER)
        found: tuple[list[Cost], list[Cost]] = [], []
        for turn in range(repeats):
            for which in (0, 1) if turn % 2 else (1, 0):
                found[which].append(self.timed((self.direct, self.shared)[which]))
        self.services.store.leases.release("worker-nobody", "nobody")
        return found


def predicted(answered: Sequence[tuple[Task, object]]) -> int:
    return sum(isinstance(outcome, Prediction) for _, outcome in answered)


def settings_of(folder: Path, store: str, images: str) -> Settings:
    given = {"allowed_hosts": images, "store_url": store, "ocr_concurrency": "1", "ocr_threads": "1"}
    return load_settings({f"DOCLOOP_{name.upper()}": value for name, value in given.items()}, data_dir=folder)


def built(settings: Settings, seconds: float) -> Services:
    """The parts of a worker, its engine loaded; with ``seconds`` one that waits so long a page and finds nothing."""
    waiting = FakeEngine(answer=lambda image: time.sleep(seconds) or ()) if seconds else None
    services = build_services(settings, waiting, observe=observer(thresholds(settings)))
    services.pool.engine.read(Image.new("RGB", (600, 800), "white"))
    return services


def help_with(folder: str, store: str, images: str, seconds: float, ready: Event, stop: Event) -> None:
    """A worker's process, as far as it helps."""
    services, name = built(settings_of(Path(folder), store, images), seconds), f"worker-{Path(folder).name}"
    services.store.leases.take(name, name, time.time(), FOREVER)
    ready.set()
    over = threading.Event()
    threading.Thread(target=lambda: (stop.wait(), over.set()), daemon=True).start()
    Helper(services, lambda uid: False, threading.Semaphore()).run(over)
    services.store.leases.release(name, name)
    services.close()


@contextmanager
def helpers(count: int, settings: Settings, images: str, seconds: float) -> Iterator[None]:
    """So many further workers."""
    spawn = multiprocessing.get_context("spawn")
    stop = spawn.Event()
    started = []
    for number in range(count):
        ready = spawn.Event()
        folder = settings.data_dir.with_name(f"helper-{seconds}-{count}-{number}")  # a new one: nothing read
        store = settings.store_url.get_secret_value()
        process = spawn.Process(target=help_with, args=(str(folder), store, images, seconds, ready, stop))
        process.start()
        started.append((process, ready))
    try:
        if not all(ready.wait(120) for _, ready in started):
            raise SystemExit("a worker did not start")
        yield
    finally:
        stop.set()
        for process, _ in started:
            process.join(60)


def tables_alone(bench: Bench) -> float:
    """Seconds a document that posting, claiming, answering and gathering take, with predictions that are ready."""
    store, version = bench.services.store, bench.services.predictor.version(INTERFACE, UID)
    (made,) = bench.services.batches.predict_all(bench.tasks[:1], INTERFACE, UID)
    if not isinstance(made, Prediction):
        raise SystemExit("the first document could not be predicted")
    ids = [found[0] for found in store.documents.ids(UID).values()]
    began = time.perf_counter()
    store.push_batches.post(UID, version, [ids[start : start + BATCH] for start in range(0, len(ids), BATCH)])
    while claim := store.push_batches.claim(UID, version, "one", time.time(), 60.0):
        outcomes = {one.id: outcome_to_json(made, one.data) for one in claim.documents}
        store.push_batches.answer(claim.batch, "one", outcomes)
        for outcome, one in zip(
            store.push_batches.answered([claim.batch])[claim.batch].values(), claim.documents, strict=True
        ):
            if outcome_from_json(outcome, one.data) is None:
                raise SystemExit("a prediction did not come back")
        store.push_batches.drop([claim.batch])
    return (time.perf_counter() - began) / len(ids)


def row(what: str, direct: list[Cost], shared: list[Cost], documents: int) -> str:
    """Medians, and of the pairs by how many per cent the shared path takes longer."""
    cells = []
    for seconds in (lambda cost: cost.wall, lambda cost: cost.processor):
        cells += [f"{1000 * statistics.median(map(seconds, costs)) / documents:.1f}" for costs in (direct, shared)]
        more = [100 * (seconds(two) / seconds(one) - 1) for one, two in zip(direct, shared, strict=True)]
        cells.append(f"{statistics.median(more):+.1f} ({min(more):+.1f} to {max(more):+.1f})")
    return f"| {what} | {' | '.join(cells)} |"


def by_workers(bench: Bench, counts: Sequence[int], images: str, seconds: float) -> None:
    """Print how many pages a second come with so many workers."""
    alone = 0.0
    for count in counts:
        with helpers(count - 1, bench.services.settings, images, seconds):
            took = bench.timed(bench.shared if count > 1 else bench.direct).wall
        alone = alone or took
        each = f"waiting, {seconds} s a page" if seconds else "reading"
        print(f"| {each} | {count} | {took:.1f} | {len(bench.tasks) / took:.2f} | {alone / took:.2f} |", flush=True)


def without_pages(settings: Settings, documents: int, repeats: int) -> None:
    """What sharing costs where a prediction costs hardly more."""
    services = built(settings, 1e-9)
    services.batches.close()
    services.batches = BatchPredictor(made_predictor(services), workers=3)
    bench = Bench.of(services, [str(number) for number in range(documents)])
    print(row("no pages, no OCR", *bench.compare(repeats), documents), flush=True)
    print(f"| the tables alone | | {1000 * tables_alone(bench):.2f} | | | | |", flush=True)
    services.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sroie", type=Path)
    parser.add_argument("--pages", type=int, default=36, help="receipts that are read")
    parser.add_argument("--waited", type=int, default=200, help="receipts that are only waited for")
    parser.add_argument("--seconds", type=float, default=0.25)
    parser.add_argument("--documents", type=int, default=800, help="without pages")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2, 4])
    parser.add_argument("--store", default="", help="the database; a SQLite file if empty")
    options = parser.parse_args()
    names = sorted(path.name for path in (options.sroie / "images").iterdir())
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the start\n")
    with image_server(options.sroie / "images") as images, tempfile.TemporaryDirectory() as folder:
        urls = [f"http://{images}/{name}" for name in names]
        store = options.store or f"sqlite:///{folder}/docloop.sqlite3"
        settings = settings_of(Path(folder, "leader"), store, images)
        stages = [(options.seconds, urls[: options.waited]), (0.0, urls[: options.pages])]
        stages = [(seconds, some) for seconds, some in stages if some]
        print("| one worker, ms a document | direct | shared | % more | processor: direct | shared | % more |")
        print("|---|---|---|---|---|---|---|")
        without_pages(settings, options.documents, options.repeats)
        for seconds, some in stages:
            services = built(settings, seconds)
            what = f"{len(some)} receipts" + (f", {seconds} s of waiting each" if seconds else ", read")
            print(row(what, *Bench.of(services, some).compare(options.repeats), len(some)), flush=True)
            services.close()
        print("\n| engine | workers | s | pages a second | times one |\n|---|---|---|---|---|")
        for seconds, some in stages:
            services = built(settings, seconds)
            by_workers(Bench.of(services, some), options.workers, images, seconds)
            services.close()
    print(f"\nload {os.getloadavg()[0]:.1f} at the end")


if __name__ == "__main__":
    main()
