"""The labelling interfaces that come with docloop, by name, or any other by path."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from docloop.sources import read_file
from ml_backend.errors import SetupError


def preset_names() -> list[str]:
    """The names that ``load_interface_xml`` knows."""
    return sorted(
        entry.name.removesuffix(".xml") for entry in files("label_config").iterdir() if entry.name.endswith(".xml")
    )


def load_interface_xml(name_or_path: str) -> str:
    """The XML of a preset (``receipt``) or of a file.

    Raises:
        SetupError: neither; the message lists the presets.
    """
    if name_or_path in preset_names():
        return (files("label_config") / f"{name_or_path}.xml").read_text(encoding="utf-8")
    path = Path(name_or_path)
    if path.is_file():
        return read_file(name_or_path).decode("utf-8", "replace")
    raise SetupError(
        "unknown_interface",
        f"There is no labelling interface {name_or_path!r}.",
        f"Give the path of an XML file, or one of: {', '.join(preset_names())}.",
    )
