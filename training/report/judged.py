"""What a report is made of: the documents that judged, and what champion and challenger said of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ml_backend.document.fields import Field, FieldSpec
from ml_backend.document.samples import Sample
from ml_backend.models.manifest import Manifest

Answers = Mapping[str, Sequence[Field]]
"""Fields by a document's content."""


@dataclass(frozen=True, slots=True)
class Judged:
    """``before`` are the champion's answers and ``after`` the challenger's, each given without having seen the document."""

    samples: Sequence[Sample]
    before: Answers
    after: Answers
    specs: Sequence[FieldSpec]


@dataclass(frozen=True, slots=True)
class Story:
    """The version that a report is about, and those before it, the first one first. ``tasks`` are the numbers of Label Studio's
    tasks by the document's content."""

    title: str
    manifest: Manifest
    earlier: Sequence[Manifest] = ()
    tasks: Mapping[str, int] = field(default_factory=dict)
