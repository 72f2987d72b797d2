"""Applications with screens of their own: what people decide there is in Label Studio, and the loop learns exactly that.

The loop is the real one over the Label Studio in memory (``loop_parts``); receipts are made up, files are really decoded.
"""

from __future__ import annotations

import io
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from application_calls import ANNA, at, learned, samples, say, send
from flask.testing import FlaskClient
from hostile.loopback_servers import Reply, WebServer
from loop_parts import Loop
from PIL import Image
from waiting import until

from builders import png
from ml_backend.applications.answers import refuse_if_taken
from ml_backend.errors import DocloopError, StoreError
from ml_backend.label_studio.one_task import OneTask
from ml_backend.web.app import create_app

pytestmark = pytest.mark.slow

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


def test_a_small_file_whose_pages_are_large_is_refused_before_any_is_uploaded(
    anna: FlaskClient, loop: Loop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One picture of noise on each page of a PDF: a megabyte that would be 600 in this process, and in Label Studio."""
    noise, file = Image.effect_noise((200, 200), 80).convert("RGB"), io.BytesIO()
    noise.save(file, "PDF", save_all=True, append_images=[noise] * 9)
    monkeypatch.setattr("ml_backend.uploading._LARGEST", 1_000_000)
    refused = anna.post(at(loop), data={"file": (io.BytesIO(file.getvalue()), "a.pdf")})
    assert (refused.status_code, refused.get_json()["code"]) == (413, "image_too_large_bytes")
    assert loop.there.uploads == []
    monkeypatch.setattr("ml_backend.uploading._LARGEST", 10_000_000)
    assert send(anna, loop, file.getvalue(), "a.pdf")["created"]
    assert len(loop.there.uploads) == 10


def test_a_task_that_the_worker_predicts_meanwhile_has_one_prediction(
    anna: FlaskClient, loop: Loop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Label Studio tells the worker of a new task at once."""
    predict_all = loop.services.batches.predict_all

    def meanwhile(*asked: Any) -> Any:
        monkeypatch.setattr(loop.services.batches, "predict_all", predict_all)
        loop.turn()
        return predict_all(*asked)

    monkeypatch.setattr(loop.services.batches, "predict_all", meanwhile)
    (task,) = send(anna, loop)["tasks"]
    (stored,) = [one for one in loop.there.predictions.values() if one.task == task["task"]]
    assert task["shown"].split("-")[0] == str(stored.id)


def test_slow_urls_take_no_more_threads_than_there_are_places(loop: Loop, client: FlaskClient) -> None:
    """Each may take half a minute; the server's other threads are for Label Studio."""
    answer = threading.Event()

    def slow(path: str) -> Reply:
        assert answer.wait(30)
        return Reply(body=png(path))

    with WebServer(slow) as server:
        loop.services.settings = loop.services.settings.model_copy(update={"allowed_hosts": (server.authority,)})
        app, headers = create_app(loop.services), {"Authorization": client.environ_base["HTTP_AUTHORIZATION"]}

        def send_url(number: int) -> int:
            body = {"url": f"http://{server.authority}/{number}.png"}
            return app.test_client().post(at(loop), json=body, headers=headers).status_code

        with ThreadPoolExecutor(4) as senders:
            try:
                waiting = [senders.submit(send_url, number) for number in range(3)]
                until(lambda: len(server.asked) == 3)
                assert senders.submit(send_url, 3).result(10) == 503
            finally:
                answer.set()
            assert [one.result(30) for one in waiting] == [200] * 3


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


def test_what_was_decided_stands_where_the_worker_cannot_be_told(
    anna: FlaskClient, loop: Loop, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A full disk: the application would ask again, and be told that somebody else was first."""

    def full(project: int) -> None:
        raise StoreError("hint_not_kept", "The disk took no hint.")

    monkeypatch.setattr(loop.services.hints, "leave", full)
    task = send(anna, loop)["tasks"][0]
    made = say(anna, at(loop, task["task"], "confirm"), shown=task["shown"], seconds=1)
    assert list(loop.there.annotations) == [made["annotation"]]
    assert anna.delete(at(loop, task["task"])).status_code == 204
    assert task["task"] not in loop.there.tasks
    assert [one.message for one in caplog.records if one.name == "ml_backend.applications.desk"] == [
        f"project {loop.project}: the worker is not told of a change: The disk took no hint."
    ] * 3


def test_an_answer_that_makes_no_sense_is_refused_and_nothing_is_annotated(anna: FlaskClient, loop: Loop) -> None:
    task = send(anna, loop)["tasks"][0]
    place = at(loop, task["task"], "correct")
    field = {"label": "total", "text": "1", "box": [0.1, 0.1, 0.2, 0.2]}
    for status, code, body in (
        (422, "label_missing", {"fields": [field | {"label": "nonsense"}]}),
        (422, "page_missing", {"fields": [field | {"page": 1}]}),
        (422, "field_not_shown", {"changes": [{"id": "nobody"}]}),
        (422, "field_twice", {"fields": [field | {"id": "a"}, field | {"id": "a"}]}),
        (422, "field_twice", {"added": [field | {"id": task["fields"][0]["id"]}]}),
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


def test_where_two_annotators_are_wanted_each_answers_once() -> None:
    task = OneTask(
        1, {}, "", annotators=(3,), annotations=(17,), done=False, overlap=2, drafts=(), predictions=(), parents=(None,)
    )
    refuse_if_taken(task, 4, "otto@example.org")
    with pytest.raises(DocloopError, match="annotation 17"):
        refuse_if_taken(task, 3, ANNA)
