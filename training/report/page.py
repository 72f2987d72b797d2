"""Writes the report: one HTML page that needs nothing else, opens no connection and runs no script.

It quotes documents, so it belongs where the documents are: beside the version, in the data folder.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path

from training.report import drawing
from training.report.figures import NOTHING, confusion, edits, field_rows, reliability, worst
from training.report.judged import Judged, Story
from training.report.scans import Scans, no_scans
from training.verdict_words import number

FILE = "report.html"
WORST = 12  # documents that are shown
_DOCUMENT = re.compile(r'<details(?: data-document="([0-9a-f]{64})")?.*?</details>', re.DOTALL)
_GONE = "<p>A document that was deleted since.</p>"


def write_report(folder: Path, story: Story, judged: Judged, scans: Scans = no_scans) -> None:
    """Write ``FILE`` into ``folder``."""
    (folder / FILE).write_text(render(story, judged, scans), encoding="utf-8")


def without(page: str, contents: Collection[str]) -> str:
    """A page of ``render`` that does not show these documents any more; nothing else on it is of one document.

    An older docloop did not say which documents it shows: then all of them go.
    """
    gone = {*contents, None}
    return _DOCUMENT.sub(lambda found: _GONE if found[1] in gone else found[0], page)


def render(story: Story, judged: Judged, scans: Scans = no_scans) -> str:
    """The page. Documents' and projects' texts are hostile: everything is escaped, and the page forbids scripts."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    templates = Environment(loader=PackageLoader("training.report"), autoescape=True, undefined=StrictUndefined)
    templates.filters["f1"] = number
    trusted = reliability(judged)
    return templates.get_template("report.html").render(
        story=story,
        manifest=story.manifest,
        metrics=story.manifest.metrics,
        documents=len(judged.samples),
        rows=field_rows(judged),
        edits=edits,
        confusion=confusion(judged),
        nothing=NOTHING,
        reliability=trusted,
        dots=drawing.reliability_dots(trusted),
        curve=drawing.learning_curve([*story.earlier, story.manifest]),
        chart=(drawing.CHART_WIDTH, drawing.CHART_HEIGHT),
        worst=[
            (sample, count, drawing.page_pictures(sample, judged.after[sample.content], scans(sample.content)))
            for sample, count in worst(judged, WORST)
        ],
    )
