"""Every labelling interface that comes with docloop, in the real Label Studio and its editor."""

from __future__ import annotations

import pytest
from playwright.sync_api import BrowserContext, expect
from running_label_studio import RunningLabelStudio

from builders import found, prediction
from docloop.presets import load_interface_xml, preset_names
from ml_backend.document.geometry import Box
from ml_backend.label_studio.client import LabelStudio
from ml_backend.label_studio.results import to_prediction_body
from ml_backend.services import read_interface

PIXEL = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg=="


@pytest.mark.parametrize("name", preset_names())
def test_a_preset_is_created_keeps_a_prediction_and_is_shown(
    name: str, label_studio: RunningLabelStudio, browser: BrowserContext
) -> None:
    client = LabelStudio(label_studio.url, label_studio.token)
    xml = load_interface_xml(name)
    interface = read_interface(xml)
    project = client.create_project(f"Preset {name}", xml)
    image = [PIXEL] if interface.paged else PIXEL
    (task,) = client.import_tasks(project.id, [{"data": {interface.data_key: image}}])
    fields = [
        found(spec.label, f"text of {spec.label}", Box(0.1, 0.01 + i * 0.05, 0.5, 0.05 + i * 0.05))
        for i, spec in enumerate(interface.specs)
    ]
    body = {"task": task, **to_prediction_body(prediction(*fields), interface, task)}
    assert client.import_predictions(project.id, [body]) == 1
    client.set_model_version(project.id, "v1")
    page = browser.new_page()
    page.goto(f"/projects/{project.id}/data?task={task}")
    for spec in interface.specs[:3]:
        expect(page.get_by_text(f"text of {spec.label}", exact=True).first).to_be_visible()
    page.close()
    client.close()
