from __future__ import annotations

import datetime
import hashlib
import io
import re
import sys
from collections.abc import Mapping
from random import Random

import numpy as np
import pytest
from PIL import Image

from docloop.demo import pen as pen_module
from docloop.demo.goods import GOODS, SHOPS
from docloop.demo.locales import LOCALES, Locale
from docloop.demo.paper import Wear, photograph
from docloop.demo.pen import Mark, Pen
from docloop.demo.receipt import make_receipt
from docloop.demo.samples import LABELS, LAYOUTS, Sample, render_samples
from ml_backend.document.geometry import Box
from ml_backend.errors import SetupError

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def samples() -> list[Sample]:
    """One of each layout, and every country."""
    return list(render_samples(count=9))


def locale(code: str) -> Locale:
    return next(locale for locale in LOCALES if locale.code == code)


def digest(samples: list[Sample]) -> list[str]:
    return [hashlib.sha256(sample.png).hexdigest() for sample in samples]


def test_nine_samples_show_every_layout_and_every_language(samples: list[Sample]) -> None:
    assert [sample.name for sample in samples[:2]] == ["receipt-01-de-supermarket.png", "receipt-02-gb-cafe.png"]
    assert {sample.layout for sample in samples} == set(LAYOUTS)
    assert {sample.language for sample in samples} == {"de", "en", "fr", "es"}


def test_the_same_seed_gives_the_same_pixels_and_another_seed_gives_others(samples: list[Sample]) -> None:
    assert digest(list(render_samples(count=2))) == digest(samples[:2])
    assert digest(list(render_samples(count=2, seed=7))) != digest(samples[:2])


def test_every_sample_knows_text_and_place_of_every_label(samples: list[Sample]) -> None:
    for sample in samples:
        assert tuple(sample.truth) == tuple(sample.boxes) == LABELS
        assert all(sample.truth.values())
        for label, box in sample.boxes.items():
            assert 0 < box.left < box.right < 1, (sample.name, label)
            assert 0 < box.top < box.bottom < 1, (sample.name, label)


def test_there_is_print_in_every_box_and_no_two_boxes_are_about_the_same_place(samples: list[Sample]) -> None:
    for sample in samples:
        picture = np.asarray(Image.open(io.BytesIO(sample.png)).convert("L"), dtype=float)
        for label, box in sample.boxes.items():
            inside = cut(picture, box)
            assert np.percentile(inside, 3) < np.percentile(inside, 90) - 40, (sample.name, label)
            assert all(box.iou(other) < 0.2 for name, other in sample.boxes.items() if name != label), sample.name


def cut(picture: np.ndarray, box: Box) -> np.ndarray:
    height, width = picture.shape
    return picture[
        int(box.top * height) : int(box.bottom * height) + 1, int(box.left * width) : int(box.right * width) + 1
    ]


@pytest.mark.parametrize("angle", [0.0, 2.5, -2.5])
def test_a_box_follows_the_paper_when_it_is_turned(angle: float) -> None:
    pen = Pen(600, "mono", 24)
    pen.gap(8)
    pen.line("", Mark("total", "████████"), align="center")
    strip = pen.finish(height=700)
    photo = photograph(strip.image, Wear(angle=angle, noise=0, blur=0), np.random.default_rng(1))
    gray = np.asarray(photo.image.convert("L"), dtype=float)
    found = photo.box(strip.boxes["total"])
    paper = gray[80:-80, 80:-80]  # without the desk
    rows, columns = np.nonzero(paper < 100)
    ink = (columns.min() + 80, rows.min() + 80, columns.max() + 81, rows.max() + 81)
    width, height = photo.image.size
    edges = (found.left * width, found.top * height, found.right * width, found.bottom * height)
    assert edges == pytest.approx(ink, abs=2.5)


@pytest.mark.parametrize("code", [locale.code for locale in LOCALES])
@pytest.mark.parametrize("kind", list(LAYOUTS))
def test_the_sums_add_up_on_every_kind_of_receipt_in_every_country(kind: str, code: str) -> None:
    for seed in range(20):
        receipt = make_receipt(kind, locale(code), Random(seed))
        assert receipt.net + receipt.tax == receipt.total
        assert sum(item.total for item in receipt.items) == (
            receipt.net if receipt.locale.tax_on_top else receipt.total
        )
        assert abs(receipt.tax - receipt.net * receipt.locale.rate / 100) <= 1


@pytest.mark.parametrize(
    ("code", "cents", "amount"),
    [
        ("de", 123456, "1.234,56 €"),
        ("gb", 123456, "£1,234.56"),
        ("us", 5, "$0.05"),
        ("fr", 123456, "1 234,56 €"),
        ("es", 100000, "1.000,00 €"),
    ],
)
def test_amounts_are_written_as_the_country_writes_them(code: str, cents: int, amount: str) -> None:
    assert locale(code).amount(cents) == amount


@pytest.mark.parametrize(
    ("code", "short", "long"),
    [
        ("de", "07.03.2026", "7. März 2026"),
        ("gb", "07/03/2026", "7 March 2026"),
        ("us", "03/07/2026", "March 7, 2026"),
        ("fr", "07/03/2026", "7 mars 2026"),
        ("es", "07/03/2026", "7 de marzo de 2026"),
    ],
)
def test_dates_are_written_as_the_country_writes_them(code: str, short: str, long: str) -> None:
    day = datetime.date(2026, 3, 7)
    assert (locale(code).short_date(day), locale(code).long_date(day)) == (short, long)


FICTION: Mapping[str, str] = {
    "de": r"030 23125 \d{3}|069 90009 \d{3}|040 66969 \d{3}|0221 4710 \d{3}|089 99998 \d{3}",
    "gb": r"020 7946 0\d{3}|01(61|13|17) 496 0\d{3}",
    "us": r"\(\d{3}\) 555-01\d\d",
    "fr": r"(01 99 00|02 61 91|03 53 01|04 65 71|05 36 49) \d\d \d\d",
    "es": r"000 0[01] \d\d \d\d",
}


@pytest.mark.parametrize("code", FICTION)
def test_phone_numbers_come_from_the_ranges_kept_for_fiction(code: str) -> None:
    for seed in range(50):
        phone = make_receipt("cafe", locale(code), Random(seed)).phone
        assert re.fullmatch(FICTION[code], phone), phone


def test_every_kind_has_goods_in_every_language_and_a_shop_in_every_country() -> None:
    assert set(GOODS) == set(SHOPS) == set(LAYOUTS)
    assert {tuple(sorted(goods.names)) for goods in GOODS.values()} == {("de", "en", "es", "fr")}
    assert {len(shops) for shops in SHOPS.values()} == {len(LOCALES)}


def test_missing_fonts_are_told_with_the_install_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "font_source_sans_pro", None)  # importing it now fails
    pen_module.font.cache_clear()
    with pytest.raises(SetupError, match=r"Run: pip install 'docloop\[demo\]'") as caught:
        pen_module.font("source-sans", False, 20)
    assert caught.value.code == "demo_fonts_missing"
