"""The report says what champion and challenger did, and nothing in it that a document says is more than text."""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from dataclasses import replace
from html.parser import HTMLParser
from io import BytesIO
from typing import Any

import pytest
from made_receipts import SPECS, made_receipt
from PIL import Image

from ml_backend.document.fields import Field
from ml_backend.document.samples import Sample
from ml_backend.models.manifest import Manifest
from training.report.drawing import page_pictures
from training.report.figures import NOTHING, confusion, edits, field_rows, reliability, worst
from training.report.judged import Judged, Story
from training.report.page import WORST, render, without

SAMPLES = [made_receipt(seed) for seed in range(20)]
EVIL = '<script>alert("x")</script>'


def judged(after: Sequence[Sequence[Field]], samples: Sequence[Sample] = SAMPLES) -> Judged:
    truth = {sample.content: sample.fields for sample in samples}
    said = {sample.content: tuple(fields) for sample, fields in zip(samples, after, strict=True)}
    return Judged(samples, truth, said, SPECS)


def story(**changes: Any) -> Story:
    metrics = {"challenger": {"f1": 0.5}, "champion": {"f1": 0.4}}
    manifest = Manifest("fields-2", "token-classifier", "2026-01-01T00:00:00+00:00", samples=20, metrics=metrics)
    first = replace(manifest, version="fields-1", samples=10, promoted=True)
    return Story("Receipts", replace(manifest, **changes), [first])


def relabelled(sample: Sample, was: str, now: str) -> tuple[Field, ...]:
    return tuple(replace(field, label=now) if field.label == was else field for field in sample.fields)


def test_a_challenger_that_says_the_truth_has_nothing_to_edit() -> None:
    found = judged([sample.fields for sample in SAMPLES])
    assert all(edits(row.after) == 0 and row.after.f1() == 1 for row in field_rows(found))
    assert worst(found, 5) == []
    table = confusion(found)
    assert table.true == table.said
    assert sum(map(sum, table.cells)) == sum(len(sample.fields) for sample in SAMPLES)
    assert "None of the 20 documents needs an edit" in render(story(), found)


def test_a_wrong_label_is_told_from_a_missed_field() -> None:
    after = [relabelled(sample, "address", "company") for sample in SAMPLES[:3]]
    after += [tuple(f for f in sample.fields if f.label != "total") for sample in SAMPLES[3:7]]
    after += [sample.fields for sample in SAMPLES[7:]]
    table = confusion(judged(after))
    cells = {(t, s): table.cells[i][j] for i, t in enumerate(table.true) for j, s in enumerate(table.said)}
    assert cells["address", "company"] == 3
    assert cells["total", NOTHING] == 4
    assert cells["company", "company"] == 20
    assert not any(count for (true, said), count in cells.items() if true == NOTHING)


def test_the_fields_and_documents_that_cost_most_come_first() -> None:
    after = [tuple(f for f in s.fields if f.label != "total") for s in SAMPLES[:10]]
    after += [tuple(f for f in s.fields if f.label not in ("total", "date")) for s in SAMPLES[10:12]]
    after += [sample.fields for sample in SAMPLES[12:]]
    found = judged(after)
    assert [row.label for row in field_rows(found)][:2] == ["total", "date"]
    counts = [count for _, count in worst(found, WORST)]
    assert counts == [2, 2, *[1] * 10]


def test_confidences_are_held_against_what_was_right() -> None:
    sure = [tuple(replace(f, confidence=0.95) for f in sample.fields) for sample in SAMPLES]
    assert reliability(judged(sure)).error == pytest.approx(0.05)
    wrong = [tuple(replace(f, confidence=0.95, text="?") for f in sample.fields) for sample in SAMPLES]
    (bucket,) = reliability(judged(wrong)).buckets
    assert (bucket.right, bucket.fields) == (0, sum(len(sample.fields) for sample in SAMPLES))


def test_a_page_is_drawn_with_what_was_right_wrong_and_missed() -> None:
    sample = SAMPLES[0]
    said = (replace(sample.fields[0], text="WRONG"), *sample.fields[1:])
    (page,) = page_pictures(sample, said)
    assert len(page.words) == len(sample.document.pages[0].words)
    kinds = [each.kind for each in page.fields]
    assert (kinds.count("right"), kinds.count("wrong"), kinds.count("missed")) == (len(said) - 1, 1, 1)
    assert all(0 <= each.x <= page.width and 0 <= each.y <= page.height for each in page.fields)


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)
        assert not any(name.startswith("on") or name in ("href", "src") for name, _ in attrs), attrs


def test_what_documents_say_is_only_text() -> None:
    pages = [
        replace(page, words=tuple(replace(word, text=EVIL) for word in page.words))
        for page in SAMPLES[0].document.pages
    ]
    document = replace(SAMPLES[0].document, pages=tuple(pages))
    sample = replace(SAMPLES[0], document=document)
    said = tuple(replace(field, text=f'"{EVIL}', label=field.label) for field in sample.fields)
    page = render(replace(story(verdict=EVIL), title=EVIL), judged([said], [sample]))
    tags = Tags()
    tags.feed(page)
    assert "script" not in tags.seen
    assert page.count("&lt;script&gt;") > 10
    assert "default-src 'none'" in page


def test_a_scan_is_shown_in_the_place_of_the_words() -> None:
    found = judged([sample.fields[1:] for sample in SAMPLES])
    worst_one = worst(found, 1)[0][0].content
    page = render(story(), found, lambda content: [Image.new("RGB", (900, 1400), "white")] * (content == worst_one))
    shown = re.findall(r'<image href="data:image/jpeg;base64,([^"]+)"', page)
    with Image.open(BytesIO(base64.b64decode(shown[0]))) as scan:
        assert (len(shown), scan.size) == (1, (840, 1307))
    drawn = [part for part in page.split("<details") if "<text x=" in part]
    assert len(drawn) == WORST  # the learning curve's part, and all documents but the one with a scan
    assert "img-src data:" in page


def test_a_document_without_pages_or_with_a_field_beyond_them_is_drawn_all_the_same() -> None:
    beyond = replace(SAMPLES[0].fields[0], page=7, text="elsewhere")
    assert len(page_pictures(SAMPLES[0], (beyond,))) == 1


def test_documents_are_named_by_their_task_where_it_is_known() -> None:
    nothing: list[Sequence[Field]] = [()] * len(SAMPLES)
    first, second = [sample.content for sample, _ in worst(judged(nothing), WORST)][:2]
    page = render(replace(story(), tasks={first: 4711}), judged(nothing))
    assert "edits · task 4711</summary>" in page
    assert f"edits · document {second[:12]}</summary>" in page


def test_a_deleted_document_is_not_shown_any_more_and_the_others_are() -> None:
    nothing: list[Sequence[Field]] = [()] * len(SAMPLES)
    page = render(story(), judged(nothing))
    first, second = [sample.content for sample, _ in worst(judged(nothing), WORST)][:2]
    left = without(page, {first})
    assert first[:12] not in left
    assert left.count("<details") == WORST - 1
    assert second[:12] in left
    assert left.endswith("</html>")
    older = re.sub(r' data-document="[0-9a-f]+"', "", page)
    assert "<details" not in without(older, {first}), "who knows which it is"
