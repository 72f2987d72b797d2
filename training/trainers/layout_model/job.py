"""A fit written down in a folder, so that other processes can do it, and what they leave there.

job.json, samples.jsonl     the fit (``write_job``); one document a line, with its pages' small pictures
work/                       checkpoints
version/, settings.json     what was made of it, and its out-of-fold answers beside it (``read_result``)
error-N.json                why process N failed (``Failure``)
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ml_backend import logs
from ml_backend.document.fields import FieldSpec
from ml_backend.document.json_form import document_from_json, document_to_json, fields_from_json, fields_to_json
from ml_backend.document.samples import Sample
from ml_backend.errors import DocloopError, ModelRejected
from ml_backend.models.layout_model.extractor import LayoutModel
from training.out_of_fold import read_out_of_fold
from training.trainers.base import Fitted
from training.trainers.layout_model.options import LayoutTraining

JOB, SAMPLES, WORK, VERSION, SETTINGS = "job.json", "samples.jsonl", "work", "version", "settings.json"
BROKE = "training_process_failed"


def write_job(
    folder: Path,
    samples: Sequence[Sample],
    specs: Sequence[FieldSpec],
    options: LayoutTraining,
    more: Mapping[str, Any],
) -> None:
    """Leave a fit for ``launch``; ``more`` are version, seed and country."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / SAMPLES).open("w", encoding="utf-8") as file:
        for sample in samples:
            value = [sample.content, document_to_json(sample.document), fields_to_json(sample.fields)]
            file.write(json.dumps([*value, sample.annotator, sample.confirmed_at]) + "\n")
    job = {
        "specs": [asdict(spec) for spec in specs],
        "options": {name: value for name, value in asdict(options).items() if name != "work"},
        "log": logs.inherited(),
        **more,
    }
    (folder / JOB).write_text(json.dumps(job), encoding="utf-8")


def read_samples(path: Path) -> Iterator[Sample]:
    """The samples of ``write_job``."""
    with path.open(encoding="utf-8") as file:
        for line in file:
            content, document, fields, annotator, confirmed_at = json.loads(line)
            yield Sample(content, document_from_json(document), fields_from_json(fields), annotator, confirmed_at)


def read_result(folder: Path) -> Fitted:
    """What ``launch`` has left in ``folder``. Raises ModelRejected if it is no whole version."""
    job = json.loads((folder / JOB).read_text(encoding="utf-8"))
    model = LayoutModel.load(folder / VERSION, job["version"], job["country"], job["options"]["threads"])
    settings = json.loads((folder / SETTINGS).read_text(encoding="utf-8"))
    return Fitted(model, model.save, read_out_of_fold(folder), settings)


@dataclass(frozen=True, slots=True)
class Failure:
    """Why one process failed, and when. ``rejected``: it would fail again, the samples or the base model are the reason."""

    rank: int
    at: float
    code: str
    message: str
    fix: str = ""
    rejected: bool = False

    @classmethod
    def of(cls, rank: int, error: Exception) -> Failure:
        """The words of a foreign error are left out, as they may quote a document."""
        if isinstance(error, DocloopError):
            rejected = isinstance(error, ModelRejected)
            return cls(rank, time.time(), error.code, error.message, error.fix, rejected)
        return cls(rank, time.time(), BROKE, f"It broke off with {type(error).__name__}; the log says where.")

    def write(self, folder: Path) -> None:
        (folder / f"error-{self.rank}.json").write_text(json.dumps(asdict(self)), encoding="utf-8")

    def error(self, processes: int) -> DocloopError:
        """The error that whoever started the processes raises."""
        if self.rejected:
            return ModelRejected(self.code, self.message, self.fix)
        return DocloopError(self.code, f"Training process {self.rank + 1} of {processes}: {self.message}", self.fix)


def failures(folder: Path) -> list[Failure]:
    """Why processes failed, the likeliest reason first: our own errors, then the others as they came."""
    found = [Failure(**json.loads(path.read_text(encoding="utf-8"))) for path in folder.glob("error-*.json")]
    return sorted(found, key=lambda one: (one.code == BROKE, one.at))


def clear_failures(folder: Path) -> None:
    """Forget the failures of an attempt before this one."""
    for path in folder.glob("error-*.json"):
        path.unlink()
