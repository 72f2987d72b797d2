"""Pages for models that read words and boxes: FUNSD-style JSON, and the same pages as words, boxes and BIO tags.

    train/images/<page>.png   train/annotations/<page>.json     a page: {"form": [{id, text, box, label, words, linking}]}
    train.jsonl                                                 a page a line: id, image, words, bboxes, ner_tags
    labels.json                                                 label_list, label2id, id2label

``text`` is what was confirmed, ``words`` are what OCR read: a model will see OCR's words, too. Boxes of the annotations are
pixels (left, top, right, bottom), ``bboxes`` thousandths of the page. Words of no field are an ``other`` entry a line, as in
FUNSD; a label that is itself called *other* can be told from them in ``train.jsonl`` alone. docloop knows no relations:
``linking`` is empty.

The words of a field are found as for docloop's own models (``document.bio_tags``). Where they do not say what was confirmed the
field is counted: ``fields_unsure``, or ``fields_without_words`` where OCR read nothing there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ml_backend.document.bio_tags import OUTSIDE, WordLabel, bio_tags, match_words, spelt
from ml_backend.document.elements import Page
from ml_backend.document.fields import FieldSpec
from ml_backend.document.geometry import to_thousand
from ml_backend.exports.base import Labelled
from ml_backend.exports.folder import ExportFolder
from ml_backend.exports.pictures import page_name, pages_of, png, whole_pixels
from ml_backend.exports.split_files import as_json, split_files

_OTHER = "other"


def label_list(labels: Sequence[FieldSpec]) -> list[str]:
    """All tags a word may have, in the order of their numbers."""
    return [OUTSIDE, *(f"{begins}-{spec.label}" for spec in labels for begins in "BI")]


class LayoutLM:
    """See the module."""

    name = "layoutlm"
    about = "FUNSD-style JSON, and words, boxes and BIO tags: LayoutLM, LiLT and their like"
    needs_pictures = True

    def write(self, documents: Iterable[Labelled], labels: Sequence[FieldSpec], folder: ExportFolder) -> None:
        """See ``Exporter.write``."""
        tags = label_list(labels)
        numbers = {tag: number for number, tag in enumerate(tags)}
        names = {str(number): tag for tag, number in numbers.items()}
        whole = {"label_list": tags, "label2id": numbers, "id2label": names}
        folder.write("labels.json", (as_json(whole) + "\n").encode("utf-8", "replace"))
        with split_files(folder, "{}.jsonl") as file_of:
            for document in documents:
                matched = words_of_fields(document, folder)
                for number, page, picture in pages_of(document):
                    name = page_name(document, number)
                    image = f"{document.split}/images/{name}"
                    folder.write(image, png(picture))
                    form = {"form": _form(document, number, matched[number], picture.size)}
                    with folder.open(f"{document.split}/annotations/{name.removesuffix('.png')}.json") as file:
                        file.line(as_json(form))
                    row = {"id": name.removesuffix(".png"), "image": image, **words_of(page, matched[number])}
                    file_of(document.split).line(as_json(row))
                    folder.count("pages")


def words_of_fields(document: Labelled, folder: ExportFolder) -> tuple[dict[int, WordLabel], ...]:
    """``match_words`` of the document's fields; those whose words do not say what was confirmed are counted."""
    matched = match_words(document.document, document.fields)
    for at, field in enumerate(document.fields):
        words = [i for i, (_, owner) in sorted(matched[field.page].items()) if owner == at]
        if field.text.strip() and not words:
            folder.count("fields_without_words")
        elif not spelt(document.document.pages[field.page].text_of(words), field.text):
            folder.count("fields_unsure")
    return matched


def words_of(page: Page, labels: Mapping[int, WordLabel]) -> dict[str, Any]:
    """Words in reading order, with their boxes in thousandths and their tags."""
    return {
        "words": [word.text for word in page.words],
        "bboxes": [to_thousand(word.box) for word in page.words],
        "ner_tags": bio_tags(page, labels),
    }


def _form(
    document: Labelled, number: int, labels: Mapping[int, WordLabel], size: tuple[int, int]
) -> list[dict[str, Any]]:
    """The entries of a page: its fields in their order, then what is in none of them."""
    page = document.document.pages[number]
    form: list[dict[str, Any]] = []

    def add(label: str, text: str, box: list[int], words: Sequence[int]) -> None:
        said = [{"text": page.words[i].text, "box": whole_pixels(page.words[i].box, size)} for i in words]
        form.append({"id": len(form), "text": text, "box": box, "label": label, "words": said, "linking": []})

    for at, field in enumerate(document.fields):
        if field.page == number:
            words = [i for i, (_, owner) in sorted(labels.items()) if owner == at]
            add(field.label, field.text, whole_pixels(field.box.upright(page.width, page.height), size), words)
    for line in page.lines:
        if rest := [i for i in line if i not in labels]:
            add(_OTHER, page.text_of(rest), whole_pixels(page.box_of(rest), size), rest)
    return form
