"""The annotator of the demo, against the fake Label Studio."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from fake_label_studio import FakeLabelStudio

from builders import interface, interface_xml
from docloop.demo import simulate
from docloop.demo.samples import Sample
from docloop.demo.simulate import Simulation
from ml_backend.document.geometry import Box
from ml_backend.errors import SetupError

PLACE = Box(0.5, 0.5, 0.6, 0.52)
SAMPLES = {
    name: Sample(name, b"", {"total": "12.50"}, {"total": PLACE}, "en", "cafe") for name in ("1.png", "2.png", "3.png")
}


def simulation(names: list[str], samples: list[int]) -> Simulation:
    """One on a project with these files, whose number of samples is what docloop says at each look."""
    fake = FakeLabelStudio()
    project = fake.add_project("Receipts", interface_xml("total"))
    fake.add_tasks(project, [{"image": name, "filename": name} for name in names])

    def status() -> Mapping[str, Any]:
        return {"training": {"runs": []}, "samples": samples.pop(0), "model_version": ""}

    return Simulation(fake.client(), project, interface("total"), SAMPLES, status, on_round=lambda found: None)


@pytest.mark.slow
def test_each_document_is_waited_for_also_where_there_were_samples_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(simulate, "_POLL", 0.0)
    looks = [40, 40, 40, 41, 41, 42, 42, 42, 43]
    made = simulation([*SAMPLES], looks)
    made.run(2)
    assert looks == [42, 42, 43], "one look at the start, three for the first document, two for the second"
    made.run(3)
    assert (looks, [step.documents for step in made.steps]) == ([], [1, 2, 3])


def test_a_document_that_is_no_receipt_of_the_demo_is_a_sentence_and_nothing_is_submitted() -> None:
    made = simulation(["mine.png"], [0])
    with pytest.raises(SetupError, match="Task 1 is no receipt of the demo"):
        made.run(1)
    assert made.label_studio.call("GET", "api/tasks/1/")["annotations"] == []
