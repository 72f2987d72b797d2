"""What all models share."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Line = Annotated[str, StringConstraints(max_length=500, pattern=r"^[^\x00-\x1f\x7f]*$")]
"""Text of one line: a control character could steer a log or a terminal, and no database takes a NUL."""

Seconds = Annotated[float, Field(description="Seconds since 1970, UTC.")]


class Asked(BaseModel):
    """What a request says. Keys that are not known are refused: a misspelt one must not be ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Limited(Asked):
    """How many are wanted."""

    limit: int = Field(20, ge=1, le=1000, description="How many at most.")


class Answer(BaseModel):
    """What docloop says. A number that is none (NaN) is sent as null; what the document does not have is left out."""

    model_config = ConfigDict(extra="ignore", frozen=True, protected_namespaces=())


def example(**value: Any) -> ConfigDict:
    """The configuration of a model that is shown with an example."""
    return ConfigDict(json_schema_extra={"examples": [value]})
