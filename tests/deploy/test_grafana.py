"""The dashboard for Grafana asks for metrics that are there."""

from __future__ import annotations

import json
import re
from pathlib import Path

from flask.testing import FlaskClient

BOARD = Path(__file__).parents[2] / "deploy" / "grafana" / "docloop.json"
_OF_THE_CLIENT = {"process_resident_memory_bytes"}  # of prometheus-client itself


def test_every_panel_asks_for_metrics_that_docloop_has(client: FlaskClient) -> None:
    there = set(re.findall(r"^# TYPE (\w+)", client.get("/metrics").text, re.MULTILINE)) | _OF_THE_CLIENT
    there |= {f"{name}{end}" for name in there for end in ("_bucket", "_count", "_sum")}
    for panel in json.loads(BOARD.read_text())["panels"]:
        for target in panel.get("targets", ()):
            asked = set(re.findall(r"\b(?:docloop|process)_\w+", target["expr"]))
            assert asked, panel["title"]
            assert asked <= there, panel["title"]


def test_no_two_panels_lie_on_each_other() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in json.loads(BOARD.read_text())["panels"]:
        place = panel["gridPos"]
        cells = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert not cells & taken, panel["title"]
        taken |= cells
