"""One of several processes of a fit: ``torchrun --nproc-per-node 4 -m training.trainers.layout_model.launch FOLDER``.

The folder holds the job (``job.write_job``); the first process leaves the version there. ``accelerate launch -m`` does the same.
docloop starts its own group so (``group``), whose number comes as a second argument: the processes end with it.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TextIO

from ml_backend import logs
from ml_backend.document.fields import FieldSpec
from training.lifeline import ORPHANED, end_with
from training.out_of_fold import write_out_of_fold
from training.trainers.base import Progress
from training.trainers.layout_model.job import JOB, SAMPLES, SETTINGS, VERSION, WORK, Failure, read_samples
from training.trainers.layout_model.options import LayoutTraining
from training.trainers.layout_model.ranks import is_first, leave, rank, wait
from training.trainers.layout_model.trainer import LayoutTrainer

log = logging.getLogger(__name__)


def fit(folder: Path, progress: Progress) -> None:
    """The fit of the job in ``folder``, run by each process of a launcher, or by one alone."""
    job = json.loads((folder / JOB).read_text(encoding="utf-8"))
    logs.configure("training", **job["log"])
    options = replace(LayoutTraining(**job["options"]), work=folder / WORK, processes=1)
    specs = [FieldSpec(**spec) for spec in job["specs"]]
    samples = list(read_samples(folder / SAMPLES))
    fitted = LayoutTrainer(options, job["country"]).fit(samples, specs, job["version"], progress, job["seed"])
    if is_first():
        (folder / VERSION).mkdir(exist_ok=True)
        fitted.save(folder / VERSION)
        write_out_of_fold(folder, fitted.out_of_fold)
        (folder / SETTINGS).write_text(json.dumps(fitted.settings), encoding="utf-8")
    wait()


def main(folder: Path, parent: int) -> int:
    """``fit``, telling how far it is on standard output and why it failed in the folder. The exit status."""
    end_with(parent)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # which a training run ignores, and those that it starts inherit that
    told = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what libraries print goes to the log
    logs.configure("training")
    try:
        fit(folder, _teller(told if is_first() else None, parent))
    except Exception as error:
        failure = Failure.of(rank(), error)
        log.error("process %d failed: %s", rank(), failure.message, exc_info=error)
        failure.write(folder)
        return 1
    leave()
    return 0


def _teller(told: TextIO | None, parent: int) -> Callable[[str, float], None]:
    """A line of JSON for who started this, from the first process; the others have nothing to say."""

    def tell(stage: str, share: float) -> None:
        if os.getppid() != parent:
            os._exit(ORPHANED)
        if told is not None:
            told.write(json.dumps([stage, round(share, 4)]) + "\n")
            told.flush()

    return tell


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else os.getppid()))
