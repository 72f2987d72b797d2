"""Answers that a version gave on its own training documents while they were held out of a fold, kept with the version.

A later challenger is compared with the champion on documents that the champion has learned from. Asking it again would be asking
for what it remembers; so each version keeps what it said before it had seen them. The file holds document text.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from ml_backend.document.fields import Field, FieldSpec
from ml_backend.document.json_form import fields_from_json, fields_to_json
from ml_backend.document.samples import Sample
from ml_backend.errors import ModelRejected
from ml_backend.models.base import FieldExtractor

FILE = "out_of_fold.json"
MAX_BYTES = 1_000_000_000

Answers = Mapping[str, Sequence[Field]]
"""What a model says of documents: fields by content."""


def write_out_of_fold(folder: Path, answers: Answers) -> None:
    """Keep ``answers`` in a version's folder."""
    stored = {content: fields_to_json(fields) for content, fields in sorted(answers.items())}
    (folder / FILE).write_text(json.dumps(stored, ensure_ascii=False, allow_nan=False), encoding="utf-8")


def read_out_of_fold(folder: Path) -> dict[str, tuple[Field, ...]]:
    """The answers of ``write_out_of_fold``; none if the version kept none. Raises ModelRejected if they cannot be read."""
    try:
        if os.path.getsize(folder / FILE) > MAX_BYTES:
            raise ModelRejected("out_of_fold_broken", f"{FILE} of {folder.name} has more than {MAX_BYTES:,} bytes.")
        stored = json.loads((folder / FILE).read_text(encoding="utf-8"))
        if not isinstance(stored, dict):
            raise ValueError("not an object")
        return {content: fields_from_json(fields) for content, fields in stored.items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError) as error:
        reason = type(error).__name__  # its text may quote the document
        raise ModelRejected("out_of_fold_broken", f"{FILE} of {folder.name} cannot be read ({reason}).") from None


def answers_of(
    extractor: FieldExtractor, samples: Iterable[Sample], specs: Sequence[FieldSpec], kept: Answers
) -> dict[str, tuple[Field, ...]]:
    """What a version says of the samples as if it had never seen them: what it ``kept`` out of fold, else a fresh answer."""
    return {
        sample.content: tuple(kept[sample.content])
        if sample.content in kept
        else extractor.extract(sample.document, specs).fields
        for sample in samples
    }
