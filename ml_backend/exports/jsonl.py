"""Ground truth as JSON lines: UTF-8, one line a document, the same bytes wherever they go."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Iterator

from ml_backend.exports.ground_truth import GroundTruth

_BLOCK = 64 << 10  # bytes handed on at once
_GZIP = 31  # a window of 32 KB with gzip's own header, in which zlib leaves the time empty


def lines(documents: Iterable[GroundTruth]) -> Iterator[bytes]:
    """The bytes of an export, some lines at a time."""
    block = bytearray()
    for document in documents:
        block += json.dumps(document.as_json(), ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
        block += b"\n"
        if len(block) >= _BLOCK:
            yield bytes(block)
            block.clear()
    yield bytes(block)


def gzipped(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """The same bytes as a gzip file, which has no name and no time in it."""
    packer = zlib.compressobj(6, zlib.DEFLATED, _GZIP)
    for block in blocks:
        if packed := packer.compress(block):
            yield packed
    yield packer.flush()
