"""Documents that were corrected elsewhere: they are in Label Studio, and the loop learns of them as of any other."""

from __future__ import annotations

import base64
import io
from typing import Any

import pytest
from application_calls import at, learned, samples, say, send
from flask.testing import FlaskClient
from loop_parts import Loop
from PIL import Image

from builders import png
from ml_backend.label_studio.results import from_results

pytestmark = pytest.mark.slow


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
    twice = [one | {"id": "1"} for one in feedback()["original"]]
    for key in ("original", "corrected"):
        assert say(anna, place, 422, **feedback(**{key: twice}))["code"] == "field_twice"
    assert say(anna, place, 400, **feedback(base64="no base64"))["faults"][0]["where"] == "body.base64"
    assert say(anna, place, 400, **feedback(url="http://a/b.png"))["code"] == "request_bad"
    assert (len(loop.there.tasks), loop.there.uploads) == (2, [])


def test_of_a_file_with_two_pages_each_task_gets_its_page(anna: FlaskClient, loop: Loop) -> None:
    """The interface shows one image, so a page is a task."""
    place = f"/api/v1/projects/{loop.project}/feedback"
    told, pages = feedback_of_two_pages()
    refused = say(anna, place, 422, **{**told, "corrected": pages})
    assert (refused["code"], loop.there.annotations) == ("page_missing", {})
    made = say(anna, place, **{**told, "corrected": pages[:2]})["annotations"]
    texts = [from_results(loop.there.annotations[one["annotation"]].result) for one in made]
    assert [[(field.text, field.page) for field in fields] for fields in texts] == [[("0.00", 0)], [("1.00", 0)]]
    assert len(send(anna, loop, base64.b64decode(told["base64"]))["tasks"]) == 2


def feedback_of_two_pages() -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Feedback about a file of two pages, and fields of three."""
    first, second = (Image.new("RGB", (60, 90), colour) for colour in ("white", "grey"))
    buffer = io.BytesIO()
    first.save(buffer, "TIFF", save_all=True, append_images=[second])
    box = [0.1, 0.1, 0.2, 0.12]
    pages = [{"label": "total", "text": f"{page}.00", "page": page, "box": box} for page in range(3)]
    return feedback(base64=base64.b64encode(buffer.getvalue()).decode(), original=[]), pages


def test_feedback_that_was_cut_off_between_two_pages_is_finished(anna: FlaskClient, loop: Loop) -> None:
    place = f"/api/v1/projects/{loop.project}/feedback"
    told, pages = feedback_of_two_pages()
    made = say(anna, place, **{**told, "corrected": pages[:2]})["annotations"]
    loop.there.delete_annotation(made[1]["annotation"])  # as if Label Studio had gone away before it
    told["corrected"] = pages[:2]
    finished = say(anna, place, **told)
    assert ([one["task"] for one in finished["annotations"]], finished["created"]) == ([made[1]["task"]], False)
    assert (
        len(loop.there.annotations) == len(loop.there.predictions) - 2 == 2
    )  # two of the predictions were there before
    assert say(anna, place, 409, **told)["code"] == "task_annotated"
    loop.there.delete_annotation(finished["annotations"][0]["annotation"])
    other = say(anna, place, 409, **{**told, "model_version": "acme-2"})  # this is not what was said of the first page
    assert (other["code"], len(loop.there.annotations)) == ("task_annotated", 1)


def test_a_document_that_is_deleted_is_forgotten_with_the_next_look(anna: FlaskClient, loop: Loop) -> None:
    made = say(anna, f"/api/v1/projects/{loop.project}/feedback", **feedback())["annotations"][0]
    assert samples(loop) == 1
    assert anna.delete(at(loop, made["task"])).status_code == 204
    loop.turn()
    store = loop.services.store
    assert (store.samples.count(loop.uid), list(store.ledger.corrections(loop.uid))) == (0, [])
    assert all(one.task_id != made["task"] for one in store.documents.each(loop.uid))
    assert anna.delete(at(loop, made["task"])).status_code == 404
