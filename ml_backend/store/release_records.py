"""A dataset release and its documents, as the rest of docloop sees them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ml_backend.document.fields import FieldSpec

SHORT = 12  # digits of an id as people read it


@dataclass(frozen=True, slots=True)
class Release:
    """A frozen set of samples of a project.

    ``manifest`` is its lineage: ``schema``, ``labels`` (specs), ``documents`` by split, ``annotators`` (documents by number),
    ``project`` (title), ``label_config_sha256``, ``docloop``, ``licence``, ``parents`` (ids). ``deleted`` counts the documents
    that are not there any more, ``deleted_at`` is when the first of them was found to be gone.
    """

    number: int
    id: str
    project_uid: str
    frozen_at: float
    manifest: Mapping[str, Any]
    deleted: int = 0
    deleted_at: float | None = None

    @property
    def samples(self) -> int:
        """How many documents it was frozen with."""
        return sum(self.manifest["documents"].values())

    @property
    def labels(self) -> tuple[FieldSpec, ...]:
        return tuple(FieldSpec(**spec) for spec in self.manifest.get("labels", ()))


@dataclass(frozen=True, slots=True)
class Held:
    """One document of a release. ``state`` is the number of its frozen sample."""

    content: str
    split: str
    hash: str
    state: int
    deleted: bool
    annotator: int | None = None
    confirmed_at: str = ""
