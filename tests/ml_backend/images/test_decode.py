"""Any picture, however it is turned, coloured or packed, becomes the same upright 8-bit RGB page."""

from __future__ import annotations

import io

import pytest
from PIL import Image, ImageOps

from ml_backend.errors import ImageRejected
from ml_backend.images import pdf
from ml_backend.images.decode import decode, load_pages, to_rgb
from ml_backend.images.limits import DEFAULT_LIMITS, Limits
from ml_backend.images.pages import PageImage

WHITE, BLACK = (255, 255, 255), (0, 0, 0)
TURNS = {
    2: "FLIP_LEFT_RIGHT",
    3: "ROTATE_180",
    4: "FLIP_TOP_BOTTOM",
    5: "TRANSPOSE",
    6: "ROTATE_90",
    7: "TRANSVERSE",
    8: "ROTATE_270",
}


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def corner_page(mode: str = "RGB") -> Image.Image:
    """48 x 32, white, the top left quarter black: every turn of it looks different."""
    image = Image.new("RGB", (48, 32), WHITE)
    image.paste(BLACK, (0, 0, 24, 8))
    if mode == "I;16":
        return image.convert("L").convert("I").point(lambda value: value * 257).convert("I;16")
    return image.convert(mode)


def as_scanned(image: Image.Image, orientation: int) -> Image.Image:
    """The picture as a camera held this way stores it."""
    return image.transpose(Image.Transpose[TURNS[orientation]]) if orientation in TURNS else image


def looks_like(image: Image.Image, expected: Image.Image) -> bool:
    """Whether each pixel is on the same side of grey: JPEG and colour conversion may shift it a little."""

    def binary(page: Image.Image) -> Image.Image:
        return page.convert("L").point(lambda value: 255 * (value > 127))

    return image.size == expected.size and binary(image).tobytes() == binary(expected).tobytes()


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize(
    ("kind", "mode"),
    [
        ("JPEG", "RGB"),
        ("JPEG", "L"),
        ("JPEG", "CMYK"),
        ("PNG", "RGBA"),
        ("PNG", "P"),
        ("PNG", "LA"),
        ("PNG", "1"),
        ("PNG", "I;16"),
        ("WEBP", "RGB"),
        ("TIFF", "F"),
        ("TIFF", "CMYK"),
        ("TIFF", "LAB"),
    ],
)
def test_every_exif_orientation_in_every_colour_mode_gives_the_same_upright_page(
    kind: str, mode: str, orientation: int
) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    options: dict[str, object] = {"tiffinfo": exif} if kind == "TIFF" else {"exif": exif}
    options |= {"quality": 95} if kind in {"JPEG", "WEBP"} else {}
    source = as_scanned(corner_page("RGB" if mode == "LAB" else mode), orientation)
    if mode == "LAB":
        source = lab_of(source)
    (page,) = load_pages(saved(source, kind, **options))
    assert page.image.mode == "RGB"
    assert looks_like(page.image, corner_page())


def lab_of(image: Image.Image) -> Image.Image:
    """Black and white in LAB: a lightness of 0 or 255, no colour (a and b are stored as signed bytes around 0)."""
    neutral = Image.new("L", image.size, 0)
    return Image.merge("LAB", (image.convert("L"), neutral, neutral))


def test_an_orientation_that_does_not_exist_counts_as_upright() -> None:
    exif = Image.Exif()
    exif[0x0112] = 99
    (page,) = load_pages(saved(corner_page(), "PNG", exif=exif))
    assert page.image.tobytes() == corner_page().tobytes()


@pytest.mark.parametrize(
    ("image", "expected", "why"),
    [
        (
            Image.new("RGBA", (1, 1), (255, 255, 255, 0)),
            WHITE,
            "white text on transparent is white on white, as a viewer shows it",
        ),
        (Image.new("RGBA", (1, 1), (0, 0, 0, 0)), WHITE, "transparent is white, whatever colour it hides"),
        (Image.new("RGBA", (1, 1), (0, 0, 0, 128)), (127, 127, 127), "half transparent black is grey"),
        (Image.new("LA", (1, 1), (0, 0)), WHITE, "grey with alpha"),
        (Image.new("1", (1, 1), 1), WHITE, "one bit"),
        (Image.new("L", (1, 1), 7), (7, 7, 7), "grey"),
        (Image.new("CMYK", (1, 1), (0, 0, 0, 255)), BLACK, "print black"),
        (Image.new("I;16", (1, 1), 65_535), WHITE, "16-bit white"),
        (Image.new("I;16", (1, 1), 32_896), (128, 128, 128), "16-bit grey"),
        (Image.new("I;16", (1, 1), 4095), WHITE, "12-bit samples in 16-bit words: white is 4095"),
        (Image.new("I", (1, 1), 200), (200, 200, 200), "8-bit samples in 32-bit words"),
        (Image.new("F", (1, 1), 1.0), WHITE, "floats from 0 to 1"),
        (Image.new("F", (1, 1), 255.0), WHITE, "floats from 0 to 255"),
        (Image.new("F", (1, 1), 0.0), BLACK, "float black"),
    ],
)
def test_each_colour_mode_keeps_its_white_and_its_black(
    image: Image.Image, expected: tuple[int, int, int], why: str
) -> None:
    assert to_rgb(image).getpixel((0, 0)) == expected, why


def test_samples_beyond_every_usual_white_are_stretched_to_the_full_range() -> None:
    image = Image.new("F", (2, 1), -3.0)
    image.putpixel((1, 0), 1e6)
    assert [to_rgb(image).getpixel((x, 0)) for x in (0, 1)] == [BLACK, WHITE]


def test_samples_that_are_no_numbers_are_refused() -> None:
    with pytest.raises(ImageRejected, match="not finite numbers") as caught:
        load_pages(saved(Image.new("F", (2, 2), float("nan")), "TIFF"))
    assert caught.value.code == "image_broken"


def test_a_palette_with_a_transparent_colour_is_laid_on_white() -> None:
    image = Image.new("P", (2, 1), 0)
    image.putpalette([10, 20, 30, 0, 0, 0])
    image.putpixel((1, 0), 1)
    (page,) = load_pages(saved(image, "PNG", transparency=0))
    assert [page.image.getpixel((x, 0)) for x in (0, 1)] == [WHITE, BLACK]


def test_the_first_frame_of_an_animation_is_the_page() -> None:
    frames = [Image.new("RGB", (4, 4), colour) for colour in ("red", "blue")]
    for kind, options in (("PNG", {}), ("WEBP", {"lossless": True})):
        (page,) = load_pages(saved(frames[0], kind, save_all=True, append_images=frames[1:], **options))
        assert page.image.getpixel((0, 0)) == (255, 0, 0)


def test_the_frames_of_a_tiff_are_pages_in_order_each_of_its_own_size_and_mode() -> None:
    frames = [Image.new("RGB", (3, 2), "red"), Image.new("1", (5, 4), 1), Image.new("L", (2, 7), 9)]
    pages = load_pages(saved(frames[0], "TIFF", save_all=True, append_images=frames[1:]))
    assert [(page.number, page.width, page.height) for page in pages] == [(0, 3, 2), (1, 5, 4), (2, 2, 7)]
    assert [page.image.getpixel((0, 0)) for page in pages] == [(255, 0, 0), WHITE, (9, 9, 9)]


def test_one_picture_has_one_digest_whatever_file_it_came_in_and_shape_counts() -> None:
    page = corner_page()
    digests = {load_pages(saved(page, kind))[0].digest for kind in ("PNG", "BMP", "TIFF")}
    assert digests == {PageImage.of(page).digest}
    assert PageImage.of(Image.new("RGB", (2, 3))) != PageImage.of(Image.new("RGB", (3, 2)))


@pytest.mark.parametrize(
    ("size", "pixels", "why"),
    [
        ((595, 842), (1653, 2339), "A4 at 200 dpi"),
        ((1191, 1684), (1682, 2378), "A3 would have 7.7 million pixels; 4 are enough"),
        ((14_400, 10), (20_000, 14), "a ribbon ends at the longest side"),
        ((3, 3), (8, 8), "a stamp"),
    ],
)
def test_the_pixels_of_a_pdf_page_are_known_before_it_is_drawn(
    size: tuple[int, int], pixels: tuple[int, int], why: str
) -> None:
    scale = pdf.scale_of(*size, DEFAULT_LIMITS)
    assert (round(size[0] * scale), round(size[1] * scale)) == pixels, why


@pytest.mark.parametrize("size", [(0, 10), (-5, 10), (float("nan"), 10), (float("inf"), 10)])
def test_a_pdf_page_without_area_is_refused(size: tuple[float, float]) -> None:
    with pytest.raises(ImageRejected) as caught:
        pdf.scale_of(*size, DEFAULT_LIMITS)
    assert caught.value.code == "image_broken"


def test_a_pdf_that_turns_out_to_have_no_page_is_refused_not_answered_with_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pdf, "render", lambda data, limits: iter(()))
    with pytest.raises(ImageRejected, match="holds no page"):
        list(decode(b"%PDF-1.7", Limits()))


def test_turning_agrees_with_pillows_own_reading_of_the_orientation() -> None:
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[0x0112] = orientation
        data = saved(corner_page(), "PNG", exif=exif)
        theirs = ImageOps.exif_transpose(Image.open(io.BytesIO(data)))
        assert load_pages(data)[0] == PageImage.of(theirs)
