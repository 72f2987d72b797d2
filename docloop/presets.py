"""The labelling interfaces that come with docloop, by name, or any other by path."""

from __future__ import annotations

from pathlib import Path

from docloop.sources import read_file
from ml_backend.errors import SetupError
from ml_backend.presets import preset_names, preset_xml


def load_interface_xml(name_or_path: str) -> str:
    """The XML of a preset (``receipt``) or of a file.

    Raises:
        SetupError: neither; the message lists the presets.
    """
    if name_or_path in preset_names():
        return preset_xml(name_or_path)
    path = Path(name_or_path)
    if path.is_file():
        return read_file(name_or_path).decode("utf-8", "replace")
    raise SetupError(
        "unknown_interface",
        f"There is no labelling interface {name_or_path!r}.",
        f"Give the path of an XML file, or one of: {', '.join(preset_names())}.",
    )
