"""Promise P9: hostile or odd files cost themselves, never the service; the next good file is always read.

Every file goes through the real loader with its child process. A row says what comes back, ``page`` or the code of the refusal,
and why the file is in the table.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator

import pytest
from hostile.file_table import FILES, GOOD, LIMITS, NOISE
from hostile.hostile_files import png, saved
from PIL import Image

from ml_backend.errors import ImageRejected
from ml_backend.images.limits import Limits
from ml_backend.images.loader import PageLoader
from ml_backend.images.pages import PageImage


@pytest.fixture(scope="module")
def loader() -> Iterator[PageLoader]:
    with PageLoader(LIMITS, children=1) as loader:
        yield loader


def load(loader: PageLoader, data: bytes) -> tuple[PageImage, ...] | ImageRejected:
    try:
        return loader.load(data)
    except ImageRejected as refusal:
        return refusal


def outcome(loader: PageLoader, data: bytes) -> str:
    result = load(loader, data)
    if isinstance(result, ImageRejected):
        assert result.message
        assert result.fix
        return result.code
    assert all(page.image.mode == "RGB" for page in result)
    return "page" if len(result) == 1 else f"{len(result)} pages"


@pytest.mark.slow
@pytest.mark.parametrize(("data", "expected"), [row[1:] for row in FILES], ids=[row[0] for row in FILES])
def test_each_file_is_read_or_refused_by_name_and_the_next_good_file_is_read(
    loader: PageLoader, data: Callable[[], bytes], expected: str
) -> None:
    assert outcome(loader, data()) == expected
    assert outcome(loader, GOOD) == "page"


KINDS = {
    "PNG": saved(NOISE, "PNG"),
    "JPEG": saved(NOISE, "JPEG", quality=95),
    "WEBP": saved(NOISE, "WEBP"),
    "BMP": saved(NOISE, "BMP"),
    "TIFF": saved(NOISE, "TIFF", compression="tiff_lzw"),
}


@pytest.mark.parametrize("share", [0.01, 0.5, 0.99])
@pytest.mark.parametrize("kind", KINDS)
def test_a_truncated_picture_is_refused_and_never_shown_half_grey(loader: PageLoader, kind: str, share: float) -> None:
    data = KINDS[kind]
    assert outcome(loader, data[: int(len(data) * share)]) in {"image_truncated", "image_broken"}
    assert outcome(loader, data) == "page"


@pytest.mark.parametrize("kind", KINDS)
def test_without_its_last_byte_a_picture_is_whole_or_refused(loader: PageLoader, kind: str) -> None:
    result = load(loader, KINDS[kind][:-1])
    if isinstance(result, ImageRejected):
        assert result.code in {"image_truncated", "image_broken"}
    else:
        assert result == loader.load(KINDS[kind])


@pytest.mark.slow
def test_a_thousand_damaged_files_never_stop_the_loader(loader: PageLoader) -> None:
    codes = set()
    for kind, data in KINDS.items():
        small = saved(NOISE.resize((40, 30)), kind)
        for at in range(8, len(small), max(1, len(small) // 200)):
            damaged = bytearray(small)
            damaged[at] ^= 0xFF
            codes.add(outcome(loader, bytes(damaged)))
        assert outcome(loader, data) == "page"
    assert {"page", "image_broken", "image_truncated"} <= codes
    assert "image_timeout" not in codes


def test_a_refusal_quotes_the_numbers_and_says_the_fix(loader: PageLoader) -> None:
    with pytest.raises(ImageRejected) as caught:
        loader.load(png(2000, 2200))
    assert str(caught.value) == (
        "The picture is 2,000 x 2,200 = 4,400,000 pixels; at most 4,000,000 are read. "
        "Scale it down: 300 dpi is enough for reading."
    )


def test_pages_are_bounded_together_as_a_caller_may_hold_all_of_them() -> None:
    with PageLoader(Limits(total_pixels=1_000_000), children=1) as loader:
        frames = [Image.new("1", (1000, 400)) for _ in range(3)]
        buffer = io.BytesIO()
        frames[0].save(buffer, "TIFF", save_all=True, append_images=frames[1:], compression="group4")
        assert outcome(loader, buffer.getvalue()) == "image_too_many_pixels"
