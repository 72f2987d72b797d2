"""Confirmed documents as windows with a label a word: a ``datasets.Dataset`` on disk, which is never in memory as a whole."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ml_backend.document.bio_tags import OUTSIDE, bare, bio_tags, match_words
from ml_backend.document.fields import FieldSpec
from ml_backend.document.geometry import THOUSAND
from ml_backend.document.samples import Sample
from ml_backend.models.layout_model.decoding import tags_of
from ml_backend.models.layout_model.encoding import Shape, Window, encode
from ml_backend.models.layout_model.onnx_model import PIXELS
from ml_backend.models.layout_model.subwords import FileSubWords
from training.trainers.layout_model.page_pictures import AT_ONCE, PagePictures

IGNORED = -100
"""The label of what is not learned from: special tokens, the second piece of a word, a field's text elsewhere."""
PICTURE = "picture"  # the column that says which of ``PagePictures`` shows the window's page


def labels_of(samples: Sequence[Sample], specs: Sequence[FieldSpec]) -> tuple[str, ...]:
    """The labels of ``specs`` that stand on a word of a sample, each once, in the order of ``specs``."""
    seen = {
        label
        for sample in samples
        for page in match_words(sample.document, sample.fields)
        for label, _ in page.values()
    }
    return tuple(label for label in dict.fromkeys(spec.label for spec in specs) if label in seen)


def word_tags(sample: Sample, labels: Sequence[str]) -> tuple[dict[int, int], ...]:
    """For each page the number of each word's tag; ``IGNORED`` for words that say the same as a field but lie elsewhere."""
    number = {tag: at for at, tag in enumerate(tags_of(labels))}
    said = {bare(field.text) for field in sample.fields if field.label in labels}
    pages = []
    for page, meant in zip(sample.document.pages, match_words(sample.document, sample.fields), strict=True):
        known = {word: one for word, one in meant.items() if one[0] in labels}
        tags = bio_tags(page, known)
        pages.append(
            {
                word: IGNORED if tag == OUTSIDE and bare(page.words[word].text) in said else number[tag]
                for word, tag in enumerate(tags)
            }
        )
    return tuple(pages)


def examples(
    samples: Sequence[Sample],
    words: FileSubWords,
    shape: Shape,
    labels: Sequence[str],
    firsts: Mapping[str, int] | None = None,
) -> Iterator[dict[str, Any]]:
    """A row of the data set for each window of each sample; with ``firsts`` (``PagePictures``) it names its page's picture."""
    for sample in samples:
        tags = word_tags(sample, labels)
        for window in encode(sample.document, words, shape):
            yield _row(window, tags[window.page]) | ({PICTURE: firsts[sample.content] + window.page} if firsts else {})


def _row(window: Window, tags: Mapping[int, int]) -> dict[str, Any]:
    labels = [IGNORED] * len(window.ids)
    for word, at in window.firsts.items():
        labels[at] = tags[word]
    return {"input_ids": list(window.ids), "bbox": [list(box) for box in window.boxes], "labels": labels}


def data_set(
    samples: Sequence[Sample],
    words: FileSubWords,
    shape: Shape,
    labels: Sequence[str],
    folder: Path,
    pictures: PagePictures | None = None,
) -> Any:
    """The examples as a ``datasets.Dataset`` in ``folder``: Arrow files, written as they are made and mapped into memory."""
    import datasets

    datasets.disable_progress_bars()
    features = {
        "input_ids": datasets.List(datasets.Value("int32")),
        "bbox": datasets.List(datasets.List(datasets.Value("int16"), length=4)),
        "labels": datasets.List(datasets.Value("int16")),
    }
    if pictures is not None:
        features[PICTURE] = datasets.Value("int32")
    mark = hashlib.sha256()
    for sample in samples:
        mark.update(sample.content.encode("utf-8", "surrogatepass"))
        mark.update(sample.confirmed_at.encode("utf-8", "surrogatepass"))
    mark.update(json.dumps([list(labels), shape.length, shape.stride, THOUSAND]).encode())
    mark.update(words.text.encode("utf-8", "surrogatepass"))
    mark.update(pictures.mark.encode() if pictures else b"")
    return datasets.Dataset.from_generator(
        lambda: examples(samples, words, shape, labels, pictures.firsts if pictures else None),
        features=datasets.Features(features),
        cache_dir=str(folder),
        fingerprint=mark.hexdigest()[:32],
        writer_batch_size=AT_ONCE,
    )


def class_weights(rows: Any, tags: int) -> list[float]:
    """How much each tag counts: rare ones more, by the root of how much rarer they are, so that "outside" does not drown them."""
    counts = [0] * tags
    for labels in rows["labels"]:
        for label in labels:
            if label != IGNORED:
                counts[label] += 1
    total = sum(counts)
    weights = [(total / (tags * count)) ** 0.5 if count else 1.0 for count in counts]
    return [min(5.0, max(0.2, weight)) for weight in weights]


def collator(pad: int, pictures: PagePictures | None = None) -> Callable[[list[dict[str, Any]]], dict[str, Any]]:
    """What makes a batch of rows: tensors padded to its longest window, and what the network sees of their pages."""

    def collate(rows: list[dict[str, Any]]) -> dict[str, Any]:
        import numpy as np
        import torch

        shape = (len(rows), max(len(row["input_ids"]) for row in rows))
        batch = {
            "input_ids": np.full(shape, pad),
            "attention_mask": np.zeros(shape, dtype=np.int64),
            "bbox": np.zeros((*shape, 4), dtype=np.int64),
            "labels": np.full(shape, IGNORED),
        }
        for at, row in enumerate(rows):
            here = len(row["input_ids"])
            batch["attention_mask"][at, :here] = 1
            for name in ("input_ids", "bbox", "labels"):
                batch[name][at, :here] = row[name]
        if pictures is not None:
            batch[PIXELS] = pictures.pixels([row[PICTURE] for row in rows])
        return {name: torch.from_numpy(values) for name, values in batch.items()}

    return collate
