"""Several processes that train one network (``torchrun``, ``accelerate launch``): who writes, and where all wait for each other.

Each of them runs the whole fit; the trainings are shared among them by transformers' Trainer. Files are written by the first.
"""

from __future__ import annotations

import os
from datetime import timedelta

_PATIENCE = timedelta(hours=3)  # while the first one exports, or fetches a base model, the others wait


def processes() -> int:
    """How many processes train together; 1 without a launcher."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def is_first() -> bool:
    """Whether this process writes what there is to write."""
    return rank() == 0


def rank() -> int:
    """Which of the processes this is, from 0."""
    return int(os.environ.get("RANK", "0"))


def wait() -> None:
    """Until all processes have come here."""
    if processes() > 1:
        import torch
        from accelerate import PartialState

        PartialState(cpu=not torch.cuda.is_available(), timeout=_PATIENCE).wait_for_everyone()


def leave() -> None:
    """Take leave of the others, who are done as well."""
    if processes() > 1:
        from accelerate import PartialState

        PartialState().destroy_process_group()
