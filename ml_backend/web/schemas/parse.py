"""A document in, its fields out."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

from ml_backend.web.schemas.base import Answer, Asked, example
from ml_backend.web.schemas.fields import BOX

FileAddress = Annotated[str, StringConstraints(pattern=r"^https?://[^\s\x00-\x20]+$", max_length=2000)]
Preset = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_-]{1,60}$")]


class FromUrl(Asked):
    """A document that docloop is to fetch."""

    model_config = example(url="https://files.example.org/receipts/1.pdf")

    url: FileAddress = Field(
        description="http(s), on a host that DOCLOOP_ALLOWED_HOSTS names. docloop shows no token of its own there."
    )


class ParseAsked(Asked):
    """Who is to read the document; either a project or an interface."""

    project: int | None = Field(
        None, ge=1, lt=2**63, description="The project whose version that serves is to read it."
    )
    interface: Preset | None = Field(
        None, description="Without a project: the labelling interface that says what to look for, such as `receipt`."
    )
    words: bool = Field(False, description="Also all words of all pages.")


class ParsedField(Answer):
    """A field that was found."""

    label: str
    text: str = Field(description="What stands on the paper.")
    value: str = Field(description="Its normal form (ISO date, plain decimal); empty: none is known.")
    page: int = Field(description="From 0.")
    box: list[float] = Field(description=BOX)
    confidence: float = Field(description="The probability that nobody would correct it.")
    reason: str = Field(description="Why it was chosen, and doubts of the reading.")


class ParsedWord(Answer):
    """A word that was read."""

    text: str
    box: list[float]
    confidence: float
    uncertain: bool = Field(description="Read with doubt.")
    line: int
    block: int


class ParsedPage(Answer):
    """A page, upright."""

    width: int = Field(description="Pixels.")
    height: int
    engine: str = Field(description="Who read it.")
    words: list[ParsedWord] | None = Field(description="In reading order; null unless they were asked for.")


class Parsed(Answer):
    """The fields of a document, of which nothing is kept."""

    model_config = example(
        model_version="fields-3.4bf1c2d9",
        score=0.83,
        engines=["rapidocr"],
        seconds=1.4,
        notes=[],
        fields=[
            {
                "label": "total",
                "text": "EUR 12,50",
                "value": "12.50",
                "page": 0,
                "box": [0.61, 0.72, 0.78, 0.75],
                "confidence": 0.94,
                "reason": "the amount beside “Total”",
            }
        ],
        pages=[{"width": 1240, "height": 1754, "engine": "rapidocr", "words": None}],
    )

    model_version: str = Field(description="Who answered.")
    score: float = Field(description="The probability that nothing needs correcting.")
    engines: list[str] = Field(description="Who read the pages, each once.")
    seconds: float = Field(description="How long it took.")
    notes: list[str] = Field(description="What a person should know of the reading.")
    fields: list[ParsedField]
    pages: list[ParsedPage]
