"""A tiny training that a test can kill: ``python -m layout_tasks FOLDER STEP`` dies by SIGKILL after that step.

Run with ``tests`` and the project on the path. A process that comes to the end leaves a hash of its network in ``FOLDER/rank-N``.
"""

from __future__ import annotations

import hashlib
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from made_receipts import SPECS, made_receipt

from training.trainers.layout_model.examples import data_set, labels_of
from training.trainers.layout_model.fitting import Task, fit_network
from training.trainers.layout_model.options import LayoutTraining
from training.trainers.layout_model.scratch import from_scratch

OPTIONS = LayoutTraining(
    from_scratch="tiny", scratch_family="lilt", length=64, stride=16, max_steps=12, look_every=4, batch_size=2
)


def train(folder: Path, progress: Callable[[str, float], None], dev: bool = False) -> Any:
    """The network of eight receipts, after twelve steps with a checkpoint every four."""
    receipts = [made_receipt(number) for number in range(8)]
    opened = from_scratch(OPTIONS, [sample.document for sample in receipts])
    labels = labels_of(receipts, SPECS)
    rows = data_set(receipts, opened.words, opened.shape, labels, folder / "data")
    task = Task(folder / "network", rows, rows if dev else None, 1 + 2 * len(labels), opened.shape.pad, seed=3)
    task.folder.mkdir(parents=True, exist_ok=True)
    return fit_network(lambda: opened.network(labels), task, OPTIONS, progress)


def _die(step: int) -> Callable[[str, float], None]:
    def progress(stage: str, share: float) -> None:
        if share * OPTIONS.max_steps >= step:
            os.kill(os.getpid(), signal.SIGKILL)

    return progress


if __name__ == "__main__":
    network = train(Path(sys.argv[1]), _die(int(sys.argv[2])))
    digest = hashlib.sha256(b"".join(weight.numpy().tobytes() for weight in network.state_dict().values())).hexdigest()
    (Path(sys.argv[1]) / f"rank-{os.environ.get('RANK', '0')}").write_text(digest)
