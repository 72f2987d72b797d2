"""Documents that applications send for annotation, and what people decide about them there."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, StringConstraints, model_validator

from ml_backend.web.schemas.base import Answer, Asked, Line, example
from ml_backend.web.schemas.fields import BOX, Edges, FieldGiven, FieldId, FieldSeen, Label, Page, Text
from ml_backend.web.schemas.parse import FileAddress

MOST_FIELDS = 2000
Mark = Annotated[str, StringConstraints(pattern=r"^[0-9]{1,18}-[0-9a-f]{16}$")]
Taken = Annotated[float, Field(ge=0, le=86_400)]
_SECONDS = "How long the person looked at it."
_SHOWN = "The `shown` of the task as it was on the screen: what is confirmed or corrected must be what the person saw."


class Named(Asked):
    """What the document is called."""

    name: Line | None = Field(
        None, description="The name of the file; else that of the form's part, or of the URL.", max_length=200
    )


_TASK: dict[str, object] = {
    "task": 41,
    "link": "http://localhost:8080/projects/7/data?task=41",
    "annotated": False,
    "begun": False,
    "shown": "1203-9f2c41d07b55e1aa",
    "model_version": "fields-3.4bf1c2d9",
    "score": 0.83,
    "fields": [
        {
            "id": "a1b2c3d4e5",
            "label": "total",
            "text": "12,50",
            "page": 0,
            "box": [0.61, 0.72, 0.78, 0.75],
            "confidence": 0.94,
            "reason": "the amount beside “Total”",
        }
    ],
    "why": "",
}
_SUBMITTED: dict[str, object] = {
    "task": 41,
    "annotation": 17,
    "completed_by": 3,
    "link": "http://localhost:8080/projects/7/data?task=41",
}


class Task(Answer):
    """A task and the prediction that is shown with it."""

    model_config = example(**_TASK)

    task: int = Field(description="Label Studio's number.")
    link: str = Field(description="To the task in Label Studio.")
    annotated: bool = Field(description="As many people have annotated it as the project wants.")
    begun: bool = Field(description="Somebody has left a draft in Label Studio.")
    shown: str = Field(description="Stands for this prediction; empty: there is none yet.")
    model_version: str
    score: float | None = Field(description="What Label Studio orders by: lowest first.")
    fields: list[FieldSeen]
    why: str = Field(description="The code of what kept docloop from predicting it yet; empty: nothing did.")


class Sent(Answer):
    """A document that is in the project."""

    model_config = example(sha256="9f2c" * 16, created=True, tasks=[_TASK])

    sha256: str = Field(description="Of the file: by it the project knows the document.")
    created: bool = Field(description="Whether its tasks are new; false: the project had it.")
    tasks: list[Task] = Field(description="One; or one a page, where the interface shows a single page.")


class Confirm(Asked):
    """All is right as it was shown."""

    model_config = example(shown="1203-9f2c41d07b55e1aa", seconds=4.2)

    shown: Mark = Field(description=_SHOWN)
    seconds: Taken = Field(description=_SECONDS)


class FieldChange(Asked):
    """What is different about a field that was shown; what is left out stays."""

    id: FieldId = Field(description="The field's `id`.")
    label: Label | None = None
    text: Text | None = None
    page: Page | None = Field(None, description="From 0.")
    box: Edges | None = Field(None, description=BOX)
    deleted: bool = Field(False, description="It is not on the document.")


class Correct(Asked):
    """What is right: all `fields`, or the `changes` of those that were shown and those to be `added`."""

    model_config = example(shown="1203-9f2c41d07b55e1aa", seconds=11.5, changes=[{"id": "a1b2c3d4e5", "text": "12,60"}])

    shown: Mark | None = Field(
        None, description=f"{_SHOWN} Left out: nothing was shown, and `fields` are all there are."
    )
    seconds: Taken = Field(description=_SECONDS)
    fields: list[FieldGiven] | None = Field(None, description="All that are right.", max_length=MOST_FIELDS)
    changes: list[FieldChange] = Field(
        default_factory=list, description="Of fields that were shown.", max_length=MOST_FIELDS
    )
    added: list[FieldGiven] = Field(
        default_factory=list, description="Fields that were not shown.", max_length=MOST_FIELDS
    )

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.fields is None) == (not self.changes and not self.added):
            raise ValueError("say either fields, or changes and added")
        return self


class Skip(Asked):
    """The person could not say."""

    model_config = example(seconds=2.0)

    seconds: Taken = Field(description=_SECONDS)


class Submitted(Answer):
    """An annotation that was made in Label Studio."""

    model_config = example(**_SUBMITTED)

    task: int
    annotation: int = Field(description="Label Studio's number.")
    completed_by: int | None = Field(
        description="Label Studio's number of the annotator; null: the user of docloop's own token."
    )
    link: str = Field(description="To the task in Label Studio.")


class FeedbackAsked(Asked):
    """A document that was corrected elsewhere. It comes as `base64` or by `url`."""

    model_config = example(
        url="https://files.example.org/receipts/1.pdf",
        seconds=11.5,
        model_version="fields-3.4bf1c2d9",
        original=[{"id": "1", "label": "total", "text": "12,50", "page": 0, "box": [0.61, 0.72, 0.78, 0.75]}],
        corrected=[{"id": "1", "label": "total", "text": "12,60", "page": 0, "box": [0.61, 0.72, 0.78, 0.75]}],
    )

    base64: str | None = Field(None, description="The file.")
    url: FileAddress | None = Field(None, description="As for parse.")
    name: Line | None = Field(None, description="The name of the file.", max_length=200)
    seconds: Taken = Field(description=_SECONDS)
    model_version: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._+-]{1,80}$")] = Field(
        "elsewhere", description="Who made the original: what parse said, or a name of your own."
    )
    score: float = Field(0.5, ge=0, le=1, description="How sure that was of the whole document.")
    original: list[FieldGiven] = Field(description="What was shown.", max_length=MOST_FIELDS)
    corrected: list[FieldGiven] = Field(
        description="What is right. A field with the `id` of an original one is that one; without, its place tells.",
        max_length=MOST_FIELDS,
    )

    @model_validator(mode="after")
    def _one_file(self) -> Self:
        if (self.base64 is None) == (self.url is None):
            raise ValueError("say either base64 or url")
        return self


class FeedbackTaken(Answer):
    """A document with its annotation, in Label Studio."""

    model_config = example(sha256="9f2c" * 16, created=True, annotations=[_SUBMITTED])

    sha256: str
    created: bool = Field(description="Whether the document is new to the project.")
    annotations: list[Submitted] = Field(
        description="One; or one a page, where the interface shows a single page, without those that an earlier try has made."
    )
