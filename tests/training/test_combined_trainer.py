"""Several models in one version: for each field the one is believed who earned it on documents it had not seen."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from made_receipts import SPECS, made_receipt

from ml_backend.document.elements import Document
from ml_backend.document.fields import Extraction, Field, FieldSpec
from ml_backend.document.samples import Sample
from ml_backend.errors import ModelRejected
from ml_backend.models.base import FieldExtractor
from ml_backend.models.combined import Combined
from ml_backend.models.combined.combiner import Combiner
from ml_backend.models.combined.files import FILE, save_combiner
from ml_backend.models.keyword_baseline import KeywordBaseline
from ml_backend.services import KEYWORDS
from training.metrics import by_label, judge_all
from training.trainers.base import Fitted, Progress
from training.trainers.combined_trainer import CombinedTrainer

SAMPLES = [made_receipt(seed) for seed in range(40)]
BY_DOCUMENT = {sample.document: sample for sample in SAMPLES}


class Knows:
    """A member that knows some labels, is as sure of others, and is wrong there."""

    def __init__(self, kind: str, labels: Sequence[str], sure: float = 0.8) -> None:
        self.kind = self.version = kind
        self._labels, self._sure = labels, sure

    def extract(self, document: Document, specs: Sequence[FieldSpec]) -> Extraction:
        return Extraction(tuple(self._field(field) for field in BY_DOCUMENT[document].fields))

    def _field(self, field: Field) -> Field:
        text = field.text if field.label in self._labels else f"{self.kind} {field.label}"
        return replace(field, text=text, confidence=self._sure, reason=self.kind)

    def fit(
        self, samples: Sequence[Sample], specs: Sequence[FieldSpec], version: str, progress: Progress, seed: int = 0
    ) -> Fitted:
        progress("fit", 0.5)
        answers = {sample.content: self.extract(sample.document, specs).fields for sample in samples}
        return Fitted(self, lambda folder: (folder / "made.txt").write_text(self.kind) and None, answers)


class Silent:
    """A baseline that says nothing."""

    version = "keywords-0"

    def extract(self, document: Document, specs: Sequence[FieldSpec]) -> Extraction:
        return Extraction(())


def fitted(
    members: Sequence[Knows], baseline: FieldExtractor | None = None, samples: Sequence[Sample] = SAMPLES
) -> Fitted:
    trainer = CombinedTrainer(members, baseline or Silent())
    return trainer.fit(samples, SPECS, "fields-1", lambda stage, share: None)


def exact(answers: Mapping[str, Sequence[Field]]) -> dict[str, float]:
    counts = by_label(judge_all(SAMPLES, answers, SPECS).values())
    return {label: count.f1() for label, count in counts.items()}


def test_each_field_is_answered_by_the_member_that_was_right_out_of_fold() -> None:
    one, other = Knows("one", ["company", "address"]), Knows("other", ["date", "total"])
    found = exact(fitted([one, other]).out_of_fold)
    assert {found["company"], found["address"], found["date"], found["total"]} == {1.0}
    assert found["member"] == 0.0  # nobody knows it


def test_with_a_handful_of_documents_the_surer_first_member_is_believed() -> None:
    one, other = Knows("one", ["company", "date"], 0.9), Knows("other", ["total"], 0.3)
    made = fitted([one, other], samples=SAMPLES[:2])
    fields = {field.label: field for field in made.extractor.extract(SAMPLES[5].document, SPECS).fields}
    assert fields["company"].reason == "one"


def test_its_confidence_is_what_was_right_and_its_score_tells_documents_apart() -> None:
    one = Knows("one", ["company", "date", "total", "address", "member"], 0.6)  # right more often than it thinks
    made = fitted([one])
    answer = made.extractor.extract(SAMPLES[0].document, SPECS)
    assert min(field.confidence for field in answer.fields) > 0.75
    assert answer.score is not None
    assert answer.score > 0.5


def test_a_label_that_repeats_is_the_first_members() -> None:
    specs = [replace(spec, repeats=True) for spec in SPECS]
    one, other = Knows("one", []), Knows("other", ["company"])
    made = CombinedTrainer([one, other], Silent()).fit(SAMPLES, specs, "fields-1", lambda stage, share: None)
    assert {field.reason for fields in made.out_of_fold.values() for field in fields} == {"one"}


def test_a_version_that_is_saved_and_loaded_answers_the_same(tmp_path: Path) -> None:
    one, other = Knows("one", ["company"]), Knows("other", ["date"])
    made = fitted([one, other], KeywordBaseline())
    made.save(tmp_path)
    assert sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.*")) == [
        FILE, "one/made.txt", "other/made.txt",
    ]  # fmt: skip
    loaders: dict[str, Callable[[Path], FieldExtractor]] = {
        "one": lambda folder: one,
        "other": lambda folder: other,
        KEYWORDS: lambda folder: KeywordBaseline(),
    }
    again = Combined.load(tmp_path, "fields-1", loaders)
    for sample in SAMPLES[:5]:
        assert again.extract(sample.document, SPECS) == made.extractor.extract(sample.document, SPECS)
    with pytest.raises(ModelRejected, match="cannot load: 'other'"):
        Combined.load(tmp_path, "fields-1", {"one": loaders["one"], KEYWORDS: loaders[KEYWORDS]})


def test_the_same_documents_in_any_order_make_the_same() -> None:
    one, other = Knows("one", ["company"]), Knows("other", ["date"])
    there, back = fitted([one, other]), fitted([one, other], samples=SAMPLES[::-1])
    assert there.out_of_fold == back.out_of_fold


@pytest.mark.parametrize(
    "change",
    [
        {"format": 2},
        {"members": []},
        {"weights": {}},
        {"weights": {"": [1.0]}},
        {"weights": {"": ["1.0", 0.0, 0.0, 0.0]}},
        {"document": [1.0]},
        {"least": {"total": None}},
        {"more": 1},
    ],
    ids=str,
)
def test_a_planted_file_is_refused(tmp_path: Path, change: dict[str, Any]) -> None:
    save_combiner(Combiner(("one",), {"": (1.0, 0.0, 0.0, 0.0)}, {}, {}), tmp_path)
    stored = json.loads((tmp_path / FILE).read_text())
    (tmp_path / FILE).write_text(json.dumps(stored | change))
    with pytest.raises(ModelRejected, match="cannot be used"):
        Combined.load(tmp_path, "fields-1", {"one": lambda folder: Silent()})
    (tmp_path / FILE).write_text('{"format": 1, "weights": [NaN]}')
    with pytest.raises(ModelRejected):
        Combined.load(tmp_path, "fields-1", {})
    (tmp_path / FILE).unlink()
    with pytest.raises(ModelRejected):
        Combined.load(tmp_path, "fields-1", {})
