"""A project of the Label Studio in memory with a few papers as pictures, confirmed by a person: enough to train on."""

from __future__ import annotations

import base64

from fake_label_studio import FakeLabelStudio

from builders import interface, interface_xml, png
from ml_backend.document.fields import Field, Prediction
from ml_backend.document.geometry import Box
from ml_backend.label_studio.results import to_results

PAPERS = 6
LABELS = ("total", "date")
_WHERE = Box(0.0, 0.0, 1.0, 1.0)


def picture(text: str) -> str:
    """A data: URI of a small picture with that text."""
    return "data:image/png;base64," + base64.b64encode(png(text)).decode()


def annotated_papers(fake: FakeLabelStudio, papers: int = PAPERS) -> int:
    """The project's number; each paper says a total, which a person drew a box around."""
    project = fake.add_project("Receipts", interface_xml(*LABELS), "Uncertainty sampling")
    for number in range(papers):
        amount = f"{number + 11}.50"
        (task,) = fake.add_tasks(project, [{"image": picture(f"TOTAL {amount}")}])
        fields = (Field("total", amount, _WHERE),)
        result = to_results(Prediction(fields, ((300, 80),), 1.0, ""), interface(*LABELS), task)
        fake.annotate(task, result, lead_time=7.5)
    fake.pass_time(120.0)
    return project
