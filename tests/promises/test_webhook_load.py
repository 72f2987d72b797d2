"""P3, P4, in quick form: many webhooks at once are all taken in, leave one hint a project, and touch no database.

How long they take under load is benchmarks/webhooks.py's to say.
"""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from docloop_processes import AUTH, WEBHOOK, Place

from builders import interface_xml, recorded

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
SENDERS, EVENTS = 4, 50
PROJECTS = (41, 42, 43)


def test_many_webhooks_leave_one_hint_a_project_and_touch_no_database(tmp_path: Path) -> None:
    place = Place.of(tmp_path)
    with place.store() as store:
        store.runs.request(7, "Anna", 1.0)
    event: dict[str, Any] = recorded("11_webhook_ANNOTATION_CREATED.json")["request"]["body"]
    together = threading.Barrier(SENDERS)

    def send(sender: int) -> list[int]:
        together.wait()
        answers = []
        for number in range(EVENTS):
            body = {**event, "project": {**event["project"], "id": PROJECTS[(sender + number) % len(PROJECTS)]}}
            answers.append(client.post("/webhook", json=body, headers=WEBHOOK).status_code)
        return answers

    with (
        place.running("web") as web,
        ThreadPoolExecutor(SENDERS) as senders,
        httpx.Client(base_url=place.url, timeout=30) as client,
    ):
        place.until_healthy(web)
        before = place.store_file.read_bytes()
        assert list(senders.map(send, range(SENDERS))) == [[202] * EVENTS] * SENDERS
        assert place.store_file.read_bytes() == before
        assert not place.store_file.with_name("docloop.sqlite3-wal").exists(), "nobody has opened it"
        hints = sorted(path.name for path in (tmp_path / "hints").glob("*/*"))
        assert hints == [str(project) for project in PROJECTS]
        schema = {"project": "41.1", "schema": interface_xml("total")}
        assert client.post("/setup", json=schema, auth=AUTH).status_code == 200
