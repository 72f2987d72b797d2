"""The combiner as a file. It comes from disk, so it is hostile until it was checked."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ml_backend.errors import ModelRejected
from ml_backend.models.combined.combiner import Combiner
from ml_backend.models.version_files import read_small

FILE = "combiner.json"
_LARGEST = 1_000_000  # bytes
_FORMAT = 1


class _Stored(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False)

    format: int = Field(ge=_FORMAT, le=_FORMAT)
    members: list[str] = Field(min_length=1, max_length=8)
    weights: dict[str, list[float]]
    least: dict[str, float]
    absent: dict[str, float]
    document: list[float] | None = Field(min_length=2, max_length=2)


def save_combiner(combiner: Combiner, folder: Path) -> None:
    """Write ``FILE`` into ``folder``."""
    stored = _Stored(
        format=_FORMAT,
        members=list(combiner.members),
        weights={label: list(own) for label, own in combiner.weights.items()},
        least=dict(combiner.least),
        absent=dict(combiner.absent),
        document=list(combiner.document) if combiner.document else None,
    )
    (folder / FILE).write_text(stored.model_dump_json(), encoding="utf-8")


def load_combiner(folder: Path) -> Combiner:
    """The combiner in ``folder``. Raises ModelRejected for anything but what ``save_combiner`` writes."""
    try:
        stored = _Stored.model_validate_json(read_small(folder / FILE, _LARGEST))
        document = (stored.document[0], stored.document[1]) if stored.document else None
        weights = {label: tuple(own) for label, own in stored.weights.items()}
        return Combiner(tuple(stored.members), weights, stored.least, stored.absent, document)
    except (ValidationError, ValueError, FileNotFoundError) as error:
        why = f"{error.error_count()} values are wrong" if isinstance(error, ValidationError) else str(error)[:200]
        raise ModelRejected(
            "model_files",
            f"The model file {FILE} cannot be used: {why}.",
            "Roll back to an earlier version, or train again.",
        ) from None
