"""Tiny builders for tests: what is not said is unimportant."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from flask.testing import FlaskClient
from PIL import Image, ImageDraw, ImageFont

from ml_backend.document.elements import Document, Page, Word
from ml_backend.document.fields import Extraction, Field, FieldSpec, Prediction
from ml_backend.document.geometry import Box, Quad
from ml_backend.images.pages import PageImage
from ml_backend.label_studio.label_config import Interface, parse_interface
from ml_backend.predictor import Predictor

DATA = Path(__file__).parent / "data"


def recorded(name: str) -> Any:
    """A body recorded from the real Label Studio 1.23.2."""
    return json.loads((DATA / "label_studio" / name).read_text(encoding="utf-8"))


def recorded_config() -> str:
    return (DATA / "label_studio" / "labeling_config_receipt.xml").read_text(encoding="utf-8")


def word(text: str, left: float = 0.1, top: float = 0.1, right: float = 0.2, bottom: float = 0.12, **more: Any) -> Word:
    return Word(text, Quad.of_box(Box.clipped(left, top, right, bottom)), **{"confidence": 0.9, **more})


def page(*words: Word, width: int = 600, height: int = 900, engine: str = "fake") -> Page:
    return Page(width, height, words, engine)


def found(label: str = "total", text: str = "12.50", box: Box | None = None, **more: Any) -> Field:
    return Field(label, text, box or Box(0.5, 0.5, 0.6, 0.52), **more)


def prediction(*fields: Field, pages: int = 1, score: float = 0.5, version: str = "v1") -> Prediction:
    return Prediction(fields, ((600, 900),) * pages, score, version)


def interface(*labels: str, paged: bool = False) -> Interface:
    """A receipt-like interface with these labels."""
    return parse_interface(interface_xml(*labels, paged=paged), lambda name: "text")


def interface_xml(*labels: str, paged: bool = False) -> str:
    source = 'valueList="$pages"' if paged else 'value="$image"'
    offered = "".join(f'<Label value="{label}"/>' for label in labels or ("total",))
    return (
        f'<View><Image name="image" {source}/><RectangleLabels name="label" toName="image">{offered}</RectangleLabels>'
        '<TextArea name="transcription" toName="image" perRegion="true"/></View>'
    )


def png(text: str = "", size: tuple[int, int] = (300, 80)) -> bytes:
    """A white picture with a line of black text."""
    image = Image.new("RGB", size, "white")
    ImageDraw.Draw(image).text((10, 20), text, fill="black", font=ImageFont.load_default(size=28))
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


class WholePage:
    """A field model for tests: the whole text of each page is one field of the first label asked for."""

    version = "whole-1"

    def extract(self, document: Document, specs: Sequence[FieldSpec]) -> Extraction:
        fields = [
            Field(
                specs[0].label,
                read.text,
                read.box_of(range(len(read.words))),
                number,
                0.75,
                words=(*range(len(read.words)),),
            )
            for number, read in document
            if read.words
        ]
        return Extraction(tuple(fields))


def predictor(fetch: Callable[[str, int], bytes] | None = None) -> Predictor:
    """The real pipeline over the simplest parts: a URL's bytes are its text, and that is what is read."""
    return Predictor(
        fetch=fetch or (lambda url, task: url.encode()),
        load=lambda data: (PageImage.of(Image.new("RGB", (60, 90), "white")) for _ in range(1)),
        read=lambda image, project: page(word("12.50"), width=60, height=90),
        champion=lambda project: WholePage(),
    )


def ask(client: FlaskClient, images: Sequence[Any], config: str | None = None, context: Any = None) -> list[Any]:
    """What ``/predict`` answers for tasks with these images; it must answer."""
    body = {
        "tasks": [{"id": number, "data": {"image": image}} for number, image in enumerate(images, 1)],
        "project": "41.1795165055",
        "label_config": config or interface_xml("total"),
        "params": {"login": None, "password": None, "context": context},
    }
    answer = client.post("/predict", json=body)
    assert answer.status_code == 200
    results = answer.get_json()["results"]
    assert isinstance(results, list)
    return results
