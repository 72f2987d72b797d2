"""Cut-outs of confirmed lines with their text, for recognisers of whole lines.

    train/<document>_crop_<number>.png   train/metadata.jsonl     a line: file_name, text, label, read, document, page

``metadata.jsonl`` beside the pictures is what Hugging Face's *imagefolder* reads, and two of its columns (``file_name``,
``text``) are what the TrOCR fine-tuning scripts want. ``read`` is what OCR read there: a text that is nothing like it may be a
value that was typed in another form than it stands on the paper. Turned boxes are cut out upright. Empty texts, and parts of a
text that may stand on another line, are left out and counted.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from ml_backend.document.fields import FieldSpec
from ml_backend.exports.base import Labelled
from ml_backend.exports.field_lines import FieldLine, field_lines
from ml_backend.exports.folder import ExportFolder
from ml_backend.exports.pictures import crop, crop_name, pages_of, png
from ml_backend.exports.split_files import as_json, split_files

if TYPE_CHECKING:
    from PIL.Image import Image


class TrOCR:
    """See the module."""

    name = "trocr"
    about = "line pictures with their text: TrOCR fine-tuning, datasets' imagefolder"
    needs_pictures = True

    def write(self, documents: Iterable[Labelled], labels: Sequence[FieldSpec], folder: ExportFolder) -> None:
        """See ``Exporter.write``."""
        with split_files(folder, "{}/metadata.jsonl") as file_of:
            for document in documents:
                for number, (page, line, picture) in enumerate(cut_lines(document, folder)):
                    name = crop_name(document, number)
                    folder.write(f"{document.split}/{name}", png(picture))
                    row = {"file_name": name, "text": line.text, "label": line.label, "read": line.read}
                    file_of(document.split).line(as_json({**row, "document": document.content, "page": page}))


def cut_lines(document: Labelled, folder: ExportFolder) -> Iterator[tuple[int, FieldLine, Image]]:
    """The page, the text and the picture of each line that can be learned from; counts them, the pages and what is left out."""
    for number, _, picture in pages_of(document):
        folder.count("pages")
        for line in field_lines(document, number, folder):
            if line.text and line.sure:
                folder.count("lines")
                yield number, line, crop(picture, line.quad)
            else:
                folder.count("lines_without_text" if line.sure else "lines_unsure")
