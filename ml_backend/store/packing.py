"""A sample as the store keeps it: JSON, packed. The same bytes for a document's sample and for its frozen state."""

from __future__ import annotations

import json
import zlib
from typing import Any

from ml_backend.document.json_form import document_from_json, document_to_json, fields_from_json, fields_to_json
from ml_backend.document.release_id import sample_hash
from ml_backend.document.samples import Sample
from ml_backend.errors import StoreError
from ml_backend.store.column_types import compact

_LARGEST = 64 << 20  # bytes of one sample's JSON; a page of 5,000 words has less than 1 MB
_LEVEL = 3  # of zlib: twice as quick as its default, a tenth larger
_BROKEN = (ValueError, KeyError, TypeError, OverflowError, RecursionError)


def packed(sample: Sample) -> bytes:
    """The words and fields of a sample. Raises StoreError ``sample_too_large`` for what ``unpacked`` would not take."""
    body = {"document": document_to_json(sample.document), "fields": fields_to_json(sample.fields)}
    plain = compact(body).encode("ascii")
    if len(plain) > _LARGEST:
        raise StoreError(
            "sample_too_large",
            f"The document {sample.content[:12]} has {len(plain):,} bytes of text as a sample; {_LARGEST:,} can be kept.",
            "Split it into documents of fewer pages, or skip it in Label Studio.",
        )
    return zlib.compress(plain, _LEVEL)


def text_of(content: str, body: bytes) -> bytes:
    """The JSON text of a packed sample. Raises StoreError ``sample_broken``."""
    try:
        unpacking = zlib.decompressobj()
        text = unpacking.decompress(body, _LARGEST)
        if unpacking.unconsumed_tail:
            raise ValueError(f"more than {_LARGEST} bytes")
    except (ValueError, zlib.error):
        raise _broken(content) from None
    return text


def json_of(content: str, body: bytes) -> dict[str, Any]:
    """``document`` and ``fields`` of a packed sample as JSON values. Raises StoreError ``sample_broken``."""
    try:
        value = json.loads(text_of(content, body))
        return {"document": value["document"], "fields": value["fields"]}
    except _BROKEN:
        raise _broken(content) from None


def state_of(content: str, body: bytes) -> str:
    """The hash of a packed sample. Raises StoreError ``sample_broken``."""
    try:
        return sample_hash(content, text_of(content, body))
    except _BROKEN:
        raise _broken(content) from None


def unpacked(content: str, body: bytes, annotator: int | None, confirmed_at: str) -> Sample:
    """The sample of ``packed``. Raises StoreError ``sample_broken`` for anything else."""
    value = json_of(content, body)
    try:
        document, fields = document_from_json(value["document"]), fields_from_json(value["fields"])
    except _BROKEN:
        raise _broken(content) from None
    return Sample(content, document, fields, annotator, confirmed_at)


def _broken(content: str) -> StoreError:
    return StoreError("sample_broken", f"The stored sample {content[:12]} cannot be read.")
