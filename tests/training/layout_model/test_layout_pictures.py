"""Networks that look at pages: trained, exported and compared with their pictures, which lie on disk once a page."""

from __future__ import annotations

import random
import tracemalloc
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from layout_parts import LABELS, SHAPE, sub_words
from made_receipts import SPECS, made_receipt
from PIL import Image
from test_layout_base_models import options, write_base

from ml_backend.document.elements import Document
from ml_backend.document.samples import Sample
from ml_backend.images.squeezed import squeezed
from ml_backend.models.layout_model import LayoutModel
from ml_backend.models.layout_model.encoding import as_batch
from ml_backend.models.layout_model.looks import Look
from training.trainers.layout_model import LayoutTrainer, LayoutTraining
from training.trainers.layout_model.base_models import open_base
from training.trainers.layout_model.examples import class_weights, collator, data_set
from training.trainers.layout_model.page_pictures import PagePictures

COLOURS = ["white", "black", "red", "navy"]


def seen(number: int, colour: str = "") -> Sample:
    """A made-up receipt of two pages that look like nothing but their colour."""
    sample = made_receipt(number)
    pages = sample.document.pages * 2
    pictures = [squeezed(Image.new("RGB", (30, 40), colour or COLOURS[(number + at) % 4])) for at in (0, 1)]
    looking = (replace(page, picture=picture) for page, picture in zip(pages, pictures, strict=True))
    return replace(sample, document=Document(tuple(looking)))


class Made(Sequence[Sample]):
    """Samples that are made when they are asked for, and not kept."""

    def __init__(self, number: int) -> None:
        self._number = number

    def __len__(self) -> int:
        return self._number

    def __getitem__(self, at: Any) -> Sample:
        if not 0 <= at < self._number:
            raise IndexError(at)
        sample = made_receipt.__wrapped__(at % 100)
        noise = random.Random(at).randbytes(10_000)
        page = replace(sample.document.pages[0], picture=noise)
        return replace(sample, content=f"{sample.content} {at}", document=Document((page,)))

    def __iter__(self) -> Iterator[Sample]:
        return (self[at] for at in range(self._number))


@pytest.mark.slow
def test_a_layoutlmv3_that_looks_is_exported_as_it_was_trained_and_answers_by_what_it_sees(tmp_path: Path) -> None:
    quick = LayoutTraining(
        from_scratch="tiny", pictures=True, length=128, stride=32, max_steps=12, batch_size=4, accumulate=1, folds=1
    )
    fitted = LayoutTrainer(quick).fit([seen(n) for n in range(8)], SPECS, "fields-1", lambda stage, share: None)

    assert fitted.settings["pictures"] is True
    assert 0 <= fitted.settings["export_difference"] <= 1e-3
    fitted.save(tmp_path)
    model = LayoutModel.load(tmp_path, "fields-1")
    assert model.learned.look == Look()
    windows = model.reader.windows(seen(20, "white").document)
    others = model.reader.windows(seen(20, "red").document)
    bare = model.reader.windows(made_receipt(20).document)
    white, red, none = (
        model.reader.network.logits(as_batch(some[:1], model.reader.shape.pad, model.reader.look))
        for some in (windows, others, bare)
    )
    assert np.abs(white - red).max() > 1e-4
    assert np.abs(white - none).max() > 1e-4


@pytest.mark.slow
def test_a_base_model_looks_as_it_learned_to_unless_it_is_told_not_to(tmp_path: Path) -> None:
    write_base(tmp_path, "layoutlmv3", pictures=True)

    assert open_base(options(tmp_path)).look == Look()
    (tmp_path / "preprocessor_config.json").write_text('{"image_mean": [0.4, 0.5, 0.6], "image_std": [1, 1, 0.5]}')
    opened = open_base(options(tmp_path))
    blind = open_base(options(tmp_path, pictures=False))

    assert opened.look == Look((0.4, 0.5, 0.6), (1.0, 1.0, 0.5))
    assert blind.look is None
    weights = [{name for name, _ in one.network(LABELS).named_parameters()} for one in (opened, blind)]
    assert "layoutlmv3.patch_embed.proj.weight" in weights[0] - weights[1]


def test_a_batch_shows_each_window_its_page_and_a_picture_is_stored_once(tmp_path: Path) -> None:
    samples = [seen(number) for number in range(4)]
    pictures = PagePictures.of(samples, Look(), tmp_path)
    rows = data_set(samples[1:], sub_words(), SHAPE, LABELS, tmp_path, pictures)

    assert len(rows) > len(pictures.rows) == 8
    batch = collator(SHAPE.pad, pictures)([rows[at] for at in range(len(rows))])

    wanted = [colour_of(number) for number in rows["picture"]]
    assert [tuple(round(float(channel.mean())) for channel in each) for each in batch["pixel_values"]] == wanted
    assert sorted(set(rows["picture"])) == [2, 3, 4, 5, 6, 7]


def colour_of(number: int) -> tuple[int, int, int]:
    """What ``seen`` makes of the page with this number, in the network's scale."""
    colour = Image.new("RGB", (1, 1), COLOURS[(number // 2 + number % 2) % 4]).getpixel((0, 0))
    return tuple(round(part / 127.5 - 1) for part in colour)  # type: ignore[union-attr, return-value]


@pytest.mark.slow
def test_windows_and_pictures_are_on_disk_and_never_in_memory_together(tmp_path: Path) -> None:
    data_set(Made(5), sub_words(), SHAPE, LABELS, tmp_path / "warm")  # imports
    tracemalloc.start()
    try:
        samples = Made(300)
        pictures = PagePictures.of(samples, Look(), tmp_path / "data")
        rows = data_set(samples, sub_words(), SHAPE, LABELS, tmp_path / "data", pictures)
        class_weights(rows, 11)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert len(rows) > 600  # as Python objects they would take some 10 MB
    on_disk = sum(Path(file["filename"]).stat().st_size for one in (rows, pictures.rows) for file in one.cache_files)
    assert on_disk > 3_000_000
    assert peak < on_disk
