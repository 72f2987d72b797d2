"""What the members of a combined model say of one label in one document, as numbers to weigh.

Each text that anybody says is a proposal. For each member three numbers speak for or against it: the log odds of the member's
confidence if it says the same, minus those of its best other text if it says another, and 1 if it says nothing at all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ml_backend.document.bio_tags import bare
from ml_backend.document.fields import Field

Floats = NDArray[np.float64]

FURTHEST = 4.0  # log odds beyond which a member is not heard any louder
NUMBERS = 3  # a member


@dataclass(frozen=True, slots=True)
class Proposal:
    """A text for a label: the field as the first member that says so has it, and the numbers (``NUMBERS`` a member)."""

    field: Field
    numbers: tuple[float, ...]


def proposals(said: Mapping[str, Sequence[Field]], members: Sequence[str]) -> list[Proposal]:
    """The proposals for one label; ``said`` are each member's fields of it. The members' order breaks ties."""
    by_text: dict[str, Field] = {}
    for member in members:
        for field in said.get(member, ()):
            by_text.setdefault(bare(field.text) or field.text, field)
    return [
        Proposal(field, tuple(number for member in members for number in _of_member(text, said.get(member, ()))))
        for text, field in by_text.items()
    ]


def _of_member(text: str, fields: Sequence[Field]) -> tuple[float, float, float]:
    same = [field.confidence for field in fields if (bare(field.text) or field.text) == text]
    other = [field.confidence for field in fields if (bare(field.text) or field.text) != text]
    if not fields:
        return 0.0, 0.0, 1.0
    return (_log_odds(max(same)) if same else 0.0), (-_log_odds(max(other)) if other and not same else 0.0), 0.0


def _log_odds(chance: float) -> float:
    chance = min(0.9999, max(0.0001, chance))
    return float(np.clip(np.log(chance / (1 - chance)), -FURTHEST, FURTHEST))
