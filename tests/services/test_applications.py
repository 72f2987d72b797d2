"""An application with screens of its own beside a real Label Studio: docs/applications.md is run as it stands."""

from __future__ import annotations

import base64
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from running_docloop import RunningDocloop, running_docloop
from running_label_studio import RunningLabelStudio
from waiting import until

from docloop.demo.samples import render_samples

ANNA = "anna@example.org"
FILES = ("receipt.png", "another.png", "other.png", "third.png", "fourth.png", "gone.png")
EXAMPLES = re.findall(
    r"<!-- tested: (\w+) -->\n```\w+\n(.*?)```",
    (Path(__file__).parents[2] / "docs" / "applications.md").read_text(encoding="utf-8"),
    re.DOTALL,
)


@pytest.fixture(scope="module")
def docloop(label_studio: RunningLabelStudio, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDocloop]:
    data_dir = tmp_path_factory.mktemp("docloop")
    with running_docloop(label_studio, data_dir, DOCLOOP_POLL_SECONDS="2") as running:
        yield running


@dataclass
class Place:
    """A project that Anna's application works in: its address in docloop, Label Studio's API, files to send."""

    project: int
    anna: int
    app: httpx.Client
    token: str
    url: str
    label_studio: httpx.Client
    folder: Path

    def tasks(self) -> list[dict[str, Any]]:
        asked = {"project": self.project, "fields": "all", "page_size": 100, "resolve_uri": "false"}
        return list(self.label_studio.get("/api/tasks", params=asked).raise_for_status().json()["tasks"])

    def send(self, name: str) -> dict[str, Any]:
        """A file of the folder; its one task."""
        sent = self.app.post("/tasks", files={"file": (name, (self.folder / name).read_bytes())})
        assert sent.is_success, sent.text
        (task,) = sent.json()["tasks"]
        return dict(task)

    def say(self, path: str, status: int = 200, **body: Any) -> dict[str, Any]:
        answer = self.app.post(path, json=body)
        assert answer.status_code == status, answer.text
        return dict(answer.json())

    def learned(self, task: int) -> list[dict[str, Any]]:
        """What the ledger has of a task, once the worker has looked."""

        def found() -> list[dict[str, Any]]:
            rows = self.app.get("/corrections?all=true&limit=1000").raise_for_status().json()["corrections"]
            return [row for row in rows if row["task_id"] == task]

        return list(until(found))

    def settled(self) -> int:
        """The number of samples, once every document that is annotated is one."""
        annotated = sum(task["is_labeled"] for task in self.tasks())
        until(lambda: self.samples() == annotated, what=f"{annotated} samples")
        return annotated

    def samples(self) -> int:
        status = self.app.get(f"{self.url}/api/v1/projects/{self.project}")
        return int(status.raise_for_status().json()["samples"])


@pytest.fixture(scope="module")
def place(
    docloop: RunningDocloop, label_studio: RunningLabelStudio, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("files")
    for name, sample in zip(FILES, render_samples(len(FILES)), strict=True):
        (folder / name).write_bytes(sample.png)
    with label_studio.client() as there:
        anna = label_studio.invited(ANNA)
        docloop.run("create", "Applications", "--interface", "receipt")
        project = there.get("/api/projects/", params={"title": "Applications"}).json()["results"][0]["id"]
        docloop.run("connect", "--project", str(project))
        printed = docloop.run("tokens", "create", "app", "--role", "train", "--annotator", ANNA)
        token = printed.split()[0]
        place = f"{docloop.url}/api/v1/projects/{project}"
        with httpx.Client(base_url=place, headers={"Authorization": f"Bearer {token}"}, timeout=120) as app:
            until(lambda: app.get("/runs").is_success)
            yield Place(project, anna, app, token, docloop.url, there, folder)


def run(kind: str, text: str, place: Place) -> str:
    """What an example prints; it must succeed."""
    command = {"sh": ["bash", "-euo", "pipefail", "-c", text], "python": [sys.executable, "-c", text]}[kind]
    known = {"URL": place.url, "TOKEN": place.token, "PROJECT": str(place.project)}
    done = subprocess.run(
        command, cwd=place.folder, env={**os.environ, **known}, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_examples_of_the_documentation_work_as_they_stand(place: Place) -> None:
    """Parsing keeps nothing; what is decided is Anna's in Label Studio, and docloop learns exactly that."""
    assert [kind for kind, _ in EXAMPLES] == ["sh", "python", "sh", "python"]
    parse, decide, confirm, feedback = (text for _, text in EXAMPLES)
    assert '"label":"total"' in run("sh", parse, place)
    assert place.tasks() == []

    run("python", decide, place)
    run("sh", confirm, place)
    run("python", feedback, place)
    corrected, confirmed, told = sorted(place.tasks(), key=lambda task: int(task["id"]))
    for task, seconds in ((corrected, 11.5), (confirmed, 4.2), (told, 8.0)):
        (annotation,) = task["annotations"]
        assert (annotation["completed_by"], annotation["lead_time"]) == (place.anna, seconds)
        assert task["is_labeled"]
        assert annotation["parent_prediction"] in [one["id"] for one in task["predictions"]]

    differences = {
        task["id"]: [
            (row["kind"], row["label"], row["final_value"])
            for row in place.learned(task["id"])
            if row["kind"] != "confirmed"
        ]
        for task in (corrected, confirmed, told)
    }
    assert differences == {
        corrected["id"]: [("text", "total", "12.60")],
        confirmed["id"]: [],
        told["id"]: [("text", "total", "12.60")],
    }
    assert place.settled() == 3


def test_of_many_answers_at_once_one_is_kept_and_a_skip_is_no_sample(place: Place) -> None:
    before = place.settled()
    task = place.send("third.png")
    again = place.send("third.png")
    assert (again["task"], again["shown"]) == (task["task"], task["shown"])
    place.say(f"/tasks/{task['task']}/skip", seconds=2)

    def confirm(_: int) -> int:
        body = {"shown": task["shown"], "seconds": 3}
        answer = place.app.post(f"/tasks/{task['task']}/confirm", json=body)
        while answer.status_code == 503:  # told to come again
            answer = place.app.post(f"/tasks/{task['task']}/confirm", json=body)
        return answer.status_code

    with ThreadPoolExecutor(6) as people:
        said = sorted(people.map(confirm, range(6)))
    assert said == [200, 409, 409, 409, 409, 409]
    (there,) = [one for one in place.tasks() if one["id"] == task["task"]]
    assert sorted(one["was_cancelled"] for one in there["annotations"]) == [False, True]
    assert place.settled() == before + 1
    other = place.send("fourth.png")
    skipped = place.say(f"/tasks/{other['task']}/skip", seconds=2)
    assert place.settled() == before + 1
    kept = place.label_studio.get(f"/api/annotations/{skipped['annotation']}/").json()
    assert (kept["was_cancelled"], kept["completed_by"]) == (True, place.anna)


def test_a_draft_of_somebody_else_and_a_prediction_that_changed_are_conflicts(place: Place) -> None:
    task = place.send("fourth.png")
    result = place.label_studio.get(f"/api/predictions/{task['shown'].split('-')[0]}/").json()["result"]
    draft = place.label_studio.post(f"/api/tasks/{task['task']}/drafts", json={"result": result, "lead_time": 1}).json()
    assert place.app.get(f"/tasks/{task['task']}").json()["begun"]
    path = f"/tasks/{task['task']}/confirm"
    assert place.say(path, 409, shown=task["shown"], seconds=1)["code"] == "task_begun"
    place.label_studio.delete(f"/api/drafts/{draft['id']}/").raise_for_status()
    wrong = f"{task['shown'].split('-')[0]}-{'0' * 16}"
    assert place.say(path, 409, shown=wrong, seconds=1)["code"] == "prediction_changed"
    place.say(path, shown=task["shown"], seconds=1)


def test_a_document_that_is_deleted_is_forgotten_and_label_studio_keeps_its_upload(
    place: Place, label_studio: RunningLabelStudio
) -> None:
    """The last is what docs/applications.md tells people: if a Label Studio deletes uploads, it may say so."""
    before = place.settled()
    picture = base64.b64encode((place.folder / "gone.png").read_bytes()).decode()
    field = {"label": "total", "text": "12.50", "box": [0.1, 0.1, 0.2, 0.2]}
    told = place.say("/feedback", base64=picture, name="gone.png", seconds=5, original=[], corrected=[field])
    task = told["annotations"][0]["task"]
    assert [row["kind"] for row in place.learned(task)] == ["added"]
    assert place.settled() == before + 1
    assert place.app.delete(f"/tasks/{task}").status_code == 204
    assert place.settled() == before
    rows = place.app.get("/corrections?all=true&limit=1000").json()["corrections"]
    assert [row for row in rows if row["task_id"] == task] == []
    assert len(list((label_studio.data_dir / "media" / "upload" / str(place.project)).glob("*-gone.png"))) == 1
