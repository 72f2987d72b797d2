"""Every labelling interface that comes with docloop, in the real Label Studio and its editor."""

from __future__ import annotations

import base64
from contextlib import closing

import pytest
from editor import expect_regions, open_task
from playwright.sync_api import BrowserContext
from running_label_studio import RunningLabelStudio

from builders import found, png, prediction
from docloop.presets import load_interface_xml
from ml_backend.document.geometry import Box
from ml_backend.label_studio.client import LabelStudio
from ml_backend.label_studio.results import to_prediction_body
from ml_backend.presets import preset_names
from ml_backend.services import read_interface

IMAGE = "data:image/png;base64," + base64.b64encode(png("a page", (400, 600))).decode()


@pytest.mark.parametrize("name", preset_names())
def test_a_preset_is_created_keeps_a_prediction_and_is_shown(
    name: str, label_studio: RunningLabelStudio, browser: BrowserContext
) -> None:
    xml = load_interface_xml(name)
    interface = read_interface(xml)
    fields = [
        found(spec.label, f"text of {spec.label}", Box(0.1, 0.01 + i * 0.05, 0.5, 0.05 + i * 0.05))
        for i, spec in enumerate(interface.specs)
    ]
    with closing(LabelStudio(label_studio.url, label_studio.token)) as client:
        project = client.create_project(f"Preset {name}", xml)
        image = [IMAGE] if interface.paged else IMAGE
        (task,) = client.import_tasks(project.id, [{"data": {interface.data_key: image}}])
        body = {"task": task, **to_prediction_body(prediction(*fields), interface, task)}
        assert client.import_predictions(project.id, [body]) == 1
        client.set_model_version(project.id, "v1")
    page = open_task(browser, project.id, task)
    expect_regions(page, [(field.label, field.text) for field in fields])
    page.close()
