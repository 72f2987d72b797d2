"""Which recogniser reads: the promoted one if it is sound, else the wheel's."""

import logging
from pathlib import Path

import pytest

from ml_backend.models.manifest import Manifest
from ml_backend.ocr.recogniser.alphabet import Alphabet
from ml_backend.ocr.recogniser.version import KIND, write_version
from ml_backend.readers import EVERY_PROJECT, promoted_reader, readers_in
from ml_backend.services import make_engine
from ml_backend.settings import Settings


def publish(data_dir: Path, kind: str) -> None:
    registry = readers_in(data_dir)
    manifest = Manifest("reader-1", kind, "2026-11-20T18:00:00+00:00", promoted=True)
    registry.publish(EVERY_PROJECT, manifest, lambda folder: write_version(folder, b"no network", Alphabet("ab")))
    registry.activate(EVERY_PROJECT, "reader-1")


def test_without_a_version_the_recogniser_of_the_wheel_reads(tmp_path: Path) -> None:
    assert promoted_reader(readers_in(tmp_path), EVERY_PROJECT) is None


@pytest.mark.parametrize(("kind", "said"), [("token-classifier", "not a recogniser"), (KIND, "cannot be used")])
def test_a_version_that_is_no_reader_is_passed_over_and_said(
    tmp_path: Path, kind: str, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    publish(tmp_path, kind)
    with caplog.at_level(logging.ERROR):
        assert promoted_reader(readers_in(tmp_path), EVERY_PROJECT, "onnxruntime") is None
        assert make_engine(Settings(data_dir=tmp_path, ocr_runtime="onnxruntime")).id == "rapidocr/onnxruntime"
    assert said in caplog.text
    assert "The recogniser of the wheel reads." in caplog.text
