"""A fit by several processes: ``torchrun --nproc-per-node 4 -m training.trainers.layout_model.launch FOLDER``.

The folder holds the job (``write_job``); the first process leaves the version in ``FOLDER/version``, and what else a ``Fitted``
has beside it (``read_result``). ``accelerate launch -m`` does the same. The job's file has words and fields, one document a
line, no images.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from ml_backend.document.fields import FieldSpec
from ml_backend.document.json_form import document_from_json, document_to_json, fields_from_json, fields_to_json
from ml_backend.document.samples import Sample
from ml_backend.models.layout_model.extractor import LayoutModel
from training.out_of_fold import read_out_of_fold, write_out_of_fold
from training.trainers.base import Fitted
from training.trainers.layout_model.options import LayoutTraining
from training.trainers.layout_model.ranks import is_first, wait
from training.trainers.layout_model.trainer import LayoutTrainer

JOB, SAMPLES, VERSION, SETTINGS = "job.json", "samples.jsonl", "version", "settings.json"


def write_job(
    folder: Path,
    samples: Sequence[Sample],
    specs: Sequence[FieldSpec],
    options: LayoutTraining,
    more: Mapping[str, Any],
) -> None:
    """Leave a fit for ``main``; ``more`` are version, seed and country. Checkpoints go into ``folder/work``."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / SAMPLES).open("w", encoding="utf-8") as file:
        for sample in samples:
            value = [sample.content, document_to_json(sample.document), fields_to_json(sample.fields)]
            file.write(json.dumps([*value, sample.annotator, sample.confirmed_at]) + "\n")
    job = {
        "specs": [asdict(spec) for spec in specs],
        "options": {name: value for name, value in asdict(options).items() if name != "work"},
        **more,
    }
    (folder / JOB).write_text(json.dumps(job), encoding="utf-8")


def read_samples(path: Path) -> Iterator[Sample]:
    """The samples of ``write_job``."""
    with path.open(encoding="utf-8") as file:
        for line in file:
            content, document, fields, annotator, confirmed_at = json.loads(line)
            yield Sample(content, document_from_json(document), fields_from_json(fields), annotator, confirmed_at)


def main(folder: Path) -> None:
    """The fit of the job in ``folder``, run by each process of a launcher, or by one alone."""
    job = json.loads((folder / JOB).read_text(encoding="utf-8"))
    options = replace(LayoutTraining(**job["options"]), work=folder / "work")
    specs = [FieldSpec(**spec) for spec in job["specs"]]
    samples = list(read_samples(folder / SAMPLES))
    trainer = LayoutTrainer(options, job["country"])
    fitted = trainer.fit(samples, specs, job["version"], _say if is_first() else _silent, job["seed"])
    if is_first():
        (folder / VERSION).mkdir(exist_ok=True)
        fitted.save(folder / VERSION)
        write_out_of_fold(folder, fitted.out_of_fold)
        (folder / SETTINGS).write_text(json.dumps(fitted.settings), encoding="utf-8")
    wait()


def read_result(folder: Path) -> Fitted:
    """What ``main`` has left in ``folder``. Raises ModelRejected if it is no whole version."""
    job = json.loads((folder / JOB).read_text(encoding="utf-8"))
    model = LayoutModel.load(folder / VERSION, job["version"], job["country"], job["options"]["threads"])
    settings = json.loads((folder / SETTINGS).read_text(encoding="utf-8"))
    return Fitted(model, model.save, read_out_of_fold(folder), settings)


def _say(stage: str, share: float) -> None:
    """A line of JSON on standard output, for who started this."""
    sys.stdout.write(json.dumps([stage, round(share, 4)]) + "\n")
    sys.stdout.flush()


def _silent(stage: str, share: float) -> None:
    """The other processes have nothing to say."""


if __name__ == "__main__":
    main(Path(sys.argv[1]))
