"""P14: no secret, no text of a document and no file name in a log at any level, in a metric, in the queue, in another's problem.

Everything that comes from outside has a mark like no other: names of files, words that the real engine reads, values of labels,
titles, tokens, passwords, cookies, queries, webhooks, URLs of databases, broken files and models, what Label Studio says when it
fails, requests that are no HTTP. Then the marks are looked for in all that the processes wrote, at DEBUG, in both forms.
``PROMISES=full``: 10,000 requests and a training; else 240. The seed is printed; ``PROMISES_SEED`` replays it.
"""

from __future__ import annotations

import base64
import json
import os
import random
import socket
import sqlite3
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from docloop_processes import Place, free_port
from fake_label_studio import FakeLabelStudio, Fault
from papers_in_label_studio import picture
from served_label_studio import TOKEN, served
from waiting import until

from builders import interface, interface_xml
from ml_backend.document.fields import Field, Prediction
from ml_backend.document.geometry import Box
from ml_backend.label_studio.results import to_results
from ml_backend.services import build_services
from ml_backend.settings import load_settings
from ml_backend.web.app import create_app

FULL = os.environ.get("PROMISES") == "full"
SEED = int(os.environ.get("PROMISES_SEED", "20261122"))
REQUESTS = 5_000 if FULL else 120  # of each form
SENDERS = 4
PAPERS = 6

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600 if FULL else 300)]


@dataclass
class Marks:
    """Words like no other, by what they are."""

    dice: random.Random
    made: dict[str, str] = field(default_factory=dict)

    def __getitem__(self, what: str) -> str:
        if what not in self.made:
            self.made[what] = "QX" + "".join(self.dice.choices("ABCDEFGHKLMNPRTUVWXYZ", k=10))
        return self.made[what]

    def found_in(self, text: str) -> list[str]:
        """What of them the text has, however it is written, also as Base64 would."""
        low = text.lower()
        return [what for what, mark in self.made.items() if any(form in low for form in _forms(mark))]


def _forms(mark: str) -> list[str]:
    encoded = [base64.b64encode(b" " * n + mark.encode()).decode()[4:12] for n in range(3)]
    return [form.lower() for form in (mark, mark[:8], *encoded)]


# -- what is there ---------------------------------------------------------------------------------------------------------


def papers(fake: FakeLabelStudio, marks: Marks) -> int:
    """A project whose title, pages, values and file names are marked; one page is broken, one cannot be fetched."""
    project = fake.add_project(f"Receipts of {marks['title']}", interface_xml("total", "date"), "Uncertainty sampling")
    for number in range(PAPERS):
        (task,) = fake.add_tasks(project, [{"image": picture(f"{marks['ocr']} {number}.50")}])
        fields = (Field("total", f"{marks['value']} {number}.50", Box(0.0, 0.0, 1.0, 1.0)),)
        result = to_results(Prediction(fields, ((300, 80),), 1.0, ""), interface("total", "date"), task)
        fake.annotate(task, result, lead_time=7.5)
    fake.add_tasks(project, [{"image": address} for address in addresses(marks)])
    fake.add_tasks(project, [{"image": picture(marks["ocr"])}])
    fake.pass_time(120.0)
    return project


def addresses(marks: Marks) -> list[str]:
    """Pages that cannot be had, each in another way."""
    broken = base64.b64encode(b"\x89PNG\r\n\x1a\n" + marks["bytes"].encode() * 9).decode()
    return [
        f"data:image/png;base64,{broken}",
        f"data:{marks['kind']}/png;{marks['kind']},%%%",
        f"http://127.0.0.1:9/{marks['file']}.png?sig={marks['signature']}",
        f"http://{marks['user']}:{marks['urlpassword']}@127.0.0.1:9/{marks['file']}.png",
        f"http://{marks['host']}.invalid/{marks['file']}.png",
        f"file:///etc/{marks['file']}",
        f"s3://{marks['bucket']}/{marks['file']}.png",
        f"../../{marks['file']}",
        f"http://[{marks['host']}/{marks['file']}",
        f"//{marks['host']}\\{marks['file']}\x00.png",
    ]


def broken_model(place: Place, marks: Marks, uid: str) -> None:
    """A promoted version whose files are nonsense."""
    version = place.folder / "models" / uid / "fields-9"
    version.mkdir(parents=True)
    (version / "manifest.json").write_text(
        json.dumps({"kind": marks["model"], "files": {marks["file"]: marks["model"]}})
    )
    (version / f"{marks['file']}.skops").write_text(marks["model"])
    (version.parent / "ACTIVE").write_text("fields-9")


# -- what is asked ---------------------------------------------------------------------------------------------------------


@dataclass
class Storm:
    """Requests of all kinds to one web process; ``right`` are headers that are let in, ``projects`` numbers that are known."""

    place: Place
    marks: Marks
    dice: random.Random
    right: Sequence[dict[str, str]]
    routes: Sequence[tuple[str, str]]
    statuses: dict[int, int] = field(default_factory=dict)

    def send(self, count: int) -> None:
        jobs = [self.dice.choice([self._any, self._any, self._predict, self._webhook, self._raw]) for _ in range(count)]
        seeds = [self.dice.random() for _ in jobs]
        with ThreadPoolExecutor(SENDERS) as threads, httpx.Client(base_url=self.place.url, timeout=60) as client:
            for status in threads.map(lambda job, seed: job(client, random.Random(seed)), jobs, seeds):
                self.statuses[status] = self.statuses.get(status, 0) + 1

    def _headers(self, dice: random.Random) -> dict[str, str]:
        marks = self.marks
        wrong = base64.b64encode(f"docloop:{marks['wrongpassword']}".encode()).decode()
        given = dice.choice(
            [*self.right, *self.right, {"Authorization": f"Basic {wrong}"}, {"Authorization": f"Bearer {marks['wrongtoken']}"},
             {"Authorization": f"{marks['scheme']} é"}, {"X-Docloop-Secret": marks["wrongsecret"]}, {}]
        )  # fmt: skip
        more = {
            "Cookie": f"docloop_session={marks['cookie']}",
            "User-Agent": marks["agent"],
            "X-Forwarded-For": marks["agent"],
        }
        return {
            **given,
            **(more if dice.random() < 0.5 else {}),
            **({"Host": marks["hosthead"]} if dice.random() < 0.1 else {}),
        }

    def _sent(self, client: httpx.Client, method: str, path: str, headers: dict[str, str], content: bytes) -> int:
        encoded = {name: value.encode("latin-1", "replace") for name, value in headers.items()}
        with suppress(httpx.TransportError):
            return client.request(method, path, headers=encoded, content=content).status_code
        return 0

    def _any(self, client: httpx.Client, dice: random.Random) -> int:
        """Any route of the application, with marks in its address and body, or an address that there is not."""
        method, rule = dice.choice(self.routes)
        path = rule
        while "<" in path:
            before, _, rest = path.partition("<")
            kind, _, after = rest.partition(">")
            path = before + (dice.choice(["1", "9"]) if kind.startswith("int") else self.marks["path"]) + after
        path = dice.choice([path, path, f"/{self.marks['path']}"]) + f"?{self.marks['query']}={self.marks['query']}"
        return self._sent(client, method, path, self._headers(dice), self._body(dice))

    def _body(self, dice: random.Random) -> bytes:
        mark = self.marks["body"]
        forms: list[Any] = [
            {mark: mark}, [mark], mark, {"by": mark, "reason": mark},
            {"name": mark, "role": mark, "email": f"{mark}@example.com"},
            {"config": mark, "schema": f"<View><{mark}/></View>", "project": mark}, {"url": f"http://127.0.0.1:9/{mark}.png"},
        ]  # fmt: skip
        plain = json.dumps(dice.choice(forms)).encode()
        return dice.choice(
            [plain, plain, b'{"' + mark.encode(), mark.encode() + b"\xff", b'{"a": NaN, "b": "' + mark.encode() + b'"}']
        )

    def _predict(self, client: httpx.Client, dice: random.Random) -> int:
        pages = [*addresses(self.marks), picture(self.marks["ocr"]), self.marks["file"], {self.marks["body"]: 1}, None]
        tasks = [{"id": n, "data": {"image": page}} for n, page in enumerate(dice.sample(pages, 3))]
        config = dice.choice(
            [interface_xml("total"), interface_xml(self.marks["label"]), f"<View><{self.marks['label']}", ""]
        )
        drawn = {"value": {"x": self.marks["body"]}, "type": self.marks["body"], "from_name": self.marks["label"]}
        context = dice.choice([None, None, {"result": [drawn]}])
        project = dice.choice(["1.1", "7.2", self.marks["body"]])
        body: dict[str, Any] = {
            "tasks": tasks[: 1 if context else 3],
            "project": project,
            "label_config": config,
            "params": {"context": context, "login": self.marks["user"], "password": self.marks["body"]},
        }
        path = dice.choice(["/predict", "/predict", "/setup"])
        if path == "/setup":
            tokens = {"hostname": self.marks["host"], "access_token": self.marks["lstoken"]}
            body = {"project": project, "schema": config, **tokens}
        return self._sent(client, "POST", path, dict(dice.choice(self.right)), json.dumps(body).encode())

    def _webhook(self, client: httpx.Client, dice: random.Random) -> int:
        mark = self.marks["webhook"]
        body = {
            "action": dice.choice(["ANNOTATION_CREATED", "TASKS_DELETED", "START_TRAINING", mark]),
            "project": dice.choice([{"id": 1, "title": mark}, {"id": 7, "title": mark}, {"id": mark}, mark, 2**70]),
            "task": {"data": {"image": f"/data/upload/1/{self.marks['file']}.png"}},
            "annotation": {"result": [{"value": {"text": [mark]}}]},
        }
        return self._sent(client, "POST", "/webhook", self._headers(dice), json.dumps(body).encode())

    def _raw(self, client: httpx.Client, dice: random.Random) -> int:
        """What is no HTTP, or hardly: gunicorn answers by itself, and has a log of its own."""
        mark = self.marks["raw"]
        text = dice.choice(
            [
                f"GET /{mark} HTTP/1.1\r\nHost: a\r\n{mark} {mark}: 1\r\n\r\n",
                f"GET /{mark} HTTP/1.1\r\nHost: a\r\nX: {mark}\x01\r\n\r\n",
                f"{mark} {mark}\r\n\r\n",
                f"G{mark}\x7f /{mark} HTTP/1.1\r\n\r\n",
                f"GET /{mark} HTTP/{mark}\r\n\r\n",
                f"GET /{mark * 800} HTTP/1.1\r\n\r\n",
                f"POST /{mark} HTTP/1.1\r\nTransfer-Encoding: {mark}\r\n\r\n{mark}",
                f"POST /webhook HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n{mark}\r\n{mark}",
                f"POST /webhook HTTP/1.1\r\nContent-Length: {mark}\r\n\r\n",
                f"POST /webhook HTTP/1.1\r\nExpect: {mark}\r\nContent-Length: 1\r\n\r\n",
                f"GET http://{mark}@[{mark} HTTP/1.1\r\n\r\n",
                f"GET /health?{mark} HTTP/1.1\r\nA: 1\r\n {mark}\r\n\r\n",
            ]
        )
        with socket.create_connection(("127.0.0.1", self.place.port), timeout=10) as connection, suppress(OSError):
            connection.sendall(text.encode("latin-1"))
            connection.shutdown(socket.SHUT_WR)
            answer = connection.recv(4096)
            return int(answer[9:12] or 0)
        return 0


def routes() -> list[tuple[str, str]]:
    """Every route that the application has, as its map says it."""
    with tempfile.TemporaryDirectory() as folder:
        services = build_services(load_settings({"DOCLOOP_OCR_ENGINE": "fake"}, data_dir=Path(folder)))
        app = create_app(services)
        found = [
            (method, rule.rule)
            for rule in app.url_map.iter_rules()
            for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"})
        ]
        services.close()
    return found


# -- what was written ------------------------------------------------------------------------------------------------------


def said_to_others(place: Place, marks: Marks, right: Sequence[dict[str, str]]) -> Iterator[tuple[str, str]]:
    """What another caller is told afterwards: the metrics, and problems of each kind. Who may list the projects is told their
    titles where a number is none of theirs."""
    stranger: list[dict[str, str]] = [{}, {"Authorization": "Bearer another-one"}]
    with httpx.Client(base_url=place.url, timeout=60) as client:
        metrics = client.get("/metrics", headers=right[0])
        assert metrics.is_success
        assert "docloop_" in metrics.text
        yield "metrics", metrics.text
        for headers in (*stranger, *right):
            for method, path in (
                ("GET", "/nothing"),
                ("GET", "/api/v1/projects/99"),
                ("POST", "/setup"),
                ("PUT", "/health"),
            ):
                text = client.request(method, path, headers=headers).text
                yield (
                    f"{method} {path} {len(headers)}{headers in right}",
                    text.replace(marks["title"], "") if headers in right else text,
                )


def queued(folder: Path) -> str:
    """All that is in the queue, and the names of the hints."""
    hints = " ".join(str(path.relative_to(folder)) for path in (folder / "hints").rglob("*"))
    with closing(sqlite3.connect(folder / "jobs.sqlite3")) as jobs:
        return hints + "\n".join(jobs.iterdump())


def hits(marks: Marks, **texts: str) -> list[str]:
    return [
        f"{what} in {name}: {line[:300]}"
        for name, text in texts.items()
        for line in text.splitlines()
        for what in marks.found_in(line)
    ]


@pytest.mark.parametrize("form", ["text", "json"])
def test_no_log_no_metric_and_no_queue_has_what_came_from_outside(tmp_path: Path, form: str) -> None:
    print(f"seed {SEED}")  # noqa: T201
    dice = random.Random(f"{SEED} {form}")
    marks = Marks(dice)
    fake = FakeLabelStudio()
    secrets = {name: marks[name] + "-secret" for name in ("password", "api_token", "webhook_secret")}
    basic = base64.b64encode(f"docloop:{secrets['password']}".encode()).decode()
    right = [
        {"Authorization": f"Basic {basic}"},
        {"Authorization": f"Bearer {secrets['api_token']}"},
        {"X-Docloop-Secret": secrets["webhook_secret"]},
    ]
    more = {
        "log_level": "DEBUG",
        "log_format": form,
        "predict_budget": "2",
        "poll_seconds": "5",
        "min_training_samples": "5",
    }
    with served(fake) as url:
        project = papers(fake, marks)
        place = Place.of(tmp_path / "here", label_studio_url=url, label_studio_token=TOKEN, **secrets, **more)
        storm = Storm(place, marks, dice, right[:2], routes())
        with place.running("web") as web, place.running("worker"):
            place.until_healthy(web)
            hint = {"action": "TASKS_CREATED", "project": {"id": project}}
            httpx.post(f"{place.url}/webhook", json=hint, headers=right[2], timeout=30)
            with place.store() as store:
                until(lambda: store.projects.by_number(project), 90, f"a look\n{place.log('worker')}")
            storm.send(REQUESTS)
            with place.store() as store:
                uid = store.projects.all()[0].uid
                wanted = "succeeded" if FULL else "running"
                until(
                    lambda: any(run.state in (wanted, "succeeded") for run in store.runs.latest(uid, 9)),
                    240,
                    "a training",
                )
            fake.fault = Fault("500", said=f"Cannot save {marks['labelstudio']}")
            fault = "Label Studio answered 500"
            until(lambda: fault in place.log("worker"), 90, f"the fault is logged\n{place.log('worker')[-2000:]}")
            fake.fault = None
            others = dict(said_to_others(place, marks, right[:2]))
        logs = {role: place.log(role) for role in ("web", "worker")}
    print(f"{form}: {storm.statuses}; {sum(map(len, logs.values()))} characters of logs")  # noqa: T201
    assert hits(marks, **logs, **others, queue=queued(place.folder)) == []
    assert "Invalid request from ip=127.0.0.1" in logs["web"], "gunicorn's log was looked at"
    assert "answered with []" in logs["web"], "predictions failed"
    assert {200, 202, 400, 401, 404} <= storm.statuses.keys()


@pytest.mark.parametrize("form", ["text", "json"])
def test_what_fails_at_the_start_and_later_says_no_secret(tmp_path: Path, form: str) -> None:
    """A database and a Redis that are not there, a secrets file and a model that are nonsense."""
    dice = random.Random(f"{SEED} {form}")
    marks = Marks(dice)
    nobody = free_port()
    away = {
        "store_url": f"postgresql+psycopg://{marks['dbuser']}:{marks['dbpassword']}@127.0.0.1:{nobody}/{marks['database']}",
        "queue_url": f"redis://{marks['dbuser']}:{marks['redispassword']}@127.0.0.1:{nobody}/0",
        "label_studio_token": marks["lstoken"],
        "log_level": "DEBUG", "log_format": form, "ocr_engine": "fake", "predict_budget": "2", "api_token": marks["token"] * 2,
    }  # fmt: skip
    place = Place.of(tmp_path / "away", **away)
    broken_model(place, marks, "7.1")
    right = [{"Authorization": f"Bearer {away['api_token']}"}]
    storm = Storm(place, marks, dice, right, routes())
    with place.running("web") as web:
        place.until_healthy(web)
        storm.send(REQUESTS // 4)
        others = dict(said_to_others(place, marks, right))
    with place.running("worker") as worker:
        assert worker.wait(60) != 0
    odd = Place.of(tmp_path / "odd", password="", log_format=form, log_level="debug")
    odd.folder.mkdir()
    (odd.folder / "secrets.json").write_text(marks["file"])
    with odd.running("web") as web:
        assert web.wait(60) != 0
    logs = {"web": place.log("web"), "worker": place.log("worker"), "odd": odd.log("web")}
    print(f"{form}: {storm.statuses}; {sum(map(len, logs.values()))} characters of logs")  # noqa: T201
    assert all(logs.values()), logs
    assert hits(marks, **logs, **others) == []
