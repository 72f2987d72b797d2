"""A project's documents: can their images be fetched and opened, and has Label Studio the predictions that docloop thinks it has.

Neither a document's text nor the name of its file is shown: the number of the task is enough to find it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import islice

from docloop.doctor.bench import Bench, Patient
from docloop.doctor.findings import Check, Found, Known, Level
from ml_backend.document.fields import Field
from ml_backend.errors import FetchRefused, ImageRejected, LabelStudioError
from ml_backend.images.loader import PageLoader
from ml_backend.label_studio.client import OPEN
from ml_backend.label_studio.fetch import Fetcher, FetchLimits
from ml_backend.label_studio.results import from_prediction_body
from ml_backend.label_studio.tasks import Task

_LOOKED_AT = 2000  # tasks in which kinds of storage are looked for
_COMPARED = 5  # predictions, of the documents that are asked first
_COUNTED = 100  # open tasks in which doubled predictions are looked for
_FETCH = FetchLimits(seconds=20.0)

KNOWN = {
    "image_not_fetched": Known(
        Level.FAULT,
        "images of one kind of storage cannot be fetched",
        "Tasks with them get an empty prediction.",
        "Read what was measured: {code}.",
    ),
    "image_not_opened": Known(
        Level.FAULT,
        "a file was fetched, but it is no page that docloop reads",
        "Tasks with such files get an empty prediction.",
        "Convert it to PNG, JPEG or TIFF, or import it with docloop import, which makes pages of PDFs.",
    ),
    "task_without_image": Known(
        Level.FAULT,
        "a task's data does not hold what the Image tag names",
        "It gets no prediction, and the editor shows nothing.",
        "Let the Image tag name what the tasks' data have, or import the tasks anew.",
    ),
    "predictions_differ": Known(
        Level.FAULT,
        "Label Studio holds other predictions than docloop has pushed",
        "Corrections are found by comparing with what was shown.",
        "docloop push --project {project}   # after deleting the version {version} in the Data Manager (Delete predictions)",
    ),
    "predictions_gone": Known(
        Level.WARNING,
        "Label Studio has lost predictions that docloop has pushed",
        "Annotators see an empty page there.",
        "docloop push --project {project}",
    ),
    "predictions_doubled": Known(
        Level.WARNING,
        "tasks have several predictions of one version",
        "Their scores are averaged, which changes the order, and annotators see tabs that say the same.",
        "Delete them in the Data Manager (Delete predictions), then docloop push --project {project}",
    ),
}  # fmt: skip


def images(bench: Bench, patient: Patient) -> Iterator[Found]:
    """One image of each kind of storage in use, through docloop's own fetcher and decoder."""
    interface, client = patient.interface, bench.client()
    if interface is None:
        return
    examples: dict[str, tuple[int, str]] = {}
    counts: Counter[str] = Counter()
    for row in islice(client.tasks(patient.number), _LOOKED_AT):
        try:
            for url in Task(row.id, row.data).page_urls(interface):
                kind = kind_of(url, bench.settings.label_studio_url)
                examples.setdefault(kind, (row.id, url))
                counts[kind] += 1
        except FetchRefused as error:
            yield Found(f"task {row.id} has nothing under {interface.data_key!r}", error.code)
            break
    if not examples:
        yield Found("no images yet")
        return
    fetcher = Fetcher(bench.settings.label_studio_url, client.authorization, bench.settings.allowed_hosts, _FETCH)
    loader = PageLoader(children=1)
    try:
        for kind, (task, url) in examples.items():
            yield _fetched(fetcher, loader, f"{kind} ({counts[kind]} images): task {task}", task, url)
    finally:
        loader.close()


def kind_of(url: str, label_studio: str) -> str:
    """How people call the storage that a task URL is in."""
    scheme = url.partition(":")[0].lower()
    path = url.removeprefix(label_studio)
    if scheme == "data":
        return "data URI"
    if scheme in ("s3", "gs", "azure-blob"):
        return f"{scheme} storage"
    if not path.startswith("/"):
        return "http(s)" if scheme in ("http", "https") else "another kind of URL"
    if "/data/local-files/" in path:
        return "local files"
    return "upload" if "/data/upload/" in path else "storage by link"


def _fetched(fetcher: Fetcher, loader: PageLoader, said: str, task: int, url: str) -> Found:
    try:
        data = fetcher.fetch(url, task)
        first = next(iter(loader.pages(data)))
    except FetchRefused as error:
        return Found(f"{said}: {error.code}", "image_not_fetched", {"code": error.code}, error.fix)
    except LabelStudioError as error:
        return Found(f"{said}: {error.code}", "image_not_fetched", {"code": error.code}, error.fix)
    except ImageRejected as error:
        return Found(f"{said}: {error.code}", "image_not_opened", {"code": error.code})
    except StopIteration:
        return Found(f"{said}: no page in it", "image_not_opened")
    return Found(f"{said}: {len(data):,} bytes, {first.image.width} x {first.image.height} pixels")


def predictions(bench: Bench, patient: Patient) -> Iterator[Found]:
    """What docloop has pushed for the documents that come first, and what Label Studio has of it."""
    version, store = patient.there.model_version, bench.store
    ranked = store.predictions.ranking(patient.there.uid, version, _COMPARED) if store and version else []
    if not ranked:
        yield Found("none pushed yet")
        return
    values, same = {"version": version}, 0
    for record, document in ranked:
        bodies = bench.client().call("GET", "api/predictions/", task=document.task_id)
        mine = [from_prediction_body(one) for one in bodies if one.get("model_version") == version]
        if not mine:
            yield Found(f"task {document.task_id} has none of {version}", "predictions_gone", values)
        elif not any(_texts(patient, one.fields) == _texts(patient, record.fields) for one in mine):
            yield Found(f"task {document.task_id}, version {version}", "predictions_differ", values)
        else:
            same += 1
    yield Found(f"{same} of {len(ranked)} compared are the same")


def _texts(patient: Patient, fields: tuple[Field, ...]) -> list[tuple[str, str, int]]:
    """What a prediction says, in an order that does not matter; labels that the interface lost were never sent."""
    offered = patient.interface
    return sorted((one.label, one.text, one.page) for one in fields if offered is None or offered.control_of(one.label))


def doubled(bench: Bench, patient: Patient) -> Iterator[Found]:
    """Two predictions of one version at one task."""
    rows = bench.client().task_page(patient.number, [OPEN], "tasks:id", ("id", "predictions"), _COUNTED)
    found = [
        int(row["id"])
        for row in rows
        if any(n > 1 for n in Counter(str(one.get("model_version")) for one in row.get("predictions") or ()).values())
    ]
    said = f"{len(found)} of {len(rows)} open tasks" + (f", such as task {found[0]}" if found else "")
    yield Found(f"doubled predictions: {said}", "predictions_doubled" if found else "")


_SERVED = ("project.there", "project.interface")
CHECKS = (
    Check("documents.images", "Images", images, needs=_SERVED, seconds=120, quick=True, each_project=True),
    Check(
        "documents.predictions",
        "Predictions stored",
        predictions,
        needs=(*_SERVED, "store.answers"),
        seconds=60,
        each_project=True,
    ),
    Check("documents.doubled", "Predictions doubled", doubled, needs=_SERVED, seconds=60, each_project=True),
)
