"""Training tiny layout models for real: from samples to a version that ONNX Runtime serves."""

from __future__ import annotations

import json
import socket
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from layout_parts import table_for, write_version
from made_receipts import SPECS, made_receipt
from test_layout_base_models import write_base

from ml_backend.document.elements import Document, Page
from ml_backend.document.fields import Field, FieldSpec
from ml_backend.document.geometry import Box
from ml_backend.document.samples import Sample
from ml_backend.errors import ModelRejected
from ml_backend.models.layout_model import LayoutModel
from training.trainers.base import Fitted
from training.trainers.layout_model import LayoutTrainer, LayoutTraining
from training.trainers.layout_model.base_models import open_base
from training.trainers.layout_model.export import check_same, share_of_others

pytestmark = pytest.mark.slow

RECEIPTS = [made_receipt(number) for number in range(8)]
QUICK = LayoutTraining(
    from_scratch="tiny", length=128, stride=32, max_steps=120, batch_size=8, accumulate=1, learning_rate=5e-3
)


def said(fields: tuple[Field, ...]) -> set[tuple[str, str]]:
    return {(field.label, field.text) for field in fields}


@pytest.fixture(scope="module")
def stages() -> list[str]:
    return []


@pytest.fixture(scope="module")
def fitted(stages: list[str]) -> Fitted:
    """LayoutLMv3 that has seen eight receipts again and again."""

    def progress(stage: str, share: float) -> None:
        assert 0.0 <= share <= 1.0
        if stage not in stages:
            stages.append(stage)

    return LayoutTrainer(QUICK).fit(RECEIPTS, SPECS, "fields-1", progress)


@pytest.fixture(scope="module")
def folder(fitted: Fitted, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("fields-1")
    fitted.save(path)
    return path


def test_eight_receipts_are_learned_by_heart(fitted: Fitted) -> None:
    for sample in RECEIPTS:
        assert said(fitted.extractor.extract(sample.document, SPECS).fields) == said(sample.fields)


def test_every_document_is_answered_by_a_network_that_has_not_seen_it(fitted: Fitted) -> None:
    assert set(fitted.out_of_fold) == {sample.content for sample in RECEIPTS}
    right = sum(len(said(fitted.out_of_fold[sample.content]) & said(sample.fields)) for sample in RECEIPTS)
    assert 10 <= right < 40  # four receipts teach something; all of it would mean that they had been seen
    assert all(0 <= field.confidence < 0.999 for fields in fitted.out_of_fold.values() for field in fields)


def test_progress_tells_each_stage_in_turn(fitted: Fitted, stages: list[str]) -> None:
    assert stages == [
        "base model",
        "train fold 1 of 2",
        "answer fold 1 of 2",
        "train fold 2 of 2",
        "answer fold 2 of 2",
        "train network",
        "export",
        "compare",
    ]


def test_a_saved_version_answers_as_the_fitted_one_and_holds_known_files_only(fitted: Fitted, folder: Path) -> None:
    assert sorted(path.name for path in folder.iterdir()) == [
        "config.json",
        "layout.json",
        "model.onnx",
        "model.safetensors",
        "tokenizer.json",
    ]
    again = LayoutModel.load(folder, "fields-1")
    new = made_receipt(77).document
    assert again.extract(new, SPECS) == fitted.extractor.extract(new, SPECS)


def test_training_can_go_on_from_a_version(folder: Path) -> None:
    from safetensors.torch import load_file

    opened = open_base(replace(QUICK, from_scratch="", base_model=str(folder), length=100))

    assert opened.base.name == "scratch:tiny"
    assert opened.shape.length == 100
    loaded = opened.network(("total", "another")).state_dict()
    for name, weight in load_file(folder / "model.safetensors").items():
        assert name.startswith("classifier") or loaded[name].equal(weight)


def test_what_is_known_of_the_base_is_for_the_manifest(fitted: Fitted) -> None:
    assert json.loads(json.dumps(fitted.settings)) == fitted.settings
    assert fitted.settings["base_model"] == "scratch:tiny"
    assert fitted.settings["base_family"] == "layoutlmv3"
    assert 0 <= fitted.settings["export_difference"] <= 1e-3


@pytest.fixture
def addresses(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """What somebody tried to connect to."""
    tried: list[object] = []

    def connect(self: socket.socket, address: object) -> None:
        tried.append(address)
        raise OSError("no network")

    monkeypatch.setattr(socket.socket, "connect", connect)
    return tried


def test_lilt_from_a_folder_stops_early_is_exported_in_int8_and_keeps_its_licence(
    tmp_path: Path, addresses: list[object]
) -> None:
    base = tmp_path / "tiny-lilt"
    base.mkdir()
    write_base(base, "lilt")
    (base / "README.md").write_text("---\nlicense: mit\n---\n", encoding="utf-8")
    options = replace(
        QUICK,
        from_scratch="",
        base_model=str(base),
        length=60,
        stride=16,
        folds=1,
        int8=True,
        least_for_dev=4,
        look_every=20,
        work=tmp_path / "work",
    )
    told: list[tuple[str, float]] = []

    fitted = LayoutTrainer(options).fit(
        RECEIPTS, SPECS, "fields-2", lambda stage, share: told.append((stage, share)), seed=1
    )

    assert {stage for stage, _ in told} == {
        "base model",
        "base model tiny-lilt (mit)",
        "train network",
        "answer network",
        "export",
        "compare",
        "int8",
    }
    assert addresses == []
    assert len(fitted.out_of_fold) == 2  # a fifth of eight is held out; the others have no honest answer
    assert fitted.settings["base_licence"] == "mit"
    assert fitted.settings["int8"] == (fitted.settings["int8_other_fields"] <= 0.01)
    (tmp_path / "version").mkdir()
    fitted.save(tmp_path / "version")
    learned = LayoutModel.load(tmp_path / "version", "fields-2").learned
    assert (learned.base.name, learned.base.licence, learned.int8) == ("tiny-lilt", "mit", fitted.settings["int8"])


def test_a_new_label_is_the_baselines_and_a_known_one_that_is_not_asked_for_is_left_out(fitted: Fitted) -> None:
    specs = (FieldSpec("total", "amount"), FieldSpec("grand total", "amount"))

    answer = fitted.extractor.extract(RECEIPTS[0].document, specs)

    assert {field.label for field in answer.fields} == {"total", "grand total"}


@pytest.mark.parametrize(
    ("samples", "code"),
    [
        pytest.param(RECEIPTS[:3], "too_few_samples", id="three receipts"),
        pytest.param(
            [Sample(str(n), Document((Page(9, 9),)), (Field("total", "1", Box(0, 0, 1, 1)),)) for n in range(5)],
            "no_region_matches",
            id="no words",
        ),
        pytest.param([replace(sample, fields=()) for sample in RECEIPTS], "no_region_matches", id="no fields"),
    ],
)
def test_samples_that_teach_nothing_are_refused(samples: list[Sample], code: str) -> None:
    with pytest.raises(ModelRejected) as refusal:
        LayoutTrainer(QUICK).fit(samples, SPECS, "fields-1", lambda stage, share: None)

    assert refusal.value.code == code


def test_an_export_that_answers_otherwise_is_refused(tmp_path: Path) -> None:
    """Two networks of tables: one that differs by a little more than allowed, one that reads another word as the total."""
    words = {"GOODS": "B-total", "TEA": "B-company"}
    folders = [tmp_path / name for name in ("one", "near", "far", "other")]
    tables = [table_for(words), table_for(words), table_for(words), table_for({"TOTAL": "B-total", "TEA": "B-company"})]
    tables[1] += 5e-4 * np.sign(np.arange(tables[1].shape[1]) - 3)
    tables[2] += 2e-3 * np.sign(np.arange(tables[2].shape[1]) - 3)
    models = []
    for path, table in zip(folders, tables, strict=True):
        path.mkdir()
        models.append(LayoutModel.load(write_version(path, table), "fields-1"))
    one, near, far, other = models
    documents = [sample.document for sample in RECEIPTS]

    assert check_same(one, near, documents, SPECS) == pytest.approx(5e-4, rel=0.1)
    for wrong in (far, other):
        with pytest.raises(ModelRejected) as refusal:
            check_same(one, wrong, documents, SPECS)
        assert refusal.value.code == "export_differs"
    assert share_of_others(one, near, documents, SPECS) == 0.0
    assert 0.2 < share_of_others(one, other, documents, SPECS) < 0.8


def test_a_temporary_folder_goes_with_the_fitted_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from training.trainers.layout_model.parts import Workplace

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    place = Workplace.of(RECEIPTS, SPECS, QUICK, 0)
    place.inner("version")
    assert len(list(tmp_path.iterdir())) == 1

    del place

    assert list(tmp_path.iterdir()) == []
