"""What training may begin with: safetensors of a known family, here or reachable; pickles and code never."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from layout_parts import sub_words, tokenizer_text
from made_receipts import made_receipt

from ml_backend.document.elements import Document
from ml_backend.errors import ModelRejected
from training.trainers.layout_model.base_models import Opened, open_base
from training.trainers.layout_model.licences import licence_of
from training.trainers.layout_model.options import SCRATCH_FAMILIES, LayoutTraining
from training.trainers.layout_model.scratch import from_scratch

LABELS = ("total", "date")


def options(folder: Path, **more: Any) -> LayoutTraining:
    return LayoutTraining(**{"base_model": str(folder), "length": 64, "stride": 16, "offline": True, **more})


def write_base(folder: Path, family: str, pictures: bool | None = None) -> Opened:
    """A tiny base model in ``folder`` as the hub has them: config, safetensors, vocab.json, merges.txt."""
    from transformers import LayoutLMv3Tokenizer

    scratch = LayoutTraining(from_scratch="tiny", scratch_family=family, length=64, stride=16, pictures=pictures)
    opened = from_scratch(scratch, [made_receipt(n).document for n in range(20)])
    opened.network(("other", "labels", "here")).save_pretrained(folder)
    model = json.loads(opened.words.text)["model"]
    (folder / "vocab.json").write_text(json.dumps(model["vocab"]), encoding="utf-8")
    merges = "\n".join(" ".join(pair) for pair in model["merges"])
    (folder / "merges.txt").write_text(f"#version: 0.2\n{merges}\n", encoding="utf-8")
    tokenizer = LayoutLMv3Tokenizer(vocab=str(folder / "vocab.json"), merges=str(folder / "merges.txt"))
    tokenizer.save_pretrained(folder)
    (folder / "tokenizer.json").unlink()  # the hub's LayoutLMv3 has none
    return opened


@pytest.mark.slow
@pytest.mark.parametrize("family", SCRATCH_FAMILIES)
def test_a_local_folder_is_a_base_model(tmp_path: Path, family: str) -> None:
    import torch
    from safetensors.torch import load_file

    folder = tmp_path / "tiny-base"
    made = write_base(folder, family)
    (folder / "README.md").write_text("---\ntags: [x]\nlicense: apache-2.0\n---\n# Tiny\n", encoding="utf-8")

    opened = open_base(options(folder))
    network = opened.network(LABELS)

    assert (opened.base.name, opened.base.family, opened.base.licence) == ("tiny-base", family, "apache-2.0")
    words = [word.text for word in made_receipt(40).document.pages[0].words]
    assert opened.words.ids(words) == made.words.ids(words)
    assert opened.shape == made.shape
    stored, loaded = load_file(folder / "model.safetensors"), network.state_dict()
    inner = [name for name in stored if not name.startswith("classifier")]
    assert len(inner) > 20
    assert all(torch.equal(stored[name], loaded[name]) for name in inner)
    assert network.config.id2label == {0: "O", 1: "B-total", 2: "I-total", 3: "B-date", 4: "I-date"}


def _only_a_pickle(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")


def _config(**more: Any) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        config = json.loads((folder / "config.json").read_text())
        (folder / "config.json").write_text(json.dumps(config | more))

    return change


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that looks like a base model; what is refused is refused before anything of it is loaded."""
    folder = tmp_path_factory.mktemp("base")
    (folder / "config.json").write_text(json.dumps({"model_type": "layoutlmv3", "vocab_size": 600}))
    (folder / "model.safetensors").write_bytes(b"never read")
    (folder / "tokenizer.json").write_text(tokenizer_text(), encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    ("harm", "code", "fix"),
    [
        pytest.param(_only_a_pickle, "base_model_pickle", "refs/pr/1", id="weights in a pickle"),
        pytest.param(_config(auto_map={"AutoModel": "evil.py"}), "base_model_code", "transformers", id="its own code"),
        pytest.param(_config(model_type="bert"), "base_model_kind", "microsoft/layoutlmv3-base", id="another family"),
        pytest.param(_config(model_type=["lilt"]), "base_model_kind", "Known good", id="a family that is no name"),
        pytest.param(lambda folder: (folder / "config.json").write_text("[["), "base_model_kind", "", id="broken"),
        pytest.param(lambda folder: (folder / "config.json").unlink(), "base_model_kind", "", id="no config"),
    ],
)
def test_what_must_not_be_loaded_is_refused_with_the_way_out(
    base: Path, tmp_path: Path, harm: Callable[[Path], object], code: str, fix: str
) -> None:
    for path in base.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    harm(tmp_path)

    with pytest.raises(ModelRejected) as refusal:
        open_base(options(tmp_path))

    assert refusal.value.code == code
    assert fix in refusal.value.fix


@pytest.mark.slow
@pytest.mark.parametrize("offline", [True, False], ids=["offline", "the hub cannot be reached"])
def test_without_a_reachable_base_model_the_three_ways_out_are_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, offline: bool
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))

    with pytest.raises(ModelRejected) as refusal:
        open_base(LayoutTraining(base_model="docloop-tests/no-such-model", offline=offline))

    assert refusal.value.code == "base_model_missing"
    for way in ("--local-dir", "HF_ENDPOINT", "--from-scratch small"):
        assert way in refusal.value.fix


@pytest.mark.parametrize(
    ("card", "name", "family", "licence"),
    [
        pytest.param("---\nlicense: mit\n---\n", "x/y", "lilt", "mit", id="on the card"),
        pytest.param("---\nlicense:\n- mit\n---\n", "x/y", "lilt", "mit", id="on the card, as a list"),
        pytest.param("---\nlicense: 'mit'\n---\n", "microsoft/layoutlmv3-base", "layoutlmv3", "mit", id="card first"),
        pytest.param("---\nx: 1\n---\nlicense: mit\n", "x/y", "lilt", "", id="below the card's head"),
        pytest.param("", "microsoft/LayoutLMv3-base@refs/pr/1", "layoutlmv3", "cc-by-nc-sa-4.0", id="a known name"),
        pytest.param("", "SCUT-DLVCLab/lilt-roberta-en-base", "lilt", "mit", id="another known name"),
        pytest.param("", "my-folder", "layoutlmv3", "cc-by-nc-sa-4.0", id="all of the family have it"),
        pytest.param("", "my-folder", "lilt", "", id="nobody knows"),
        pytest.param("---\nlicense: " + "x" * 999 + "\n---\n", "x/y", "lilt", "", id="a licence that is a novel"),
    ],
)
def test_the_licence_of_the_weights(tmp_path: Path, card: str, name: str, family: str, licence: str) -> None:
    if card:
        (tmp_path / "README.md").write_text(card, encoding="utf-8")

    assert licence_of(name, family, tmp_path) == licence


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"from_scratch": "huge"}, "from_scratch"),
        ({"scratch_family": "gpt"}, "scratch_family"),
        ({"batch_size": 0}, "batch_size"),
        ({"epochs": -1.0}, "epochs"),
        ({"processes": -1}, "processes"),
    ],
)
def test_options_that_make_no_sense_are_refused(values: dict[str, Any], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        LayoutTraining(**values)


def test_a_tokenizer_of_the_samples_knows_the_special_tokens() -> None:
    assert [sub_words().id_of(piece) for piece in ("<s>", "<pad>", "</s>")] == [0, 1, 2]


@pytest.mark.slow
def test_a_word_of_one_document_alone_is_no_piece_of_a_tokenizer_from_scratch() -> None:
    documents = [made_receipt(number).document for number in range(8)]
    first = documents[0].pages[0]
    marked = replace(first, words=tuple(replace(word, text="KANARIENVOGEL") for word in first.words[:4]))
    scratch = LayoutTraining(from_scratch="tiny", scratch_family="lilt", length=64, stride=16)
    alone = from_scratch(scratch, [Document((marked,)), *documents[1:]]).words.text
    both = from_scratch(scratch, [Document((marked,)), Document((marked,)), *documents[2:]]).words.text
    assert "NARIENVOG" in both
    assert "NARIEN" not in alone
