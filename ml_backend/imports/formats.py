"""The formats that ground truth is taken from, by name; which one a path holds."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path

from ml_backend.imports.azure import Azure
from ml_backend.imports.base import TruthReader, refused
from ml_backend.imports.folder import TruthFolder
from ml_backend.imports.funsd import Funsd
from ml_backend.imports.jsonl import Jsonl
from ml_backend.imports.ppocrlabel import PPOCRLabel

AUTO = "auto"


@cache
def readers() -> Mapping[str, TruthReader]:
    """All readers; asked in this order what a folder holds, the one with the most telling file names first."""
    made: tuple[TruthReader, ...] = (Azure(), PPOCRLabel(), Funsd(), Jsonl())
    return {reader.name: reader for reader in made}


def find(path: Path, format: str = AUTO) -> tuple[TruthReader, TruthFolder, list[str]]:
    """The reader for ``path`` (a file or a folder), the folder nothing is read outside of, and the files in it to read.

    Raises:
        ExportRefused: ``truth_format_unknown``, ``truth_nothing_found``, ``truth_too_many_files``.
    """
    if format != AUTO and format not in readers():
        known = ", ".join((AUTO, *readers()))
        raise refused("truth_format_unknown", f"There is no format {format!r}.", f"Known formats: {known}.")
    asked = list(readers().values()) if format == AUTO else [readers()[format]]
    alone = not path.is_dir()
    path = path.absolute()
    root = path.parent if alone else path
    if root.name == "annotations":  # FUNSD's: its pictures lie beside it
        root = root.parent
    folder, below = TruthFolder(root), path.relative_to(root)
    names = [below.as_posix()] if alone else [name for name in folder.names() if Path(name).is_relative_to(below)]
    for reader in asked:
        if (not alone or path.is_file()) and (found := reader.files(names, alone)):
            return reader, folder, found
    about = "; ".join(f"{reader.name}: {reader.about}" for reader in asked)
    raise refused("truth_nothing_found", f"{path} holds no ground truth that docloop reads.", f"Formats: {about}.")
