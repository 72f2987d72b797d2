"""Cut-outs of confirmed lines as PaddleOCR's recogniser is trained with them, and ``docloop train-ocr --lines``.

    rec_gt_train.txt   train/<document>_crop_<number>.png         a row: path, tab, text

Which lines there are is told in ``trocr.py``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ml_backend.document.fields import FieldSpec
from ml_backend.exports.base import Labelled
from ml_backend.exports.folder import ExportFolder
from ml_backend.exports.pictures import crop_name, png
from ml_backend.exports.split_files import split_files
from ml_backend.exports.trocr import cut_lines


class PaddleRec:
    """See the module."""

    name = "paddleocr-rec"
    about = "rec_gt files with line pictures: PaddleOCR recognition, docloop train-ocr --lines"
    needs_pictures = True

    def write(self, documents: Iterable[Labelled], labels: Sequence[FieldSpec], folder: ExportFolder) -> None:
        """See ``Exporter.write``."""
        with split_files(folder, "rec_gt_{}.txt") as file_of:
            for document in documents:
                for number, (_, line, picture) in enumerate(cut_lines(document, folder)):
                    name = f"{document.split}/{crop_name(document, number)}"
                    folder.write(name, png(picture))
                    file_of(document.split).line(f"{name}\t{line.text}")
