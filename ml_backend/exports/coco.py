"""Boxes of fields on pages as COCO has them, for detectors and for tools that draw boxes.

    images/train/<page>.png   annotations/instances_train.json

``bbox`` is x, y, width, height in pixels around the box, ``segmentation`` its four corners, ``area`` what lies between them:
for a turned box less than the ``bbox``. ``attributes`` has the confirmed text and the rotation (degrees clockwise). Fields
without any area are left out and counted.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from itertools import pairwise
from tempfile import TemporaryFile
from typing import Any, BinaryIO

from ml_backend.document.elements import Page
from ml_backend.document.fields import Field, FieldSpec
from ml_backend.document.geometry import Point, Quad
from ml_backend.document.splits import Split
from ml_backend.exports.base import Labelled
from ml_backend.exports.folder import ExportFile, ExportFolder
from ml_backend.exports.pictures import hull, page_name, pages_of, pixels, png
from ml_backend.exports.split_files import as_json


class Coco:
    """See the module."""

    name = "coco"
    about = "COCO boxes: pycocotools, Detectron2, FiftyOne and most detectors"
    needs_pictures = True

    def write(self, documents: Iterable[Labelled], labels: Sequence[FieldSpec], folder: ExportFolder) -> None:
        """See ``Exporter.write``."""
        categories = {spec.label: number for number, spec in enumerate(labels, start=1)}
        files = dict[Split, _Instances]()
        with ExitStack() as stack:
            for document in documents:
                if document.split not in files:
                    name = f"annotations/instances_{document.split}.json"
                    files[document.split] = stack.enter_context(_instances(folder, name, categories))
                for number, page, picture in pages_of(document):
                    name = page_name(document, number)
                    folder.write(f"images/{document.split}/{name}", png(picture))
                    size = {"width": picture.width, "height": picture.height}
                    boxes = [_box(field, page, picture.size) for field in document.fields if field.page == number]
                    files[document.split].add({"file_name": name, **size}, [box for box in boxes if box["area"] > 0])
                    folder.count("pages")
                    folder.count("boxes", sum(box["area"] > 0 for box in boxes))
                    if empty := sum(box["area"] <= 0 for box in boxes):
                        folder.count("fields_without_area", empty)


class _Instances:
    """A file that lists all pages, then all boxes: the boxes wait on the disk until the last page is known."""

    def __init__(self, file: ExportFile, waiting: BinaryIO, categories: Mapping[str, int]) -> None:
        self._file, self._waiting, self._categories = file, waiting, categories
        self._pages = self._boxes = 0

    def add(self, page: Mapping[str, Any], boxes: Sequence[Mapping[str, Any]]) -> None:
        self._file.write(b",\n" if self._pages else b"\n")
        self._pages += 1
        self._file.write(_bytes({"id": self._pages, **page}))
        for box in boxes:
            self._waiting.write(b",\n" if self._boxes else b"\n")
            self._boxes += 1
            ids = {"id": self._boxes, "image_id": self._pages, "category_id": self._categories[box["label"]]}
            self._waiting.write(_bytes({**ids, **{key: value for key, value in box.items() if key != "label"}}))


@contextmanager
def _instances(folder: ExportFolder, name: str, categories: Mapping[str, int]) -> Iterator[_Instances]:
    listed = [{"id": at, "name": label, "supercategory": "field"} for label, at in categories.items()]
    with folder.open(name) as file, TemporaryFile() as waiting:
        file.write(b'{"info": {"description": "docloop"}, "licenses": [], "categories": ' + _bytes(listed))
        file.write(b',\n"images": [')
        yield _Instances(file, waiting, categories)
        file.write(b'],\n"annotations": [')
        waiting.seek(0)
        shutil.copyfileobj(waiting, file)
        file.write(b"]}\n")


def _box(field: Field, page: Page, size: tuple[int, int]) -> dict[str, Any]:
    corners = pixels(Quad.of_box(field.box, page.width, page.height), size)
    left, top, right, bottom = hull(corners)
    return {
        "label": field.label,
        "bbox": [left, top, round(right - left, 2), round(bottom - top, 2)],
        "area": round(_area(corners), 2),
        "segmentation": [[number for corner in corners for number in corner]],
        "iscrowd": 0,
        "attributes": {"text": field.text, "rotation": field.box.rotation},
    }


def _area(corners: Sequence[Point]) -> float:
    """What lies between the corners, in square pixels."""
    around = pairwise([*corners, corners[0]])
    return abs(sum(ax * by - bx * ay for (ax, ay), (bx, by) in around)) / 2


def _bytes(value: Any) -> bytes:
    return as_json(value).encode("utf-8", "replace")
