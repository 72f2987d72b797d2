"""The process that starts several for one fit, and waits for them (``group``): ``python -m ...launcher PARENT COUNT FOLDER``."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from training.lifeline import end_with
from training.trainers.layout_model.job import BROKE, Failure

LAUNCH = "training.trainers.layout_model.launch"


def main(parent: int, count: int, folder: Path) -> int:
    """Run ``launch`` by ``count`` processes of this machine. The exit status; why one was killed is left in the folder."""
    end_with(parent)
    from torch.distributed.elastic.multiprocessing.api import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.run import main as torchrun

    own = ["--standalone", "--nproc-per-node", str(count), "--max-restarts", "0"]
    try:
        torchrun([*own, "-m", LAUNCH, str(folder), str(os.getpid())])
    except ChildFailedError as error:
        rank, first = error.get_first_failure()
        if first.exitcode < 0:
            said = f"It was killed by signal {-first.exitcode} (out of memory?)."
            Failure(rank, 0.0, BROKE, said).write(folder)
        return 1
    except SignalException:
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])))
