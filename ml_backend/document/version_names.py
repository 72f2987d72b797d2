"""How the version of predictions is named, at Label Studio and in the store.

    fields-3.4bf1c2d9             the model, and the fingerprint of the labelling interface
    fields-3.4bf1c2d9.91c0de55    and the mark of the reader, where OCR has learned to read

Whatever changes the answers changes the name: predictions of another name are outdated, and are made anew.
"""

from __future__ import annotations

import re

UNTRAINED = "keywords (untrained)"  # what people are shown for keywords-1, with which every project begins
_OURS = re.compile(r"(keywords|fields)-[0-9]{1,9}(\.[0-9a-f]{8}){1,2}")


def version_name(model: str, fingerprint: str, reader: str = "") -> str:
    """The name of predictions by the version ``model`` for an interface; ``reader`` is empty for the wheel's recogniser."""
    return ".".join(filter(None, (model, fingerprint, reader)))


def is_ours(name: str) -> bool:
    """Whether docloop gives such names; other programs have theirs."""
    return _OURS.fullmatch(name) is not None


def of_model(name: str, model: str, fingerprint: str) -> bool:
    """Whether ``name`` is of this model and interface, by whichever reader."""
    mine = version_name(model, fingerprint)
    return name == mine or name.startswith(f"{mine}.")
