"""Applications with screens of their own: what people decide there is in Label Studio, and the loop learns exactly that.

The loop is the real one over the Label Studio in memory (``loop_parts``); receipts are made up, files are really decoded.
"""

from __future__ import annotations

import base64
import io
import time
from typing import Any

import pytest
from flask.testing import FlaskClient
from loop_parts import Loop
from made_receipts import made_receipt
from PIL import Image

from builders import png
from ml_backend.applications.answers import refuse_if_taken
from ml_backend.document.samples import Sample
from ml_backend.errors import DocloopError
from ml_backend.jobs.queue import JobQueue
from ml_backend.label_studio.one_task import OneTask
from ml_backend.label_studio.results import from_results
from ml_backend.services import Services
from ml_backend.uploading import digest_of
from ml_backend.web.app import create_app

pytestmark = pytest.mark.slow

ANNA = "anna@example.org"
PAPER = 5


def paper(image: str) -> Sample:
    """The tasks of the loop are numbered; every file that is sent is receipt 5."""
    return made_receipt(int(image) if image.isdigit() else PAPER)


@pytest.fixture
def loop(services: Services, queue: JobQueue) -> Loop:
    """A followed project with two open tasks that are predicted; Anna may annotate there."""
    made = Loop.of(services, queue, 2, paper)
    made.there.users[3] = ANNA
    made.turn()
    return made


@pytest.fixture
def anna(loop: Loop) -> FlaskClient:
    """An application with Anna's token."""
    client = create_app(loop.services).test_client()
    secret = loop.services.store.tokens.create("app", "train", time.time(), email=ANNA)[1]
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {secret}"
    return client


def at(loop: Loop, task: int | None = None, verb: str = "") -> str:
    place = f"/api/v1/projects/{loop.project}/tasks"
    return "/".join([place, *([str(task)] if task else []), *([verb] if verb else [])])


def send(client: FlaskClient, loop: Loop, data: bytes = b"", name: str = "a.png") -> dict[str, Any]:
    form = {"file": (io.BytesIO(data or png("A")), name)}
    answer = client.post(at(loop), data=form)
    assert answer.status_code == 200, answer.data
    said: dict[str, Any] = answer.get_json()
    return said


def say(client: FlaskClient, path: str, status: int = 200, **body: Any) -> dict[str, Any]:
    answer = client.post(path, json=body)
    assert answer.status_code == status, answer.data
    said: dict[str, Any] = answer.get_json()
    return said


def learned(loop: Loop, task: int) -> list[tuple[str, str, str, str]]:
    """What the loop made of a task's annotation: kind, label before, text before, text after."""
    loop.turn()
    found = loop.services.store.ledger.corrections(loop.uid)
    return sorted(
        (one.kind, one.predicted_label, one.predicted_value, one.final_value) for one in found if one.task_id == task
    )


def samples(loop: Loop) -> int:
    loop.turn()
    return loop.services.store.samples.count(loop.uid)


# -- a document is sent ----------------------------------------------------------------------------------------------------


def test_a_document_is_a_task_with_its_prediction_at_once_and_one_however_often_it_is_sent(
    anna: FlaskClient, loop: Loop
) -> None:
    first = send(anna, loop)
    (task,) = first["tasks"]
    assert (first["created"], task["annotated"], task["why"]) == (True, False, "")
    assert task["link"] == f"http://127.0.0.1:9/projects/{loop.project}/data?task={task['task']}"
    assert {field["label"] for field in task["fields"]} >= {"total", "date"}
    (stored,) = [one for one in loop.there.predictions.values() if one.task == task["task"]]
    assert (stored.model_version, task["shown"].split("-")[0]) == (task["model_version"], str(stored.id))
    again = send(anna, loop, name="another name.png")
    assert (again["created"], again["sha256"], again["tasks"]) == (False, first["sha256"], first["tasks"])
    assert len(loop.there.uploads) == 1
    raw = anna.post(f"{at(loop)}?name=b.png", data=png("A"), content_type="image/png").get_json()
    assert raw["tasks"] == first["tasks"]
    assert anna.get(at(loop, task["task"])).get_json() == task


def test_a_task_that_was_sent_is_one_that_the_loop_already_has_a_prediction_of(anna: FlaskClient, loop: Loop) -> None:
    task = send(anna, loop)["tasks"][0]["task"]
    loop.turn()
    assert [one.task for one in loop.there.predictions.values()].count(task) == 1
    assert any(one.task_id == task for one in loop.services.store.documents.each(loop.uid))


def test_a_file_that_is_no_page_makes_no_task(anna: FlaskClient, loop: Loop) -> None:
    before = dict(loop.there.tasks)
    refused = anna.post(at(loop), data={"file": (io.BytesIO(b"<html>"), "a.png")})
    assert (refused.status_code, refused.get_json()["code"]) == (422, "image_kind_refused")
    assert (loop.there.tasks, loop.there.uploads) == (before, [])
    nameless = b'--b\r\nContent-Disposition: form-data; filename="a.png"\r\n\r\nx\r\n--b--\r\n'
    assert anna.post(at(loop), data=nameless, content_type="multipart/form-data; boundary=b").status_code == 400
    for body in ({}, {"other": (io.BytesIO(b"x"), "a.png")}, {"file": "text"}):
        assert anna.post(at(loop), data=body, content_type="multipart/form-data").status_code == 400


def test_two_requests_with_the_same_file_at_once_make_one_task(anna: FlaskClient, loop: Loop) -> None:
    name = f"send {loop.uid} {digest_of(png('A'))}"
    assert loop.services.store.leases.take(name, "another machine", time.time(), 60)
    refused = anna.post(at(loop), data={"file": (io.BytesIO(png("A")), "a.png")})
    assert (refused.status_code, refused.get_json()["code"]) == (409, "document_on_its_way")
    assert len(loop.there.tasks) == 2


# -- what people decide -----------------------------------------------------------------------------------------------------


def test_confirming_is_annas_annotation_without_a_correction_and_a_sample(anna: FlaskClient, loop: Loop) -> None:
    task = send(anna, loop)["tasks"][0]
    made = say(anna, at(loop, task["task"], "confirm"), shown=task["shown"], seconds=4.2)
    annotation = loop.there.annotations[made["annotation"]]
    assert (made["completed_by"], annotation.completed_by, annotation.lead_time) == (3, 3, 4.2)
    assert annotation.parent_prediction == int(task["shown"].split("-")[0])
    assert {kind for kind, *_ in learned(loop, task["task"])} == {"confirmed"}
    assert samples(loop) == 1
    use = next(iter(loop.services.store.ledger.corrections(loop.uid)))
    assert (use.completed_by, use.lead_time, use.model_version) == (3, 4.2, task["model_version"])


def test_correcting_by_changes_teaches_exactly_those(anna: FlaskClient, loop: Loop) -> None:
    task = send(anna, loop)["tasks"][0]
    wrong, gone, *rest = task["fields"]
    added = {"label": "total", "text": "99.99", "page": 0, "box": [0.05, 0.95, 0.15, 0.97]}
    say(
        anna,
        at(loop, task["task"], "correct"),
        shown=task["shown"],
        seconds=11,
        changes=[{"id": wrong["id"], "text": "as it should be"}, {"id": gone["id"], "deleted": True}],
        added=[added],
    )
    found = learned(loop, task["task"])
    assert [one for one in found if one[0] != "confirmed"] == [
        ("added", "", "", "99.99"),
        ("deleted", gone["label"], gone["text"], ""),
        ("text", wrong["label"], wrong["text"], "as it should be"),
    ]
    assert len([one for one in found if one[0] == "confirmed"]) == len(rest)
    assert samples(loop) == 1


def test_correcting_by_all_fields_is_the_same(anna: FlaskClient, loop: Loop) -> None:
    task = send(anna, loop)["tasks"][0]
    fields = [{key: field[key] for key in ("id", "label", "text", "page", "box")} for field in task["fields"]]
    fields[0]["text"] = "as it should be"
    say(anna, at(loop, task["task"], "correct"), shown=task["shown"], seconds=11, fields=fields)
    found = learned(loop, task["task"])
    first = task["fields"][0]
    assert [one for one in found if one[0] != "confirmed"] == [
        ("text", first["label"], first["text"], "as it should be")
    ]
    assert len(found) == len(fields)


def test_a_skip_is_one_in_label_studio_and_no_sample(anna: FlaskClient, loop: Loop) -> None:
    task = send(anna, loop)["tasks"][0]
    made = say(anna, at(loop, task["task"], "skip"), seconds=2)
    assert loop.there.annotations[made["annotation"]].was_cancelled
    assert (learned(loop, task["task"]), samples(loop)) == ([], 0)
    say(anna, at(loop, task["task"], "confirm"), shown=task["shown"], seconds=3)  # she has thought again
    assert samples(loop) == 1


def test_who_comes_second_is_told(anna: FlaskClient, loop: Loop) -> None:
    task = send(anna, loop)["tasks"][0]
    place = at(loop, task["task"], "confirm")
    loop.there.drafts[task["task"]] = "otto@example.org"
    assert anna.get(at(loop, task["task"])).get_json()["begun"]
    assert say(anna, place, 409, shown=task["shown"], seconds=1)["code"] == "task_begun"
    loop.there.drafts[task["task"]] = ANNA
    say(anna, place, shown=task["shown"], seconds=1)
    assert say(anna, place, 409, shown=task["shown"], seconds=1)["code"] == "task_annotated"
    assert say(anna, at(loop, task["task"], "skip"), 409, seconds=1)["code"] == "task_annotated"
    assert len(loop.there.annotations) == 1


def test_of_two_answers_at_the_very_same_time_one_is_kept(
    anna: FlaskClient, loop: Loop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both have looked before either has answered; what keeps the second out is Label Studio's own unique id."""
    task = send(anna, loop)["tasks"][0]
    say(anna, at(loop, task["task"], "confirm"), shown=task["shown"], seconds=1)
    monkeypatch.setattr("ml_backend.applications.answers.refuse_if_taken", lambda *looked_before: None)
    assert say(anna, at(loop, task["task"], "confirm"), 409, shown=task["shown"], seconds=1)["code"] == "task_annotated"
    assert len(loop.there.annotations) == 1


def test_what_nobody_has_seen_is_not_confirmed(anna: FlaskClient, loop: Loop) -> None:
    """The prediction was changed in its place, or another one serves: its number alone would not tell."""
    task = send(anna, loop)["tasks"][0]
    place, number = at(loop, task["task"], "confirm"), int(task["shown"].split("-")[0])
    loop.there.predictions[number].result = loop.there.predictions[number].result[:2]
    assert say(anna, place, 409, shown=task["shown"], seconds=1)["code"] == "prediction_changed"
    fresh = anna.get(at(loop, task["task"])).get_json()
    assert len(fresh["fields"]) == 1
    say(anna, place, shown=fresh["shown"], seconds=1)
    loop.there.delete_prediction(number)
    assert say(anna, place, 409, shown=fresh["shown"], seconds=1)["code"] == "prediction_changed"


def test_an_answer_that_makes_no_sense_is_refused_and_nothing_is_annotated(anna: FlaskClient, loop: Loop) -> None:
    task = send(anna, loop)["tasks"][0]
    place = at(loop, task["task"], "correct")
    field = {"label": "total", "text": "1", "box": [0.1, 0.1, 0.2, 0.2]}
    for status, code, body in (
        (422, "label_missing", {"fields": [field | {"label": "nonsense"}]}),
        (422, "page_missing", {"fields": [field | {"page": 1}]}),
        (422, "field_not_shown", {"changes": [{"id": "nobody"}]}),
        (400, "request_bad", {"fields": [field | {"box": [0.2, 0.1, 0.1, 0.2]}]}),
        (400, "request_bad", {"fields": [field | {"box": [0.1, 0.1, 0.2, 1.2]}]}),
        (400, "request_bad", {"fields": [], "changes": [{"id": "a"}]}),
        (400, "request_bad", {"fields": [field | {"text": "NUL \u0000"}]}),
        (400, "request_bad", {}),
    ):
        assert say(anna, place, status, shown=task["shown"], seconds=1, **body)["code"] == code, body
    assert say(anna, at(loop, 999, "skip"), 404, seconds=1)["code"] == "task_unknown"
    assert loop.there.annotations == {}


def test_a_token_of_nobody_that_label_studio_knows_signs_nothing(
    anna: FlaskClient, client: FlaskClient, loop: Loop
) -> None:
    task = send(anna, loop)["tasks"][0]
    place = at(loop, task["task"], "confirm")
    del loop.there.users[3]
    assert say(anna, place, 422, shown=task["shown"], seconds=1)["code"] == "annotator_missing"
    made = say(client, place, shown=task["shown"], seconds=1)  # an administrator: the user of docloop's own token
    assert (made["completed_by"], loop.there.annotations[made["annotation"]].completed_by) == (None, 1)


def test_a_project_whose_number_was_given_out_again_is_not_written_to(anna: FlaskClient, loop: Loop) -> None:
    loop.there.projects[loop.project].created_at += 60
    refused = anna.post(at(loop), data={"file": (io.BytesIO(png("A")), "a.png")})
    assert (refused.status_code, refused.get_json()["code"]) == (404, "project_unknown")
    assert loop.there.uploads == []


# -- documents that were corrected elsewhere --------------------------------------------------------------------------------


def feedback(**more: Any) -> dict[str, Any]:
    box = [0.1, 0.1, 0.2, 0.12]
    fields = [
        {"id": "1", "label": "total", "text": "12.50", "box": box},
        {"id": "2", "label": "date", "text": "2026-01-31", "box": [0.5, 0.1, 0.6, 0.12]},
    ]
    right = [fields[0] | {"text": "12.60"}, fields[1]]
    body = {"base64": base64.b64encode(png("F")).decode(), "name": "f.png", "seconds": 8, "model_version": "acme-1"}
    return {**body, "original": fields, "corrected": right, **more}


def test_feedback_is_a_task_like_any_other_with_corrections_a_sample_and_a_version(
    anna: FlaskClient, loop: Loop
) -> None:
    place = f"/api/v1/projects/{loop.project}/feedback"
    taken = say(anna, place, **feedback())
    (made,) = taken["annotations"]
    assert (taken["created"], made["completed_by"]) == (True, 3)
    assert learned(loop, made["task"]) == [
        ("confirmed", "date", "2026-01-31", "2026-01-31"),
        ("text", "total", "12.50", "12.60"),
    ]
    assert samples(loop) == 1
    versions = [one.model_version for one in loop.services.store.statistics.uses(loop.uid)]
    assert versions == ["acme-1"]
    assert say(anna, place, 409, **feedback())["code"] == "task_annotated"
    assert len([one for one in loop.there.tasks.values() if "sha256" in one.data]) == 1


def test_feedback_without_ids_is_paired_by_place_and_one_that_was_cut_off_is_finished(
    anna: FlaskClient, loop: Loop
) -> None:
    told = feedback()
    for key in ("original", "corrected"):
        told[key] = [{name: value for name, value in field.items() if name != "id"} for field in told[key]]
    task = send(anna, loop, png("F"))["tasks"][0]["task"]  # as if nothing had come after the upload
    taken = say(anna, f"/api/v1/projects/{loop.project}/feedback", **told)
    assert (taken["created"], taken["annotations"][0]["task"]) == (False, task)
    assert [kind for kind, *_ in learned(loop, task)] == ["confirmed", "text"]


def test_feedback_that_cannot_be_is_refused_before_anything_is_uploaded(anna: FlaskClient, loop: Loop) -> None:
    place = f"/api/v1/projects/{loop.project}/feedback"
    wrong = [{"label": "nonsense", "text": "1", "box": [0.1, 0.1, 0.2, 0.2]}]
    assert say(anna, place, 422, **feedback(corrected=wrong))["code"] == "label_missing"
    assert say(anna, place, 400, **feedback(base64="no base64"))["faults"][0]["where"] == "body.base64"
    assert say(anna, place, 400, **feedback(url="http://a/b.png"))["code"] == "request_bad"
    assert (len(loop.there.tasks), loop.there.uploads) == (2, [])


def test_of_a_file_with_two_pages_each_task_gets_its_page(anna: FlaskClient, loop: Loop) -> None:
    """The interface shows one image, so a page is a task."""
    first, second = (Image.new("RGB", (60, 90), colour) for colour in ("white", "grey"))
    buffer = io.BytesIO()
    first.save(buffer, "TIFF", save_all=True, append_images=[second])
    place = f"/api/v1/projects/{loop.project}/feedback"
    box = [0.1, 0.1, 0.2, 0.12]
    pages = [{"label": "total", "text": f"{page}.00", "page": page, "box": box} for page in range(3)]
    told = feedback(base64=base64.b64encode(buffer.getvalue()).decode(), original=[])
    refused = say(anna, place, 422, **{**told, "corrected": pages})
    assert (refused["code"], loop.there.annotations) == ("page_missing", {})
    made = say(anna, place, **{**told, "corrected": pages[:2]})["annotations"]
    texts = [from_results(loop.there.annotations[one["annotation"]].result) for one in made]
    assert [[(field.text, field.page) for field in fields] for fields in texts] == [[("0.00", 0)], [("1.00", 0)]]
    assert len(send(anna, loop, buffer.getvalue())["tasks"]) == 2


def test_where_two_annotators_are_wanted_each_answers_once() -> None:
    task = OneTask(1, {}, "", annotators=(3,), annotations=(17,), done=False, overlap=2, drafts=(), predictions=())
    refuse_if_taken(task, 4, "otto@example.org")
    with pytest.raises(DocloopError, match="annotation 17"):
        refuse_if_taken(task, 3, ANNA)


def test_a_document_that_is_deleted_is_forgotten_with_the_next_look(anna: FlaskClient, loop: Loop) -> None:
    made = say(anna, f"/api/v1/projects/{loop.project}/feedback", **feedback())["annotations"][0]
    assert samples(loop) == 1
    assert anna.delete(at(loop, made["task"])).status_code == 204
    loop.turn()
    store = loop.services.store
    assert (store.samples.count(loop.uid), list(store.ledger.corrections(loop.uid))) == (0, [])
    assert all(one.task_id != made["task"] for one in store.documents.each(loop.uid))
    assert anna.delete(at(loop, made["task"])).status_code == 404
