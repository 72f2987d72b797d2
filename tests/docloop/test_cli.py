"""The command line, with real OCR on small pictures."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from builders import interface_xml, png
from docloop.cli import app
from ml_backend.settings import Settings

# rich breaks lines at the width of the terminal
WIDE = {"COLUMNS": "250", "TERM": "dumb", "NO_COLOR": "1"}


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> object:
    for setting in Settings.model_fields:
        monkeypatch.delenv(f"DOCLOOP_{setting.upper()}", raising=False)

    def invoke(*arguments: str, **environment: str) -> Result:
        settings = {"DOCLOOP_DATA_DIR": str(tmp_path / "data"), "DOCLOOP_OCR_RUNTIME": "onnxruntime"}
        return CliRunner().invoke(app, list(arguments), env={**WIDE, **settings, **environment})

    return invoke


@pytest.fixture
def receipt(tmp_path: Path) -> Path:
    path = tmp_path / "receipt.png"
    path.write_bytes(png("TOTAL 47.11"))
    return path


@pytest.mark.slow
def test_predict_shows_a_table_and_draws_the_page(run, receipt: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    done = run("predict", str(receipt), "--draw", str(tmp_path / "out"))
    assert done.exit_code == 0, done.output
    assert re.search(r"total\s*│\s*47\.11", done.output)
    with Image.open(tmp_path / "out" / "receipt.png") as drawn:
        assert drawn.size == (300, 80)


@pytest.mark.slow
def test_predict_gives_json_and_a_broken_file_does_not_stop_the_others(run, receipt: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "bad.png").write_bytes(b"<html>")
    done = run("predict", str(tmp_path / "bad.png"), str(receipt), "--json")
    assert done.exit_code == 1
    bad, good = (json.loads(line) for line in done.stdout.splitlines() if line.startswith("{"))
    assert bad["error"]["code"] == "image_kind_refused"
    assert [field["text"] for field in good["fields"] if field["label"] == "total"] == ["47.11"]
    assert [word["text"] for word in good["pages"][0]["words"]] == ["TOTAL", "47.11"]


def test_a_path_that_is_not_there_fails_by_itself(run, receipt: Path) -> None:  # type: ignore[no-untyped-def]
    done = run("predict", "missing.png", str(receipt))
    assert done.exit_code == 1
    assert "missing.png: It cannot be read: No such file" in done.output
    assert "47.11" in done.output


def test_predict_takes_an_interface_of_ones_own(run, receipt: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    own = tmp_path / "own.xml"
    own.write_text(interface_xml("Gesamtbetrag"))
    done = run("predict", str(receipt), "--json", "--interface", str(own))
    assert [field["label"] for field in json.loads(done.stdout)["fields"]] == ["Gesamtbetrag"]


@pytest.mark.parametrize(
    ("arguments", "environment", "said"),
    [
        (["predict", "x.png", "--engine", "ocrmagic"], {}, "Known ones: rapidocr, tesseract"),
        (["predict", "."], {"DOCLOOP_OCR_ENGIN": "x"}, "Did you mean DOCLOOP_OCR_ENGINE"),
        (["import", "--project", "1"], {}, "There is nothing to import"),
        (["import", "--project", "1", "--retry-failed"], {}, "Nothing failed the last time"),
        (["import", "--project", "1", "--urls", "missing.txt"], {}, "missing.txt"),
        (["connect", "--project", "1", "--url", "localhost:9090"], {}, "Did you mean http://localhost:9090"),
        (["predict", "missing.png", "-i", "passport"], {}, "business_card, handwriting, id_label, invoice, receipt"),
        (["push", "--project", "1"], {}, "DOCLOOP_LABEL_STUDIO_TOKEN"),
        (["serve", "--host", "0.0.0.0"], {"DOCLOOP_PASSWORD": "short"}, "at least 12"),
    ],
)
def test_a_mistake_is_a_sentence_with_the_fix_and_exit_status_2(  # type: ignore[no-untyped-def]
    run, arguments: list[str], environment: dict[str, str], said: str
) -> None:
    done = run(*arguments, **environment)
    assert done.exit_code == 2
    assert said in done.output
    assert "Traceback" not in done.output


def test_help_teaches_with_examples(run) -> None:  # type: ignore[no-untyped-def]
    assert "docloop predict receipt.jpg --draw out/" in run("--help").output


def test_credentials_are_made_once_and_shown(run, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    first, again = run("credentials").output, run("credentials").output
    assert first == again
    kept = json.loads((tmp_path / "data" / "secrets.json").read_text())
    assert all(secret in first for secret in kept.values())


def test_the_version_is_shown(run) -> None:  # type: ignore[no-untyped-def]
    assert re.match(r"docloop \d+\.\d+", run("--version").output)
