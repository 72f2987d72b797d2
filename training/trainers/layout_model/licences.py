"""Under which licence a base model's weights come: from its model card, else from what is known of the usual ones.

A licence goes on with the weights: who fine-tunes LayoutLMv3 has a model that may not be used commercially.
"""

from __future__ import annotations

import re
from pathlib import Path

CARD = "README.md"
LONGEST_CARD = 200_000  # characters
KNOWN = {
    "microsoft/layoutlmv3-base": "cc-by-nc-sa-4.0",
    "microsoft/layoutlmv3-large": "cc-by-nc-sa-4.0",
    "microsoft/layoutlmv3-base-chinese": "cc-by-nc-sa-4.0",
    "scut-dlvclab/lilt-roberta-en-base": "mit",
    "scut-dlvclab/lilt-infoxlm-base": "mit",
    "nielsr/lilt-xlm-roberta-base": "mit",
}
"""Licences of the weights by the name on the hub, in lower case."""
FAMILY = {"layoutlmv3": "cc-by-nc-sa-4.0"}
"""Licences of all published weights of a family: a folder with LayoutLMv3 in it comes from Microsoft's."""

_CARD = re.compile(r"\A---\s*\n(.*?)\n---\s*(?:\n|\Z)", re.DOTALL)
_LICENCE = re.compile(
    r"^licen[sc]e:[ \t]*(?:\n[ \t]*-[ \t]*)?[\"']?([A-Za-z0-9][A-Za-z0-9.+_-]{0,60})[\"']?[ \t]*$", re.MULTILINE
)


def licence_of(name: str, family: str, folder: Path) -> str:
    """The licence's name as model cards write it, such as ``mit``; empty if nobody knows.

    ``name`` is the base model as it was asked for, ``folder`` where its files lie.
    """
    return _on_card(folder / CARD) or KNOWN.get(name.partition("@")[0].lower(), "") or FAMILY.get(family, "")


def _on_card(path: Path) -> str:
    """What a model card says in its head."""
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            card = file.read(LONGEST_CARD)
    except OSError:
        return ""
    head = _CARD.search(card)
    licence = _LICENCE.search(head[1]) if head else None
    return licence[1].lower() if licence else ""
