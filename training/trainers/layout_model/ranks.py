"""Several processes that train one network (``torchrun``, ``accelerate launch``): who writes, and where all wait for each other.

Each of them runs the whole fit; the trainings are shared among them by transformers' Trainer. Files are written by the first.
"""

from __future__ import annotations

import os


def processes() -> int:
    """How many processes train together; 1 without a launcher."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def is_first() -> bool:
    """Whether this process writes what there is to write."""
    return int(os.environ.get("RANK", "0")) == 0


def wait() -> None:
    """Until all processes have come here."""
    if processes() > 1:
        import torch
        from accelerate import PartialState

        PartialState(cpu=not torch.cuda.is_available()).wait_for_everyone()
