"""What a large project costs docloop beside a real Label Studio: the first look, an idle look, a push, the ranking, the memory.

    python benchmarks/scale.py [--tasks 10000] [--annotated 300] [--fake]

Fills a fresh Label Studio (``--fake``: the one of the tests, for a quick run with fewer tasks) with tasks that carry a prediction
of 20 regions, some of them annotated, and looks at it with docloop's own parts on SQLite. "Ours" is what remains of a time when
the seconds inside requests to Label Studio are taken away. The words of the pages are in memory: reading is benchmarks/ocr.py's.
Prints a Markdown table for REPORT.md.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import httpx

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from loop_parts import CONFIG, INTERFACE, made_predictor  # noqa: E402
from made_receipts import SPECS, made_receipt  # noqa: E402

from benchmarks.ranking import made_up_signals, made_up_signatures  # noqa: E402
from ml_backend.batches import BatchPredictor  # noqa: E402
from ml_backend.document.fields import Field, Prediction  # noqa: E402
from ml_backend.document.geometry import Box  # noqa: E402
from ml_backend.label_studio.changes import predictions  # noqa: E402
from ml_backend.label_studio.client import LabelStudio  # noqa: E402
from ml_backend.label_studio.results import to_prediction_body, to_results  # noqa: E402
from ml_backend.label_studio.tasks import Task  # noqa: E402
from ml_backend.ocr.fake import FakeEngine  # noqa: E402
from ml_backend.services import Services, build_services, make_baseline  # noqa: E402
from ml_backend.settings import load_settings  # noqa: E402
from ml_backend.store.records import PredictionRecord  # noqa: E402
from training.look import look  # noqa: E402
from training.pauses import Pauses  # noqa: E402
from training.push_job import Pusher  # noqa: E402

REGIONS = 20
PUSHED = 1000
RANKED = 100_000
LEGACY = "legacy-token-123"  # the token of the Label Studio of the tests


@dataclass
class Requests(httpx.BaseTransport):
    """The network, with a count of the requests and of the seconds that Label Studio took to answer."""

    inner: httpx.HTTPTransport = field(default_factory=httpx.HTTPTransport)
    seconds: float = 0.0
    imports: float = 0.0
    count: int = 0

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        began = time.perf_counter()
        answer = self.inner.handle_request(request)
        answer.read()
        took = time.perf_counter() - began
        self.seconds += took
        self.imports += took if request.url.path.endswith("/import/predictions") else 0.0
        self.count += 1
        return answer

    def close(self) -> None:
        self.inner.close()


class Access:
    """The one client of this benchmark, in place of an address and a token."""

    def __init__(self, client: LabelStudio) -> None:
        self._client = client

    def client(self) -> LabelStudio:
        return self._client

    def close(self) -> None:
        self._client.close()


@dataclass
class Bench:
    """Measures pieces of work, and prints a row for each."""

    requests: Requests

    def measure(self, what: str, asked: str, work: Callable[[], Any]) -> Any:
        before, count, began = self.requests.seconds, self.requests.count, time.perf_counter()
        done = work()
        total = time.perf_counter() - began
        theirs = self.requests.seconds - before
        made = self.requests.count - count
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(
            f"| {what} | {total:.2f} | {theirs:.2f} | {total - theirs:.2f} | {made} | {memory:.0f} | {asked} |",
            flush=True,
        )
        return done


@contextmanager
def fake_label_studio() -> Iterator[tuple[str, str]]:
    """The Label Studio of the tests, in a process of its own."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=serve_fake, args=(theirs,))
    process.start()
    try:
        yield ours.recv(), LEGACY
    finally:
        ours.send("stop")
        process.join()


def serve_fake(pipe: Connection) -> None:
    from fake_label_studio import FakeLabelStudio
    from served_label_studio import served

    with served(FakeLabelStudio()) as url:
        pipe.send(url)
        pipe.recv()


@contextmanager
def real_label_studio(folder: Path, port: int) -> Iterator[tuple[str, str]]:
    from docloop.label_studio_login import personal_access_token, stored_login
    from docloop.label_studio_server import LabelStudioServer

    login = stored_login(folder)
    with LabelStudioServer(ROOT / ".label-studio", folder, login, port) as server:
        yield server.url, personal_access_token(server.url, login, folder)


def fill(url: str, token: str, tasks: int, annotated: int) -> int:
    """A project with so many tasks, a prediction of 20 regions each, some of them annotated; its number.

    All but 1,000 of the predictions are of docloop's version.
    """
    client = LabelStudio(url, token, timeout=600)
    project = client.create_project("Scale", CONFIG).id
    ids: list[int] = []
    for part in parts(range(tasks), 5000):
        ids += client.import_tasks(project, [{"data": {"image": str(seed)}} for seed in part])
    current = frozenset(ids[:-PUSHED])
    for some in parts(ids, 2000):
        bodies = [many_regions(task, version() if task in current else "other-1") for task in some]
        assert client.import_predictions(project, bodies) == len(some)
    for some in parts(ids[:annotated], 100):
        shown = {body["task"]: identity for identity, body in predictions(client, project, some).items()}
        for task in some:
            truth = made_receipt(task - ids[0]).fields
            result = to_results(Prediction(truth, ((600, 900),), 1.0, ""), INTERFACE, task)
            body = {"result": result, "lead_time": 7.5, "parent_prediction": shown[task]}
            client.call("POST", f"api/tasks/{task}/annotations/", body=body)
    client.close()
    return project


def version() -> str:
    """The version of docloop's first predictions for the project."""
    return f"{make_baseline('').version}.{INTERFACE.fingerprint}"


def many_regions(task: int, by: str) -> dict[str, Any]:
    """A prediction of 20 regions."""
    fields = tuple(
        Field(SPECS[n % len(SPECS)].label, f"TEXT {n}", Box(0.1, 0.04 * n, 0.4, 0.04 * n + 0.03), confidence=0.9)
        for n in range(REGIONS)
    )
    return {"task": task, **to_prediction_body(Prediction(fields, ((600, 900),), 0.5, by), INTERFACE, task)}


def parts(items: Sequence[int], size: int) -> Iterator[list[int]]:
    return (list(items[start : start + size]) for start in range(0, len(items), size))


def push(bench: Bench, services: Services, project_id: int) -> None:
    """Predict what lacks the version; then push what is in the predictor's memory by then, and push when nothing is lacking."""
    client = services.access.client()
    project = client.project(project_id)
    tasks = [Task(row.id, row.data) for row in client.tasks(project_id, lacking=version())]
    know_the_others(services, project.uid, {task.id for task in tasks})
    predict = services.batches.predict_all
    bench.measure(f"{len(tasks)} predictions from words", "", lambda: predict(tasks, INTERFACE, project.uid))
    pusher = Pusher(services)
    imports = bench.requests.imports
    pushed = bench.measure(f"push of {len(tasks)} predictions", "5 in all", lambda: pusher.push(project_id).pushed)
    print(f"| - of it their import | | {bench.requests.imports - imports:.2f} | | | | |", flush=True)
    assert pushed == len(tasks), pushed
    bench.measure("idle push", "", lambda: pusher.push(project_id))


def know_the_others(services: Services, uid: str, lacking: set[int]) -> None:
    """The store knows of the predictions that were filled in, as if docloop had pushed them."""
    others = [number for task, (number, *_) in services.store.documents.ids(uid).items() if task not in lacking]
    services.store.predictions.put_many(
        [PredictionRecord(number, version(), 0.5, 0.5, (), (), 1, (), (), time.time()) for number in others]
    )


def rank() -> None:
    import numpy as np

    from active_learning.criteria import assess
    from active_learning.ranking import order, separated
    from active_learning.spreading import spread

    chance = np.random.default_rng(1)
    ids = range(RANKED)
    signals = list(made_up_signals(RANKED, chance))
    signatures = made_up_signatures(RANKED, chance)
    scores = chance.random(RANKED).tolist()
    began, before = time.perf_counter(), time.process_time()
    raised = spread(scores, signatures, ids)
    for one in signals:
        assess(one)
    order([separated(score, task) for score, task in zip(raised, ids, strict=True)], ids)
    total, ours = time.perf_counter() - began, time.process_time() - before
    print(f"| ranking of {RANKED:,} predictions (ours: processor time) | {total:.2f} | | {ours:.2f} | | | 5 in all |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", type=int, default=10_000)
    parser.add_argument("--annotated", type=int, default=300)
    parser.add_argument("--fake", action="store_true")
    parser.add_argument("--port", type=int, default=18098)
    options = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        there = fake_label_studio() if options.fake else real_label_studio(folder, options.port)
        url, token = stack.enter_context(there)
        began = time.perf_counter()
        with multiprocessing.get_context("spawn").Pool(1) as other:  # its memory is not ours
            project = other.apply(fill, (url, token, options.tasks, options.annotated))
        print(
            f"{options.tasks} tasks, {options.annotated} annotated, in {time.perf_counter() - began:.0f} s\n",
            flush=True,
        )
        run(url, token, project, folder / "data")


def run(url: str, token: str, project: int, folder: Path) -> None:
    requests = Requests()
    settings = load_settings({}, data_dir=folder, label_studio_url=url)
    services = build_services(settings, engine=FakeEngine([]))
    services.access = Access(LabelStudio(url, token, transport=requests))  # type: ignore[assignment]
    services.batches.close()
    services.batches = BatchPredictor(made_predictor(services), workers=2)
    bench = Bench(requests)
    print("| what | s | of it Label Studio | ours | requests | peak MB so far | asked for, s |")
    print("|---|---|---|---|---|---|---|")
    bench.measure("start: parts, store", "", lambda: services.store.projects.all())
    first = bench.measure("first look", "ours 90", lambda: look(services, project, Pauses(time.monotonic)))
    bench.measure("idle look", "1", lambda: look(services, project, Pauses(time.monotonic)))
    bench.measure("look with a sweep", "", lambda: look(services, project, Pauses(time.monotonic), sweep=True))
    push(bench, services, project)
    bench.measure("idle look after it", "1", lambda: look(services, project, Pauses(time.monotonic)))
    services.close()
    print(f"\n{first.reconciled}; {first.samples.made} samples. Memory asked for: 500 MB.\n")
    rank()


if __name__ == "__main__":
    main()
