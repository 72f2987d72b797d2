"""Error bodies as RFC 9457 has them, with docloop's stable code and, where it is known, the fix."""

from __future__ import annotations

from collections.abc import Sequence
from http.client import responses

from flask import Response
from pydantic import BaseModel, ConfigDict, Field

CONTENT_TYPE = "application/problem+json"


class Fault(BaseModel):
    """One thing that is wrong with a request."""

    model_config = ConfigDict(frozen=True)

    where: str = Field(description="Which part of the request: `query.limit`, `body.options.layout`.")
    what: str = Field(description="What is wrong with it.")


class Problem(BaseModel):
    """Why a request was refused (RFC 9457). `code` is stable, the sentences are for people."""

    model_config = ConfigDict(
        frozen=True,
        json_schema_extra={
            "examples": [
                {
                    "type": "about:blank",
                    "title": "Not Found",
                    "status": 404,
                    "code": "project_unknown",
                    "detail": "docloop does not follow project 8. Connect it: docloop connect --project 8.",
                    "fix": "Connect it: docloop connect --project 8.",
                }
            ]
        },
    )

    type: str = Field("about:blank", description="Always about:blank: `code` tells problems apart.")
    title: str = Field(description="The name of the HTTP status.")
    status: int = Field(ge=400, le=599, description="The HTTP status.")
    code: str = Field(description="docloop's code, which does not change.")
    detail: str = Field(description="What is wrong, and the fix.")
    fix: str | None = Field(None, description="What to do about it, where that is known.")
    faults: list[Fault] | None = Field(None, description="Each part of the request that is wrong.")


def problem(status: int, code: str, detail: str, fix: str = "", faults: Sequence[Fault] = ()) -> Response:
    """A problem answer."""
    title = responses.get(status, "Error")
    said = Problem(
        type="about:blank",
        title=title,
        status=status,
        code=code,
        detail=detail,
        fix=fix or None,
        faults=list(faults) or None,
    )
    return Response(said.model_dump_json(exclude_none=True), status, content_type=CONTENT_TYPE)
