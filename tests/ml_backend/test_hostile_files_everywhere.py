"""Promise P9 through the wired service: a hostile file in a task costs that task its prediction, and nobody anything else."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from contextlib import closing
from typing import IO, Any

import pytest
from flask.testing import FlaskClient
from hostile.file_table import FILES, LIMITS
from hostile.hostile_files import pdf, tiff_of_one_strip

from builders import ask, png
from ml_backend.images import wire
from ml_backend.ocr.fake import FakeEngine
from ml_backend.services import Services

pytestmark = pytest.mark.slow

BYTES_A_PIXEL = 3


def good(number: int) -> bytes:
    """A page that has not been read before, so that no cache answers for it."""
    return png(str(number), (60, 40))


def predict(client: FlaskClient, files: Sequence[bytes], context: Any = None) -> list[Any]:
    urls = ["data:application/octet-stream;base64," + base64.b64encode(data).decode() for data in files]
    return ask(client, urls, context=context)


@pytest.fixture
def received(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The number of bytes of each page that a decoding child has handed over."""
    pages: list[int] = []
    receive = wire.receive

    def counted(stream: IO[bytes], max_payload: int) -> tuple[dict[str, Any], bytearray]:
        header, payload = receive(stream, max_payload)
        if "width" in header:
            pages.append(len(payload))
        return header, payload

    monkeypatch.setattr(wire, "receive", counted)
    return pages


def test_each_file_is_predicted_or_answered_with_nothing_in_its_place_and_so_are_the_good_ones_between(
    client: FlaskClient, services: Services, received: list[int]
) -> None:
    services.loader.limits = LIMITS
    files = [part for number, (_, data, _) in enumerate(FILES) for part in (data(), good(number))]
    results = predict(client, files)
    assert len(results) == len(files)
    predicted = {name: result != [] for (name, _, _), result in zip(FILES, results[::2], strict=True)}
    assert predicted == {name: expected == "page" or " pages" in expected for name, _, expected in FILES}
    assert all(result["result"] for result in results[1::2])
    assert len(received) <= len(files)
    assert max(received) <= BYTES_A_PIXEL * LIMITS.pixels
    assert client.get("/health").status_code == 200


@pytest.mark.parametrize(
    ("data", "size"),
    [
        (lambda: pdf(50, media_box="0 0 595 842"), (1653, 2339)),
        (lambda: tiff_of_one_strip(50), (16, 16)),
    ],
    ids=["PDF", "TIFF"],
)
@pytest.mark.parametrize("drawn", [False, True])
def test_of_fifty_pages_in_a_file_only_the_one_that_the_editor_shows_is_decoded(
    client: FlaskClient,
    engine: FakeEngine,
    received: list[int],
    data: Callable[[], bytes],
    size: tuple[int, int],
    drawn: bool,
) -> None:
    value = {"x": 25, "y": 45, "width": 30, "height": 10, "rectanglelabels": ["total"]}
    context = {"result": [{"id": "a", "type": "rectanglelabels", "value": value}]} if drawn else None
    (made,) = predict(client, [data()], context)
    assert {(region["original_width"], region["original_height"]) for region in made["result"]} == {size}
    assert (received, engine.calls) == ([size[0] * size[1] * BYTES_A_PIXEL], 1)


def test_a_whole_file_is_read_page_by_page_so_that_one_page_at_a_time_takes_memory(
    services: Services, engine: FakeEngine, received: list[int]
) -> None:
    with closing(services.predictor.load(tiff_of_one_strip(3))) as pages:
        assert [(page.number, len(received)) for page in pages] == [(0, 1), (1, 2), (2, 3)]
    document, _ = services.predictor.of_bytes(tiff_of_one_strip(3), ())
    assert len(document.pages) == 3
