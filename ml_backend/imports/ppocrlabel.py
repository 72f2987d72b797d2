"""PPOCRLabel's files, and what ``docloop export --format paddleocr-kie`` writes.

    Label.txt, train.txt    a row: path, tab, [{"transcription", "points", "difficult", "key_cls" or "label"}]
    fileState.txt           beside Label.txt, a row: path, tab, 1 where a person has confirmed the picture
    rec_gt.txt              a row: path of a line's picture, tab, text

``points`` are corners in pixels; the field's box is the upright one around them. ``###`` and ``difficult`` mean *not to be
judged* and are left out. Entries without a label, and the lines of rec_gt, have the label ``""`` until ``--map =NAME`` names it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath
from typing import Any

from ml_backend.errors import ExportRefused
from ml_backend.imports.base import BadRow, Row, TruthField, around, items, label, malformed, mapping, refused, text
from ml_backend.imports.folder import TruthFolder, parsed

_STATES = "fileState.txt"
_NAMES = ("Label.txt", "train.txt", "val.txt", "test.txt")
_NOT_JUDGED = "###"


class PPOCRLabel:
    """See the module."""

    name = "ppocrlabel"
    about = "Label.txt and rec_gt.txt of PPOCRLabel, and docloop export --format paddleocr-kie"
    outside = frozenset({"other", "others", "ignore", "none"})

    def files(self, names: Sequence[str], alone: bool) -> list[str]:
        """See ``TruthReader.files``: pages before lines, which PPOCRLabel cuts out of the same pages."""
        texts = [name for name in names if name.endswith(".txt") and PurePosixPath(name).name != _STATES]
        if alone:
            return texts
        pages = [name for name in texts if PurePosixPath(name).name in _NAMES]
        return pages or [name for name in texts if _is_lines(name)]

    def rows(self, folder: TruthFolder, name: str) -> Iterator[Row | BadRow]:
        """See ``TruthReader.rows``."""
        beside = PurePosixPath(name).parent
        try:
            confirmed = _confirmed(folder, str(beside / _STATES)) if PurePosixPath(name).name == "Label.txt" else None
            for number, line in folder.lines(name):
                where = f"{name}, line {number}"
                try:
                    if isinstance(line, ExportRefused):
                        raise line
                    yield _row(where, line, beside, confirmed, _is_lines(name))
                except ExportRefused as error:
                    yield BadRow(where, error)
        except ExportRefused as error:
            yield BadRow(name, error)


def _is_lines(name: str) -> bool:
    return PurePosixPath(name).name.startswith("rec_gt")


def _confirmed(folder: TruthFolder, name: str) -> set[str] | None:
    """Names of the pictures that a person has confirmed, without the folders of the machine that it was; None: no such file."""
    try:
        rows = folder.read(name).decode("utf-8-sig", "replace").split("\n")
    except ExportRefused as error:
        if error.code == "truth_file_missing":
            return None
        raise
    pairs = [row.rpartition("\t") for row in rows]
    return {_last(path) for path, _, state in pairs if state.strip() == "1"}


def _last(path: str) -> str:
    return path.replace("\\", "/").rpartition("/")[2]


def _row(where: str, line: bytes, beside: PurePosixPath, confirmed: set[str] | None, lines: bool) -> Row:
    said, tab, rest = line.partition(b"\t")
    try:
        path = text(said.decode("utf-8-sig").strip(), "path", 1_000)
        content = rest.decode("utf-8")
    except UnicodeDecodeError:
        raise malformed("it must be UTF-8") from None
    if not tab or not path:
        raise malformed("a row must be a path, a tab and the labels")
    if confirmed is not None and _last(path) not in confirmed:
        raise refused("truth_not_approved", f"Nobody has confirmed it ({_STATES}).")
    # The path begins with the folder's own name, or is relative to the file.
    pictures = (path, str(beside / path), str(beside / _last(path)))
    if lines:
        whole = TruthField("", text(content.strip(), "text"), (0.0, 0.0, 1.0, 1.0))
        return Row(where, pictures, (whole,))
    entries = [mapping(one, "an entry") for one in items(parsed(rest), "the labels")]
    fields = [_field(one) for one in entries if not one.get("difficult")]
    return Row(where, pictures, tuple(one for one in fields if one.text != _NOT_JUDGED), pixels=True)


def _field(entry: dict[str, Any]) -> TruthField:
    named = entry.get("label", entry.get("key_cls", ""))
    return TruthField(
        label(named), text(entry.get("transcription"), "transcription"), around(entry.get("points"), "points")
    )
