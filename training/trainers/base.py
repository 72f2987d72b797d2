"""The protocol of a trainer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from ml_backend.document.fields import Field, FieldSpec
from ml_backend.document.samples import Sample
from ml_backend.models.base import FieldExtractor

Progress = Callable[[str, float], None]
"""Told the stage and the share done in ``[0, 1]``, often; raises to stop the run."""


@dataclass(frozen=True, slots=True)
class Fitted:
    """A model version before it is published.

    ``save`` writes its files into an empty folder. ``out_of_fold`` are the fields for each sample (by its content) as a model
    answers that had not seen it: what the gate compares. ``settings`` is a JSON object for the manifest: what else a person
    should know of the version, such as its base model and the licence of that.
    """

    extractor: FieldExtractor
    save: Callable[[Path], None]
    out_of_fold: Mapping[str, tuple[Field, ...]]
    settings: Mapping[str, Any] = field(default_factory=dict)


class Trainer(Protocol):
    """Makes model versions of one kind."""

    @property
    def kind(self) -> str:
        """The name in manifests, such as ``token-classifier``."""
        ...

    def fit(
        self, samples: Sequence[Sample], specs: Sequence[FieldSpec], version: str, progress: Progress, seed: int = 0
    ) -> Fitted:
        """A model of ``samples``. Raises ModelRejected when they cannot make one."""
        ...
