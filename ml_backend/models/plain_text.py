"""Text as it is compared: without what differs between two prints of the same words."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache


@lru_cache(maxsize=8192)
def normalise(text: str) -> str:
    """Lower case without accents, every run of other characters one space: "N° Série:" -> "n serie"."""
    plain = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    return re.sub(r"[\W_]+", " ", plain.replace("ß", "ss").lower()).strip()
