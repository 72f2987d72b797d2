"""Documents as a chat of a picture, a question and an answer, for vision-language models (Llama 3.2 Vision, Qwen-VL).

    train.jsonl   images/<page>.png       a document a row: id, images, messages

``messages`` are a user's turn, with one ``image`` item a page and the instruction, and the assistant's answer: a JSON object of
the fields by label. A label that may repeat has a list, and so has one that was confirmed more than once; another one that is
not there is null. ``images`` are paths in the export's folder, in the order of the image items.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from ml_backend.document.fields import FieldSpec
from ml_backend.exports.base import Labelled
from ml_backend.exports.folder import ExportFolder
from ml_backend.exports.pictures import page_name, pages_of, png
from ml_backend.exports.split_files import as_json, split_files


class VlmChat:
    """See the module."""

    name = "vlm-chat"
    about = "picture, question and JSON answer as a chat: Llama 3.2 Vision, Qwen-VL with TRL and its like"
    needs_pictures = True

    def write(self, documents: Iterable[Labelled], labels: Sequence[FieldSpec], folder: ExportFolder) -> None:
        """See ``Exporter.write``."""
        asked = instruction(labels)
        with split_files(folder, "{}.jsonl") as file_of:
            for document in documents:
                images = []
                for number, _, picture in pages_of(document):
                    images.append(f"images/{page_name(document, number)}")
                    folder.write(images[-1], png(picture))
                    folder.count("pages")
                question = [*({"type": "image"} for _ in images), {"type": "text", "text": asked}]
                said = [{"type": "text", "text": as_json(answer(document, labels))}]
                messages = [{"role": "user", "content": question}, {"role": "assistant", "content": said}]
                file_of(document.split).line(as_json({"id": document.content, "images": images, "messages": messages}))


def instruction(labels: Sequence[FieldSpec]) -> str:
    """What the model is asked, the same for all documents."""
    names = ", ".join(as_json(spec.label) for spec in labels)
    lists = ", ".join(as_json(spec.label) for spec in labels if spec.repeats)
    return (
        f"Read this document and answer with a JSON object that has these keys: {names}. Copy each value as it is written."
        + (f" Give a list for {lists}, empty where there is none." if lists else "")
        + " Use null for what is not on the document."
    )


def answer(document: Labelled, labels: Sequence[FieldSpec]) -> dict[str, Any]:
    """The confirmed texts by label, in the order of the labelling interface."""
    said: dict[str, Any] = {}
    for spec in labels:
        texts = [field.text for field in document.fields if field.label == spec.label]
        said[spec.label] = texts if spec.repeats or len(texts) > 1 else next(iter(texts), None)
    return said
