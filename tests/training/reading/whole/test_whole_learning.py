"""The whole network of the wheel: its graph in torch, and a short training from lines to a version that reads."""

import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ml_backend.errors import EngineUnavailable, ModelRejected
from ml_backend.models.registry import ModelRegistry
from ml_backend.ocr.recogniser.features import line_of
from ml_backend.ocr.recogniser.graph import Graph
from ml_backend.ocr.recogniser.version import MODEL, Recogniser, wheel_recogniser
from training.reading import learning
from training.reading.fitting import Options
from training.reading.general import general_lines
from training.reading.lines import SeenLine, TranscribedLine, packed
from training.reading.publishing import WHOLE, champion_of, train_reader
from training.reading.whole.options import WholeOptions


def test_without_torch_the_way_out_is_said_before_anything_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(EngineUnavailable, match=r"pip install 'docloop\[layout\]'"):
        train_reader(
            ModelRegistry(tmp_path), iter(()), lambda: datetime.now(UTC), options=Options(whole=WholeOptions())
        )


@pytest.mark.slow
def test_the_network_of_the_wheel_answers_in_torch_as_its_file_does() -> None:
    pytest.importorskip("torch")
    from training.reading.whole.learning import compare
    from training.reading.whole.network import Network

    graph = Graph(wheel_recogniser())
    lines = [SeenLine(None, one.text, "", packed(line_of(one.image))) for one in general_lines(6, 5)]  # type: ignore[arg-type]
    network = Network(graph.body())
    compare(network, graph, graph.head, lines)
    network.load({name: weight * 1.5 for name, weight in network.arrays().items()})
    with pytest.raises(ModelRejected, match="do not answer alike"):
        compare(network, graph, graph.head, lines)


@pytest.mark.slow
def test_lines_become_a_version_whose_network_was_trained_and_which_later_ones_must_beat(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("torch")
    monkeypatch.setattr(learning, "REPLAYED", 20)
    monkeypatch.setattr(learning, "JUDGING", 20)
    lines = [
        TranscribedLine(one.image, one.text.replace("e", "ש"), str(number))
        for number, one in enumerate(general_lines(60, 3))
    ]
    short = WholeOptions(least_steps=6, epochs=1, whole_steps=2, batch=8)
    registry, stages = ModelRegistry(tmp_path), {}
    made = train_reader(
        registry,
        lines,
        lambda: datetime(2026, 11, 20, tzinfo=UTC),
        options=Options(least_steps=40, whole=short),
        progress=lambda stage, share: stages.setdefault(stage, []).append(share),
    )
    assert made.settings["trained"] == WHOLE
    assert stages["whole"] == sorted(stages["whole"])
    _, folder = registry.get("0.0", made.version)
    assert "ש" in Recogniser.load(folder, made.version, "onnxruntime").alphabet.characters
    registry.activate("0.0", made.version)
    champion = champion_of(registry, "0.0", Graph(wheel_recogniser()), made.settings["base_sha256"])
    assert champion.body is not None
    assert champion.body.with_head(champion.head) == (folder / MODEL).read_bytes()
    lesser = replace(Options(), least_steps=10, epochs=1)
    again = train_reader(registry, lines, lambda: datetime(2026, 11, 20, tzinfo=UTC), options=lesser)
    assert made.version in again.verdict
