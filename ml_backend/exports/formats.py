"""The formats by name. A new one is a file beside this, and a line here."""

from __future__ import annotations

from ml_backend.errors import ExportRefused
from ml_backend.exports.base import Exporter

JSONL = "jsonl"
"""Lines of ground truth: not an ``Exporter``, since it is one file and needs neither words nor pages."""


def exporters() -> dict[str, Exporter]:
    """All formats that are folders, by name."""
    known: tuple[Exporter, ...] = ()
    return {exporter.name: exporter for exporter in known}


def exporter_named(name: str) -> Exporter:
    """The format of this name. Raises ExportRefused, which lists the known ones."""
    known = exporters()
    if name not in known:
        raise ExportRefused(
            "export_format_unknown",
            f"There is no export format {name[:40]!r}.",
            f"There are: {', '.join((JSONL, *known))}.",
        )
    return known[name]
