"""Line images with a labels file, in PaddleOCR's own format: ``path<tab>text``, one line of text an image.

The file comes from outside: it is bounded, its paths may not leave the folder, and pictures are decoded in a child process under
limits of their own. Errors name the row and the file, never the text.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

import numpy as np

from ml_backend.errors import ImageRejected, ModelRejected
from ml_backend.images.limits import Limits
from ml_backend.images.loader import PageLoader
from training.reading.lines import LONGEST, TranscribedLine

NAMES = ("rec_gt.txt", "rec_gt_train.txt", "labels.txt")
LARGEST = 50_000_000  # bytes of the labels file
MOST = 50_000  # lines; each takes 20 ms and 10 kB
LINE_LIMITS = Limits(bytes=10_000_000, pixels=10_000_000, side=20_000, pages=1, total_pixels=10_000_000)
_CROP = re.compile(r"(.+)_crop_\d+")  # what PPOCRLabel names the lines of one page
_FORMAT = "Each row is: path of the image, a tab, the text."


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the labels file: its number from 1, the image, the text."""

    number: int
    image: Path
    text: str


@dataclass
class LineFolder:
    """The lines of a folder. ``failed`` maps images that cannot be read to the code of the reason, once they were tried."""

    folder: Path
    rows: tuple[Row, ...]
    failed: dict[str, str] = field(default_factory=dict)

    @classmethod
    def open(cls, folder: Path) -> LineFolder:
        """The folder's labels, checked; no image is read yet.

        Raises:
            ModelRejected: there is no labels file, or a row of it is not what it should be.
        """
        labels = next((folder / name for name in NAMES if (folder / name).is_file()), None)
        if labels is None:
            raise ModelRejected(
                "no_labels", f"There is no {NAMES[0]} in {folder}.", f"Write one beside the images. {_FORMAT}"
            )
        if labels.stat().st_size > LARGEST:
            raise ModelRejected("labels_large", f"{labels.name} has more than {LARGEST:,} bytes.", "Split it.")
        try:
            text = labels.read_bytes().decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise ModelRejected(
                "labels_encoding", f"{labels.name} is not UTF-8 at byte {error.start:,}.", "Save it as UTF-8."
            ) from None
        rows = [_row(folder, number, line) for number, line in enumerate(text.split("\n"), start=1) if line.strip()]
        if not rows or len(rows) > MOST:
            raise ModelRejected(
                "labels_count", f"{labels.name} has {len(rows):,} rows; 1 to {MOST:,} are read.", _FORMAT
            )
        return cls(folder, tuple(rows))

    def lines(self, progress: Callable[[float], None] = lambda share: None) -> Iterator[TranscribedLine]:
        """Each line with its pixels, one image in memory at a time; images that cannot be read are passed over and noted."""
        with PageLoader(LINE_LIMITS, children=1) as loader:
            for done, row in enumerate(self.rows):
                progress(done / len(self.rows))
                try:
                    page = loader.load(_bytes(row))[0]
                except ImageRejected as error:
                    self.failed[str(row.image)] = error.code
                    continue
                yield TranscribedLine(np.asarray(page.image), row.text, _document(row.image, page.digest))


def _row(folder: Path, number: int, line: str) -> Row:
    name, tab, text = line.rstrip("\r").partition("\t")
    if not tab or not text.strip():
        raise ModelRejected("labels_row", f"Row {number:,} of the labels has no tab or no text.", _FORMAT)
    if len(text) > LONGEST:
        raise ModelRejected(
            "labels_row", f"Row {number:,} of the labels has a text of {len(text):,} characters.", _FORMAT
        )
    path = PurePosixPath(name.strip().replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or "\0" in name or not path.parts:
        raise ModelRejected(
            "labels_path", f"Row {number:,} of the labels names an image outside of the folder.", "Use relative paths."
        )
    image = folder / path
    if not image.is_file():
        raise ModelRejected("labels_image", f"Row {number:,} of the labels names an image that is not there: {path}.")
    if not image.resolve().is_relative_to(folder.resolve()):
        raise ModelRejected(
            "labels_path", f"Row {number:,} of the labels names a link that leads out of the folder.", "Copy the image."
        )
    return Row(number, image, text)


def _bytes(row: Row) -> bytes:
    with row.image.open("rb") as file:
        return file.read(LINE_LIMITS.bytes + 1)  # one more, so that the loader sees that it is too large


def _document(image: Path, digest: str) -> str:
    """Lines that were cut out of one page, by their names, are one document; another line is one of its own, by its pixels."""
    crop = _CROP.fullmatch(image.stem)
    return hashlib.sha256(crop.group(1).encode("utf-8", "surrogatepass")).hexdigest() if crop else digest
