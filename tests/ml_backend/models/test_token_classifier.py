"""A trained token classifier in use: the promises of field models, and files that may be hostile."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from confirmed_papers import SPECS, confirmed

from contracts.field_extractor_contract import FieldExtractorContract
from ml_backend.document.fields import FieldSpec
from ml_backend.errors import ModelRejected
from ml_backend.models.base import FieldExtractor
from ml_backend.models.score import document_score
from ml_backend.models.token_classifier import TokenClassifier, files
from training.trainers.token_trainer import TokenTrainer

pytestmark = pytest.mark.slow

NEW = confirmed(41).document


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of a version that learned from 24 receipts."""
    path = tmp_path_factory.mktemp("fields-1")
    specs = (*SPECS, FieldSpec("phone", "phone", repeats=True))
    fitted = TokenTrainer().fit([confirmed(n) for n in range(24)], specs, "fields-1", lambda stage, share: None)
    fitted.save(path)
    # what is saved answers as what was fitted
    assert TokenClassifier.load(path, "fields-1").extract(NEW, SPECS) == fitted.extractor.extract(NEW, SPECS)
    return path


@pytest.fixture(scope="module")
def model(folder: Path) -> TokenClassifier:
    return TokenClassifier.load(folder, "fields-1")


class TestTokenClassifier(FieldExtractorContract):
    @pytest.fixture
    def extractor(self, model: TokenClassifier) -> FieldExtractor:
        return model


def test_the_document_score_is_its_own_and_falls_when_a_field_is_missing(model: TokenClassifier) -> None:
    whole = model.extract(NEW, SPECS)
    odd = model.extract(NEW, (*SPECS, FieldSpec("colour of the sky", "text", required=True)))

    assert whole.score is not None
    assert odd.score is not None
    assert 0.0 <= odd.score < whole.score <= 1.0
    assert whole.score != document_score(SPECS, whole.fields)


def test_reasons_say_what_was_learned_and_from_what(model: TokenClassifier) -> None:
    reasons = {field.label: field.reason for field in model.extract(NEW, SPECS).fields}

    assert reasons["company"] == "learned from 24 documents; confirmed before in 6 documents"
    assert reasons["total"] == "learned from 24 documents; amount right of 'TOTAL'"
    assert reasons["served by"].startswith("learned from 24 documents")


def _edit(change: Callable[[dict[str, Any]], object]) -> Callable[[Path], None]:
    def apply(folder: Path) -> None:
        learned = json.loads((folder / "learned.json").read_text(encoding="utf-8"))
        change(learned)
        (folder / "learned.json").write_text(json.dumps(learned), encoding="utf-8")

    return apply


def _foreign(folder: Path) -> None:
    """The schema of a file that would call a function when it is loaded."""
    with zipfile.ZipFile(folder / "tags.skops") as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    schema = json.loads(members["schema.json"])
    schema["content"]["content"] |= {"evil": {"__class__": "system", "__module__": "os", "__loader__": "FunctionNode"}}
    with zipfile.ZipFile(folder / "tags.skops", "w") as archive:
        for name, data in (members | {"schema.json": json.dumps(schema).encode()}).items():
            archive.writestr(name, data)


def _other_estimator(folder: Path) -> None:
    """An estimator of scikit-learn, which skops trusts and we do not."""
    from sklearn.cluster import KMeans
    from skops.io import dump

    dump(KMeans(), folder / "ranking.skops")


@pytest.mark.parametrize(
    "harm",
    [
        pytest.param(lambda folder: (folder / "tags.skops").unlink(), id="a file is missing"),
        pytest.param(lambda folder: (folder / "tags.skops").write_bytes(b"\x80\x04."), id="a pickle"),
        pytest.param(lambda folder: (folder / "learned.json").write_text("[" * 9999), id="deeply nested JSON"),
        pytest.param(lambda folder: (folder / "learned.json").write_text("null"), id="no object"),
        pytest.param(_edit(lambda learned: learned.update(format=99)), id="another format"),
        pytest.param(_edit(lambda learned: learned["columns"].pop()), id="a feature too few"),
        pytest.param(_edit(lambda learned: learned["labels"].append("x")), id="a label too many"),
        pytest.param(_edit(lambda learned: learned["curves"].clear()), id="no calibration"),
        pytest.param(_edit(lambda learned: learned["least"].update(total=float("nan"))), id="not a number"),
        pytest.param(_edit(lambda learned: learned["facts"].update(total=[1, 0, 1, 1, 1])), id="a spread of zero"),
        pytest.param(_edit(lambda learned: learned["known"].append("text")), id="a known text of another shape"),
        pytest.param(_foreign, id="a type that runs code"),
        pytest.param(_other_estimator, id="another estimator"),
    ],
)
def test_files_that_are_not_a_version_are_rejected(
    folder: Path, tmp_path: Path, harm: Callable[[Path], object]
) -> None:
    for path in folder.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    harm(tmp_path)

    with pytest.raises(ModelRejected) as refusal:
        TokenClassifier.load(tmp_path, "fields-1")

    assert refusal.value.code == "model_files"


@pytest.mark.parametrize(("name", "spare"), [("learned.json", -1), ("tags.skops", 0)])
def test_files_that_would_fill_the_memory_are_rejected(
    folder: Path, monkeypatch: pytest.MonkeyPatch, name: str, spare: int
) -> None:
    monkeypatch.setattr(files, "LARGEST", (folder / "learned.json").stat().st_size + spare)

    with pytest.raises(ModelRejected, match=rf"{name}.*too large"):
        TokenClassifier.load(folder, "fields-1")
