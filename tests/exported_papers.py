"""Three made documents with all that is odd about documents, and the golden files of every format.

``PYTHONPATH=.:tests python tests/exported_papers.py`` writes the golden files anew: look at the difference.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw

from builders import page, word
from ml_backend.document.elements import Document, Page
from ml_backend.document.fields import Field, FieldSpec
from ml_backend.document.geometry import Box
from ml_backend.document.splits import Split, split_of
from ml_backend.exports.base import Exporter, Labelled
from ml_backend.exports.folder import MANIFEST, ExportFolder, write_manifest
from ml_backend.exports.formats import exporters
from ml_backend.exports.ground_truth import GroundTruth, field_of
from ml_backend.exports.ready import ready

GOLDEN = Path(__file__).parent / "data" / "exports"
SIZE = (120, 80)
ODD = '../№ "x"\t<b>'
SPECS = (
    FieldSpec("total", "amount", required=True),
    FieldSpec("address"),
    FieldSpec("item", repeats=True),
    FieldSpec(ODD),
)
TURNED = Box(0.5, 0.1, 0.75, 0.25, 90.0)
"""30 x 12 pixels on a page of ``SIZE``, turned clockwise about its top left corner: it covers x 48-60, y 8-38."""
PAGE = page(
    word("TOTAL", 0.1, 0.1, 0.35, 0.2, line=0),
    word("l2.5O", 0.5, 0.1, 0.8, 0.2, line=0),
    word("JALAN", 0.1, 0.4, 0.3, 0.5, line=1),
    word("SAQU", 0.35, 0.4, 0.6, 0.5, line=1),
    word("81lOO", 0.1, 0.6, 0.3, 0.7, line=2),
    word("JOHOR", 0.35, 0.6, 0.6, 0.7, line=2),
    word("東京", 0.7, 0.6, 0.9, 0.7, line=2),
    width=SIZE[0],
    height=SIZE[1],
)
BLANK = page(width=SIZE[0], height=SIZE[1])


def papers() -> list[Labelled]:
    """A page with a field of two lines; two pages, one of them without words, with a turned box; repeats and odd texts."""
    return [
        paper(
            "train",
            [PAGE],
            Field("total", "12.50", Box(0.48, 0.08, 0.82, 0.22)),
            Field("address", "JALAN SAGU 81100 JOHOR", Box(0.08, 0.38, 0.62, 0.72)),
        ),
        paper(
            "val",
            [BLANK, PAGE],
            Field("total", "€ 5", TURNED),
            Field("address", "", Box(0.1, 0.8, 0.4, 0.9)),
            Field(ODD, "nobody\nread this", Box(0.1, 0.8, 0.5, 0.95)),
            Field("item", "JALAN SAQU", Box(0.08, 0.38, 0.62, 0.52), page=1),
        ),
        paper(
            "test",
            [PAGE],
            Field("item", '=SUM("A1")', Box(0.1, 0.4, 0.3, 0.5)),
            Field("item", "東京\t5", Box(0.68, 0.58, 0.92, 0.72)),
            Field("address", "ONCE upon a time there were", Box(0.08, 0.38, 0.62, 0.72)),
            Field("total", "-5", Box(0.5, 0.9, 0.5, 0.9)),
        ),
    ]


def paper(split: Split, pages: Sequence[Page], *fields: Field) -> Labelled:
    """A confirmed document of this split; nothing was predicted for it."""
    content = next(name for number in range(1, 99) if split_of(name := f"{number:064x}") == split)
    line = GroundTruth(
        task_id=int(content, 16),
        filename="@scan 1.png",
        source_kind="image",
        image_sha256=content,
        approved=True,
        reviewed_by=3,
        reviewed_at="2026-01-02T03:04:05Z",
        created_at="2026-01-02T03:04:05Z",
        lead_time=6.5,
        initial_result=None,
        final_result=[field_of(field) for field in fields],
        corrections=(),
    )
    return Labelled(content, split, line, Document(tuple(pages)), fields, lambda: [drawn(one) for one in pages])


def drawn(seen: Page) -> Image.Image:
    """A page without letters, the same on every machine: each word is a bar of its own colours."""
    picture = Image.new("RGB", (seen.width, seen.height), "white")
    pen = ImageDraw.Draw(picture)
    pen.rectangle((48, 8, 59, 22), fill=(200, 0, 0))
    pen.rectangle((48, 23, 59, 37), fill=(0, 0, 200))
    for number, one in enumerate(seen.words):
        box = [
            round(edge * side) for edge, side in zip((*one.quad.points[0], *one.quad.points[2]), SIZE * 2, strict=True)
        ]
        pen.rectangle(box, fill=(20 * number, 99, 255 - 30 * number))
    return picture


def export(name: str, folder: Path, documents: Sequence[Labelled] | None = None) -> ExportFolder:
    """The made documents, or others, in this format, with a manifest."""
    folder.mkdir(parents=True)
    made, exporter = ExportFolder(folder), exporters()[name]
    there = sorted(papers() if documents is None else documents, key=lambda document: document.content)
    exporter.write(ready(there, exporter, SPECS, made), SPECS, made)
    made.adopt()
    write_manifest(folder / MANIFEST, {"format": name}, made.files)
    return made


def lines_of(path: Path) -> list[Any]:
    """The rows of a JSONL file."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def content_named(split: Split) -> str:
    return next(document.content for document in papers() if document.split == split)


def held(folder: Path, made: ExportFolder) -> dict[str, str]:
    """What an export holds, as texts: pictures by size and hash of their pixels, tables by their rows."""
    texts, pictures = {}, []
    for name in sorted(made.files):
        path = folder / name
        if path.suffix == ".png":
            with Image.open(path) as picture:
                pictures.append(f"{name} {picture.width}x{picture.height} {pixel_hash(picture)}")
        elif path.suffix == ".parquet":
            texts[f"{name}.jsonl"] = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in _rows(path))
        elif path.suffix != ".arrow" and path.name not in ("state.json", "dataset_info.json"):
            texts[name] = path.read_bytes().decode("utf-8")
    texts["counts.json"] = json.dumps(made.counts, indent=1, sort_keys=True) + "\n"
    return {**texts, "pictures.txt": "".join(f"{line}\n" for line in pictures)} if pictures else texts


def pixel_hash(picture: Image.Image) -> str:
    return hashlib.sha256(picture.convert("RGB").tobytes()).hexdigest()[:16]


def _rows(path: Path) -> list[dict[str, Any]]:
    from pyarrow import parquet

    rows: list[dict[str, Any]] = parquet.read_table(path).to_pylist()
    return [{**row, "image": row["image"]["path"]} for row in rows]


def golden(exporter: Exporter) -> dict[str, str]:
    """What the golden files say."""
    folder = GOLDEN / exporter.name
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return {path.relative_to(folder).as_posix(): path.read_bytes().decode("utf-8") for path in files}


def _write_golden(aside: Path) -> None:
    import shutil

    for name in exporters():
        shutil.rmtree(GOLDEN / name, ignore_errors=True)
        for path, text in held(aside / name, export(name, aside / name)).items():
            (GOLDEN / name / path).parent.mkdir(parents=True, exist_ok=True)
            (GOLDEN / name / path).write_bytes(text.encode())


if __name__ == "__main__":
    from tempfile import TemporaryDirectory

    with TemporaryDirectory() as made_aside:
        _write_golden(Path(made_aside))
