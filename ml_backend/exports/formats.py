"""The formats by name. A new one is a file beside this, and a line here."""

from __future__ import annotations

from ml_backend.errors import ExportRefused
from ml_backend.exports.base import Exporter
from ml_backend.exports.coco import Coco
from ml_backend.exports.csv_tables import CsvTables
from ml_backend.exports.hf_dataset import HFDataset
from ml_backend.exports.layoutlm import LayoutLM
from ml_backend.exports.paddle_det import PaddleDet
from ml_backend.exports.paddle_kie import PaddleKie
from ml_backend.exports.paddle_rec import PaddleRec
from ml_backend.exports.trocr import TrOCR
from ml_backend.exports.vlm_chat import VlmChat

JSONL = "jsonl"
"""Lines of ground truth: not an ``Exporter``, since it is one file and needs neither words nor pages."""
ABOUT_JSONL = "a document a line, with its prediction and every correction: any program"


def exporters() -> dict[str, Exporter]:
    """All formats that are folders, by name."""
    known: tuple[Exporter, ...] = (
        LayoutLM(), HFDataset(), PaddleDet(), PaddleRec(), PaddleKie(), TrOCR(), Coco(), VlmChat(), CsvTables()
    )  # fmt: skip
    return {exporter.name: exporter for exporter in known}


def formats() -> dict[str, str]:
    """All formats by name, with a line about each."""
    return {JSONL: ABOUT_JSONL, **{name: exporter.about for name, exporter in exporters().items()}}


def exporter_named(name: str) -> Exporter:
    """The format of this name. Raises ExportRefused, which lists the known ones."""
    known = exporters()
    if name not in known:
        listed = "\n".join(f"  {name:13} {about}" for name, about in formats().items())
        raise ExportRefused(
            "export_format_unknown", f"There is no export format {name[:40]!r}.", f"There are:\n{listed}"
        )
    return known[name]
