"""How the version of predictions is named, at Label Studio and in the store.

    fields-3.4bf1c2d9             the model, and the fingerprint of the labelling interface
    fields-3.91c0de55.4bf1c2d9    and between them the mark of the reader, where OCR has learned to read

Whatever changes the answers changes the name: predictions of another name are outdated, and are made anew. No name is a part of
another one: Label Studio looks for a version anywhere in the names of a task's versions. (In 0.2 the mark stood last.)
"""

from __future__ import annotations

import re

UNTRAINED = "keywords (untrained)"  # what people are shown for keywords-1, with which every project begins
_OURS = re.compile(r"(keywords|fields)-[0-9]{1,9}(\.[0-9a-f]{8}){1,2}")


def version_name(model: str, fingerprint: str, reader: str = "") -> str:
    """The name of predictions by the version ``model`` for an interface; ``reader`` is empty for the wheel's recogniser."""
    return ".".join(filter(None, (model, reader, fingerprint)))


def is_ours(name: str) -> bool:
    """Whether docloop gives such names; other programs have theirs."""
    return _OURS.fullmatch(name) is not None


def of_model(name: str, model: str, fingerprint: str) -> bool:
    """Whether ``name`` is of this model and interface, by whichever reader; also one of 0.2."""
    first, *marks = name.split(".")
    return first == model and fingerprint in marks
