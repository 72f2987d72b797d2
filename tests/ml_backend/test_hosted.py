"""docloop as a model of other hosts: the real label-studio-ml 1.0.9, and a twin of what 2.x does with a model class."""

from __future__ import annotations

import base64
import importlib
import sys
import warnings
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

import pytest

from builders import interface_xml, png
from ml_backend.models.manifest import Manifest
from ml_backend.services import Services
from ml_backend.store.records import ProjectRecord

IMAGE = "data:image/png;base64," + base64.b64encode(png("TOTAL 12.50")).decode()
DAY = "2026-01-01T00:00:00+00:00"
TASKS = [{"id": 1, "data": {"image": IMAGE}}, {"id": 2, "data": {"image": "file:///etc/passwd"}}]


def hosted(monkeypatch: pytest.MonkeyPatch, services: Services) -> ModuleType:
    """The adapter, freshly bound to whichever ``label_studio_ml`` is there, over the test's services."""
    monkeypatch.delitem(sys.modules, "ml_backend.hosted", raising=False)
    module = importlib.import_module("ml_backend.hosted")
    monkeypatch.setattr(module, "shared_services", lambda: services)
    return module


def texts(prediction: dict[str, Any]) -> list[str]:
    return [result["value"]["text"][0] for result in prediction["result"] if result["type"] == "textarea"]


@pytest.mark.slow
def test_the_1_0_9_host_serves_it(monkeypatch: pytest.MonkeyPatch, services: Services, tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its code of 2022 is not ours to mend
        api = importlib.import_module("label_studio_ml.api")
    host = api.init_app(model_class=hosted(monkeypatch, services).DocloopModel, model_dir=str(tmp_path)).test_client()
    setup = host.post("/setup", json={"project": "1.1", "schema": interface_xml("total")}).get_json()
    body = {"tasks": TASKS, "project": "1.1", "label_config": interface_xml("total"), "params": {"context": None}}
    good, bad = host.post("/predict", json=body).get_json()["results"]
    assert texts(good) == ["12.50"]
    assert bad == []
    # the host names a version of its own in /setup; a prediction without one gets that, and nothing is stored twice
    assert setup["model_version"] == "INITIAL"
    assert "model_version" not in good
    assert host.get("/health").get_json()["status"] == "UP"


class Base2x:
    """What 2.x hosts do with a model class: make it with project and config, call ``setup``, then ``predict(tasks, context)``."""

    kept: ClassVar[dict[tuple[str, str], str]] = {}

    def __init__(self, project_id: str | None = None, label_config: str | None = None) -> None:
        self.project_id = project_id or ""
        self.set("label_config", label_config or "")
        self.setup()

    def setup(self) -> None:
        raise AssertionError("the model says its version")

    def get(self, key: str) -> str:
        return self.kept[self.project_id, key]

    def set(self, key: str, value: str) -> None:
        self.kept[self.project_id, key] = value

    @property
    def label_config(self) -> str:
        return self.get("label_config")


def hosted_by_2x(monkeypatch: pytest.MonkeyPatch, services: Services) -> ModuleType:
    """The adapter over the twin of 2.x."""
    package, module = ModuleType("label_studio_ml"), ModuleType("label_studio_ml.model")
    module.LabelStudioMLBase = Base2x  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "label_studio_ml", package)
    monkeypatch.setitem(sys.modules, "label_studio_ml.model", module)
    return hosted(monkeypatch, services)


def test_a_2_x_host_serves_it(monkeypatch: pytest.MonkeyPatch, services: Services) -> None:
    model = hosted_by_2x(monkeypatch, services).DocloopModel(project_id="1.1", label_config=interface_xml("total"))
    good, bad = model.predict(TASKS, context=None, login=None)
    assert (texts(good), bad) == (["12.50"], [])
    assert good["model_version"] == model.get("model_version") == services.version(interface_xml("total"), "1.1")
    assert model.fit("ANNOTATION_CREATED", {}) == {}


def test_a_2_x_host_with_an_interface_nobody_can_serve_gets_empty_answers(
    monkeypatch: pytest.MonkeyPatch, services: Services
) -> None:
    text = '<View><Text name="t" value="$t"/></View>'
    assert hosted_by_2x(monkeypatch, services).DocloopModel(project_id="1.1", label_config=text).predict(TASKS) == [
        [],
        [],
    ]


def test_the_promoted_version_answers_whatever_the_host_leaves_of_the_project(
    monkeypatch: pytest.MonkeyPatch, services: Services
) -> None:
    uid, asked = "41.1795000000", list[str]()
    services.store.projects.put(ProjectRecord(uid, 41))
    services.registry.publish(uid, Manifest("fields-1", "combined", DAY), lambda folder: (folder / "m.json").touch())
    services.registry.activate(uid, "fields-1")
    ours = hosted_by_2x(monkeypatch, services)
    monkeypatch.setattr(ours, "answer_tasks", lambda services, tasks, config, project, context: asked.append(project))
    of_2x = ours.DocloopModel(project_id="41", label_config=interface_xml("total"))
    of_2x.predict(TASKS)
    of_1x = ours.DocloopModel(label_config=interface_xml("total"))
    for project in (41, "41.1795000000", None, 42, "9" * 5000):
        of_1x.predict([{"id": 1, "data": {}, "project": project}])
    assert asked == [uid, uid, uid, "", "", ""]
    assert of_2x.get("model_version") == services.version(interface_xml("total"), uid)
    assert of_2x.get("model_version").startswith("fields-1.")
