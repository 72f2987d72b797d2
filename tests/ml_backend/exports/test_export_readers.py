"""Others read what docloop exports: the parsers of PaddleOCR by their rules, docloop's own line folder, pycocotools."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from exported_papers import ODD, PAGE, SIZE, SPECS, content_named, drawn, export, lines_of, papers
from PIL import Image

from ml_backend.document.bio_tags import bio_tags, match_words
from ml_backend.exports.layoutlm import label_list
from training.reading.line_files import LineFolder

ALL = ("train", "val", "test")
NO_LABEL = ("other", "others", "ignore")


def paddle_rows(folder: Path, name: str) -> list[tuple[str, str]]:
    """As ``SimpleDataSet`` reads a label file: rows of UTF-8, two cells with a tab between them; the image must be there."""
    rows = []
    for line in (folder / name).read_bytes().splitlines(keepends=True):
        path, label, *more = line.decode("utf-8").strip("\n").split("\t")
        assert (more, (folder / path).exists()) == ([], True)
        rows.append((path, label))
    return rows


def test_paddleocr_reads_the_corners_of_lines_and_what_is_not_to_be_judged(tmp_path: Path) -> None:
    export("paddleocr-det", tmp_path / "out")
    for split in ALL:
        for path, label in paddle_rows(tmp_path / "out", f"{split}.txt"):
            entries = json.loads(label)  # DetLabelEncode: four points each as float32, tags of what is ignored
            points = np.array([entry["points"] for entry in entries], np.float32)
            with Image.open(tmp_path / "out" / path) as picture:
                inside = (points >= 0).all() and (points <= picture.size).all()
            assert (points.shape, inside) == ((len(entries), 4, 2), True)
    ((_, label),) = paddle_rows(tmp_path / "out", "train.txt")
    ignored = [entry["transcription"] in ("*", "###") for entry in json.loads(label)]
    assert ignored == [False, False, False, True, True]


def test_paddleocr_reads_the_labels_of_lines(tmp_path: Path) -> None:
    export("paddleocr-kie", tmp_path / "out")
    classes = (tmp_path / "out" / "class_list.txt").read_text(encoding="utf-8").splitlines()
    numbers = {label: number for number, label in enumerate(classes)}  # KieLabelEncode (SDMGR)
    known = [label.strip() for label in classes if label.strip().upper() not in [name.upper() for name in NO_LABEL]]
    tags = {tag.upper(): at for at, tag in enumerate(["O", *(f"{b}-{name}" for name in known for b in "BI")])}
    seen = set()
    for split in ALL:
        for _, label in paddle_rows(tmp_path / "out", f"{split}.txt"):
            entries = json.loads(label)
            assert [entry["id"] for entry in entries] == list(range(len(entries)))
            for entry in entries:
                assert (entry["label"] in numbers, len(entry["points"]), entry["linking"]) == (True, 4, [])
                if entry["label"].lower() not in NO_LABEL:  # VQATokenLabelEncode (LayoutXLM)
                    seen.add(tags[f"b-{entry['label']}".upper()])
    assert (classes[0], seen) == ("other", {1, 3, 5, 7})


@pytest.mark.slow
def test_our_own_training_reads_the_lines_for_paddleocr(tmp_path: Path) -> None:
    export("paddleocr-rec", tmp_path / "out")
    folder = LineFolder.open(tmp_path / "out")  # takes rec_gt_train.txt
    lines = list(folder.lines())
    assert ([line.text for line in lines], folder.failed) == (["12.50", "JALAN SAGU", "81100 JOHOR"], {})
    page = np.asarray(drawn(PAGE))
    assert np.array_equal(lines[1].image, page[32:40, 12:72])
    assert len({line.document for line in lines}) == 1, "lines of one paper are trained or judged together"
    assert [text for _, text in paddle_rows(tmp_path / "out", "rec_gt_val.txt")] == ["€ 5", "JALAN SAQU"]


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # of pycocotools 2.0.11
def test_pycocotools_reads_boxes_and_masks(tmp_path: Path) -> None:
    from pycocotools.coco import COCO

    export("coco", tmp_path / "out")
    boxes = 0
    for split in ALL:
        coco = COCO(str(tmp_path / "out" / "annotations" / f"instances_{split}.json"))
        assert [category["name"] for category in coco.loadCats(coco.getCatIds())] == [spec.label for spec in SPECS]
        for image in coco.loadImgs(coco.getImgIds()):
            with Image.open(tmp_path / "out" / "images" / split / image["file_name"]) as picture:
                assert picture.size == (image["width"], image["height"]) == SIZE
            for box in coco.loadAnns(coco.getAnnIds(imgIds=image["id"])):
                mask = coco.annToMask(box)
                x, y, width, height = box["bbox"]
                rows, columns = np.nonzero(mask)
                assert abs(mask.sum() - box["area"]) <= width + height
                assert x - 1 <= columns.min() <= columns.max() <= x + width
                assert y - 1 <= rows.min() <= rows.max() <= y + height
                boxes += 1
    turned = COCO(str(tmp_path / "out" / "annotations" / "instances_val.json")).loadAnns(1)[0]
    assert (turned["bbox"], turned["attributes"]) == ([48, 8, 12, 30], {"text": "€ 5", "rotation": 90.0})
    assert boxes == sum(len(paper.fields) for paper in papers()) - 1  # one has no area


def test_funsd_readers_get_the_words_of_each_label(tmp_path: Path) -> None:
    export("layoutlm", tmp_path / "out")
    for paper in papers():
        matched = match_words(paper.document, paper.fields)
        rows = lines_of(tmp_path / "out" / f"{paper.split}.jsonl")
        for number, page in paper.document:
            name = f"{paper.content}-{number}"
            with (tmp_path / "out" / paper.split / "annotations" / f"{name}.json").open(encoding="utf-8") as file:
                form = json.load(file)["form"]
            labelled = {
                (word["text"], entry["label"]) for entry in form for word in entry["words"] if entry["label"] != "other"
            }
            assert labelled == {(page.words[i].text, label) for i, (label, _) in matched[number].items()}
            assert sum(len(entry["words"]) for entry in form) == len(page.words)
            (row,) = [row for row in rows if row["id"] == name]
            assert row["ner_tags"] == bio_tags(page, matched[number])
            assert all(0 <= edge <= 1000 for box in row["bboxes"] for edge in box)
    labels = json.loads((tmp_path / "out" / "labels.json").read_text(encoding="utf-8"))
    assert labels["label_list"] == label_list(SPECS)
    assert {int(number): tag for number, tag in labels["id2label"].items()} == dict(enumerate(label_list(SPECS)))


def test_the_answer_of_the_chat_is_json_with_a_list_where_a_label_repeats(tmp_path: Path) -> None:
    export("vlm-chat", tmp_path / "out")

    def answer(split: str) -> Any:
        (row,) = lines_of(tmp_path / "out" / f"{split}.jsonl")
        user, assistant = row["messages"]
        assert [item["type"] for item in user["content"]] == ["image"] * len(row["images"]) + ["text"]
        return json.loads(assistant["content"][0]["text"])

    assert answer("test") == {
        "total": "-5",
        "address": "ONCE upon a time there were",
        "item": ['=SUM("A1")', "東京\t5"],
        ODD: None,
    }
    assert answer("train")["item"] == []
    assert answer("val") == {"total": "€ 5", "address": "", "item": ["JALAN SAQU"], ODD: "nobody\nread this"}


def test_line_pictures_show_the_turned_text_upright(tmp_path: Path) -> None:
    export("trocr", tmp_path / "out")
    row = lines_of(tmp_path / "out" / "val" / "metadata.jsonl")[0]
    with Image.open(tmp_path / "out" / "val" / row["file_name"]) as picture:
        left, right = picture.getpixel((5, 6)), picture.getpixel((25, 6))
        assert math.dist(picture.size, (30, 12)) == 0
    assert (row["text"], left, right) == ("€ 5", (200, 0, 0), (0, 0, 200))
    assert row["file_name"].startswith(content_named("val"))
