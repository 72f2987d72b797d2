"""The libraries that people train with load the exports: datasets, and the processors of transformers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from exported_papers import SPECS, drawn, export, lines_of, papers, pixel_hash

from ml_backend.exports.layoutlm import label_list

pytestmark = pytest.mark.slow
pytest.importorskip("datasets")

SPECIAL = ["<s>", "<pad>", "</s>", "<unk>", "<mask>", "<|image|>"]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Nothing of the home folder, nothing from the network."""
    import datasets

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    datasets.disable_progress_bars()
    yield
    datasets.enable_progress_bars()


def byte_tokens() -> dict[str, int]:
    """A vocabulary in which every byte is a token."""
    from tokenizers.pre_tokenizers import ByteLevel

    return {token: number for number, token in enumerate([*SPECIAL, *sorted(ByteLevel.alphabet())])}


def byte_tokenizer(**more: Any) -> Any:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE(vocab=byte_tokens(), merges=[], unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    names = {"bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>", **more}
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, **names)


def test_load_dataset_and_load_from_disk_read_the_same_rows_from_one_folder(tmp_path: Path) -> None:
    from datasets import load_dataset, load_from_disk

    folder = str(tmp_path / "out")
    export("hf-dataset", tmp_path / "out")
    packed, mapped = load_dataset(folder), load_from_disk(folder)
    assert list(packed) == list(mapped) == ["train", "val", "test"]
    assert packed["train"].features == mapped["train"].features
    for paper in papers():
        rows = [list(found[paper.split]) for found in (packed, mapped)]
        for number, (one, other, page) in enumerate(zip(*rows, paper.document.pages, strict=True)):
            images = [pixel_hash(row.pop("image")) for row in (one, other)]
            assert (one, images) == (other, [pixel_hash(drawn(page))] * 2)
            assert (one["document"], one["page"], one["words"]) == (
                paper.content,
                number,
                [word.text for word in page.words],
            )
            assert json.loads(one["ground_truth"]) == {**paper.line.as_json(), "corrections": [], "review_flags": []}
            there = [field for field in paper.line.final_result if field["place"]["page"] == number]
            assert json.loads(one["fields"]) == there
    tags = packed["train"].features["ner_tags"].feature
    assert tags.names == label_list(SPECS)
    assert tags.int2str(packed["train"][0]["ner_tags"]) == [
        "O",
        "B-total",
        "B-address",
        "I-address",
        "I-address",
        "I-address",
        "O",
    ]
    streamed = load_dataset(folder, split="val", streaming=True)
    assert [row["id"] for row in streamed] == [row["id"] for row in packed["val"]]


def test_shards_and_batches_hold_all_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from datasets import load_dataset, load_from_disk

    from ml_backend.exports import hf_dataset

    monkeypatch.setattr(hf_dataset, "_BATCH", 1)
    monkeypatch.setattr(hf_dataset, "_SHARD", 1)
    made = export("hf-dataset", tmp_path / "out")
    assert [name for name in made.files if "data/val" in name] == ["data/val-00000.parquet", "data/val-00001.parquet"]
    folder = str(tmp_path / "out")
    assert load_dataset(folder)["val"]["id"] == load_from_disk(folder)["val"]["id"]


def test_the_processor_of_layoutlmv3_takes_words_boxes_and_tags(tmp_path: Path) -> None:
    from PIL import Image
    from transformers import LayoutLMv3ImageProcessorPil, LayoutLMv3Processor, LayoutLMv3Tokenizer

    export("layoutlm", tmp_path / "out")
    labels = json.loads((tmp_path / "out" / "labels.json").read_text(encoding="utf-8"))
    vocabulary = {token: number for token, number in byte_tokens().items() if token != "<|image|>"}
    processor = LayoutLMv3Processor(
        LayoutLMv3ImageProcessorPil(apply_ocr=False, size={"height": 32, "width": 32}),
        LayoutLMv3Tokenizer(vocab=vocabulary, merges=[]),
    )
    (row,) = lines_of(tmp_path / "out" / "train.jsonl")
    with Image.open(tmp_path / "out" / row["image"]) as picture:
        encoded = processor(
            picture.convert("RGB"),
            row["words"],
            boxes=row["bboxes"],
            word_labels=[labels["label2id"][tag] for tag in row["ner_tags"]],
            return_tensors="np",
        )
    learned = [labels["id2label"][str(tag)] for tag in encoded["labels"][0] if tag != -100]
    assert (learned, encoded["pixel_values"].shape) == (row["ner_tags"], (1, 3, 32, 32))
    assert [500, 100, 800, 200] in encoded["bbox"][0].tolist()


def test_the_processor_of_trocr_takes_pictures_and_texts_of_an_image_folder(tmp_path: Path) -> None:
    from datasets import load_dataset
    from transformers import TrOCRProcessor, ViTImageProcessorPil

    export("trocr", tmp_path / "out")
    rows = load_dataset("imagefolder", data_dir=str(tmp_path / "out"))
    assert {split: len(there) for split, there in rows.items()} == {"train": 3, "validation": 2, "test": 2}
    processor = TrOCRProcessor(ViTImageProcessorPil(size={"height": 32, "width": 32}), byte_tokenizer())
    train = rows["train"]
    pixels = processor(images=[row["image"].convert("RGB") for row in train], return_tensors="np")["pixel_values"]
    texts = processor.tokenizer(list(train["text"]))["input_ids"]
    assert pixels.shape == (3, 3, 32, 32)
    assert processor.batch_decode(texts) == ["12.50", "JALAN SAGU", "81100 JOHOR"]


def test_the_processor_of_llama_vision_takes_the_chat_with_its_pictures(tmp_path: Path) -> None:
    from datasets import Image, Sequence, load_dataset
    from transformers import MllamaImageProcessorPil, MllamaProcessor

    folder = tmp_path / "out"
    export("vlm-chat", folder)
    files = {split: str(folder / f"{split}.jsonl") for split in ("train", "val", "test")}
    rows = load_dataset("json", data_files=files)  # the steps of docs/exports.md
    rows = rows.map(lambda row: {"images": [f"{folder}/{path}" for path in row["images"]]})
    rows = rows.cast_column("images", Sequence(Image()))
    template = (
        "{% for message in messages %}<s>{{ message['role'] }}: {% for item in message['content'] %}"
        "{% if item['type'] == 'image' %}<|image|>{% else %}{{ item['text'] }}{% endif %}{% endfor %}</s>{% endfor %}"
    )
    processor = MllamaProcessor(
        MllamaImageProcessorPil(size={"height": 28, "width": 28}, max_image_tiles=1),
        byte_tokenizer(additional_special_tokens=["<|image|>"]),
        chat_template=template,
    )
    for paper in papers():
        row = rows[paper.split][0]
        text = processor.apply_chat_template(row["messages"])
        encoded = processor(images=[row["images"]], text=[text], return_tensors="np")
        pages = len(paper.document.pages)
        assert (text.count("<|image|>"), encoded["pixel_values"].shape[1]) == (pages, pages)
        assert [pixel_hash(image) for image in row["images"]] == [
            pixel_hash(drawn(page)) for page in paper.document.pages
        ]
