"""Folders that docloop makes, for itself alone: what lies in them are texts and pages of documents, and secrets."""

from __future__ import annotations

from itertools import takewhile
from pathlib import Path


def make_private(folder: Path) -> None:
    """Make a folder, and those above it that are missing, for their owner alone; those that are there stay as they are.

    ``Path.mkdir(mode=...)`` gives the mode to the last one only. Raises OSError.
    """
    missing = [folder, *takewhile(lambda above: not above.exists(), folder.parents)]
    for one in reversed(missing):
        one.mkdir(mode=0o700, exist_ok=True)
