"""What names a dataset release: a hash over what its documents say, the same on every machine.

Counted are the pixels of the pages (``content``), the words as they were read and where, the submitted fields, the splits and the
labels. Not counted is what differs where the same data is somebody else's: the project, annotators, times, ids of regions, how
sure an engine was, which engine it was, what is worked out from a field's text, and every order but that of words and pages.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from typing import Any

from ml_backend.document.fields import FieldSpec

SCHEMA = 1  # of the text that is hashed; another one names all releases anew
_ENCODER = json.JSONEncoder(separators=(",", ":"), check_circular=False)


def sample_hash(content: str, text: bytes) -> str:
    """The SHA-256 (hexadecimal) of a sample's state.

    ``text`` is a JSON object with ``document`` and ``fields`` as ``document_to_json`` and ``fields_to_json`` make them, so that a
    stored sample is hashed without being built. Raises KeyError, TypeError, ValueError or RecursionError for anything else.
    """
    body = json.loads(
        text, parse_float=str
    )  # numbers stay as Python wrote them: half the time, and the same everywhere
    pages = [
        [page["width"], page["height"], [[text, points, line, block] for text, points, _, line, block in page["words"]]]
        for page in body["document"]
    ]
    fields = [
        [label, text, number, *(str(float(edge)) for edge in box)] for label, text, box, number, *_ in body["fields"]
    ]
    return _sha256([SCHEMA, content, pages, sorted(fields)])


def release_id(labels: Sequence[FieldSpec], samples: Iterable[tuple[str, str, str]]) -> str:
    """The id of a release of these (content, split, hash of the sample), in any order; 64 hexadecimal digits."""
    specs = sorted([spec.label, spec.type, spec.required, spec.repeats] for spec in labels)
    return _sha256([SCHEMA, specs, sorted(samples)])


def _sha256(value: Any) -> str:
    return hashlib.sha256(_ENCODER.encode(value).encode("ascii")).hexdigest()
