"""A group of routes: what a view says with its annotations is checked, sent and documented."""

from __future__ import annotations

import io

import pytest
from flask import Flask, Response, request
from flask.testing import FlaskClient

from ml_backend.errors import DocloopError, LabelStudioError, SetupError, StoreError
from ml_backend.web.access import Role
from ml_backend.web.openapi import FORM, document
from ml_backend.web.refusals import answer_errors, status_of
from ml_backend.web.rest.routes import Routes
from ml_backend.web.schemas.base import Answer, Asked


class Question(Asked):
    """What is asked."""

    words: int = 1


class Reply(Answer):
    """What is said."""

    words: int
    share: float = 0.0


def echo_group() -> Routes:
    group = Routes("echo", "What comes back.")

    @group.add("POST", "/echo", Role.READ, status=201)
    def echo(body: Question) -> Reply:
        """Say it again.

        As often as it was said.
        """
        return Reply(words=body.words, share=float("nan"))

    @group.add("POST", "/files", Role.TRAIN, takes=(FORM,))
    def files(body: Question | None) -> Reply:
        """Count what a file or a question has."""
        return Reply(words=len(request.files["file"].read()) if body is None else body.words)

    @group.add("PUT", "/raw", Role.TRAIN, takes=("application/pdf",), content="text/plain")
    def raw() -> Response:
        """Say how long a file is."""
        return Response(str(len(request.get_data())), content_type="text/plain")

    @group.add("DELETE", "/echo/<name>", Role.ADMIN)
    def forget(name: str) -> None:
        """Forget a word."""

    return group


@pytest.fixture
def echoes() -> FlaskClient:
    app = Flask("echo", static_folder=None)
    app.register_blueprint(echo_group().blueprint)
    answer_errors(app)
    return app.test_client()


def test_a_model_is_sent_with_the_status_and_without_numbers_that_are_none(echoes: FlaskClient) -> None:
    answer = echoes.post("/api/v1/echo", json={"words": 3})
    assert (answer.status_code, answer.get_json()) == (201, {"words": 3, "share": None})
    assert echoes.post("/api/v1/echo").get_json()["words"] == 1, "nothing is an empty object"
    assert echoes.delete("/api/v1/echo/a").status_code == 204


def test_a_body_that_a_view_takes_itself_is_left_to_it_and_others_are_refused(echoes: FlaskClient) -> None:
    form = {"file": (io.BytesIO(b"12345"), "a.pdf")}
    assert echoes.post("/api/v1/files", data=form, content_type=FORM).get_json()["words"] == 5
    assert echoes.post("/api/v1/files", json={"words": 2}).get_json()["words"] == 2
    assert echoes.post("/api/v1/files", data=b"x", content_type="text/plain").status_code == 415
    assert echoes.put("/api/v1/raw", data=b"123", content_type="application/pdf").data == b"3"
    assert echoes.put("/api/v1/raw", json={}).status_code == 415


def test_the_document_says_what_the_annotations_say() -> None:
    said = document([echo_group()])
    post = said["paths"]["/api/v1/echo"]["post"]
    assert (post["summary"], post["description"]) == (
        "Say it again",
        "As often as it was said.\n\nNeeds the role `read`.",
    )
    assert post["requestBody"] == {
        "required": False,
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Question"}}},
    }
    assert post["responses"]["201"]["content"] == {
        "application/json": {"schema": {"$ref": "#/components/schemas/Reply"}}
    }
    assert set(said["paths"]["/api/v1/files"]["post"]["requestBody"]["content"]) == {"application/json", FORM}
    assert list(said["paths"]["/api/v1/raw"]["put"]["requestBody"]["content"]) == ["application/pdf"]
    (name,) = said["paths"]["/api/v1/echo/{name}"]["delete"]["parameters"]
    assert (name["in"], name["schema"]["type"]) == ("path", "string")
    assert set(said["paths"]["/api/v1/echo/{name}"]["delete"]["responses"]) >= {"204", "401", "403"}


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (DocloopError("task_unknown", "There is no such task."), 404),
        (SetupError("engine_unknown", "There is no such engine."), 503),
        (StoreError("database_locked", "It is locked."), 503),
        (LabelStudioError("label_studio_unreachable", "Nobody answers."), 502),
        (LabelStudioError("label_studio_project_gone", "There is no such project."), 404),
        (DocloopError("options_contradict", "Say one of them."), 422),
        (DocloopError("no_run", "There is none."), 409),
    ],
)
def test_each_kind_of_error_has_its_status(error: DocloopError, status: int) -> None:
    assert status_of(error) == status
