"""Fields as applications are told them, and as they tell them."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints

from ml_backend.document.fields import Field as FoundField
from ml_backend.document.geometry import Box
from ml_backend.web.schemas.base import Answer, Asked, Line

_PAGES = 1000


def _in_order(edges: list[float]) -> list[float]:
    if edges[0] >= edges[2] or edges[1] >= edges[3]:
        raise ValueError("a box is [left, top, right, bottom], and has an area")
    return edges


Edge = Annotated[float, Field(ge=0, le=1)]
Edges = Annotated[list[Edge], Field(min_length=4, max_length=4), AfterValidator(_in_order)]
"""``[left, top, right, bottom]`` in ``[0, 1]`` of the upright page, from its top left corner."""

Text = Annotated[str, StringConstraints(max_length=5000, pattern=r"^[^\x00-\x08\x0b-\x1f\x7f]*$")]
Page = Annotated[int, Field(ge=0, lt=_PAGES)]
FieldId = Annotated[Line, StringConstraints(max_length=100)]
Label = Annotated[Line, StringConstraints(min_length=1, max_length=200)]
BOX = "[left, top, right, bottom] in [0, 1] of the upright page."


class FieldSeen(Answer):
    """A field that was found."""

    id: str = Field(description="Names it in corrections.")
    label: str
    text: str = Field(description="What stands on the paper.")
    page: int = Field(description="From 0.")
    box: list[float] = Field(description=BOX)
    confidence: float = Field(description="The probability that nobody will correct it.")
    reason: str = Field(description="Why it was chosen, and doubts of the reading.")

    @classmethod
    def of(cls, field: FoundField) -> FieldSeen:
        return cls(
            id=field.id,
            label=field.label,
            text=field.text,
            page=field.page,
            box=edges_of(field.box),
            confidence=field.confidence,
            reason=field.reason,
        )


class FieldGiven(Asked):
    """A field that an application tells of."""

    label: Label = Field(description="One of the labelling interface.")
    text: Text = Field(description="What stands on the paper, or should.")
    page: Page = Field(0, description="From 0.")
    box: Edges = Field(description=BOX)
    id: FieldId = Field("", description="The field that it was: the `id` of one that was shown. Empty: a new one.")

    def field(self) -> FoundField:
        """As docloop has fields."""
        return FoundField(self.label, self.text, box_of(self.box), self.page, id=self.id)


def edges_of(box: Box) -> list[float]:
    """A box as applications see it."""
    return [box.left, box.top, box.right, box.bottom]


def box_of(edges: list[float]) -> Box:
    """The box of checked edges."""
    return Box.clipped(edges[0], edges[1], edges[2], edges[3])
