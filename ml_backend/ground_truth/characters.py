"""Which characters OCR takes for others: the texts that people put right, aligned with what was read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from unicodedata import normalize

from ml_backend.store.counts import Misread

COMPARED = 1_000  # characters of a text: one that was made to be long costs no time
ALIKE = 0.5  # share of characters that stay, below which two texts are not one that was misread


def confused_characters(texts: Iterable[Misread]) -> Counter[tuple[str, str]]:
    """How often OCR read one character (or none: "") where another one (or none) stands.

    Each final text is aligned with what was shown or with what OCR reads in the box, whichever is nearer; where neither is like
    it, nothing can be told. An accent that is a character of its own in one text and none in the other is no difference (NFC).
    """
    from rapidfuzz.distance import Levenshtein

    found: Counter[tuple[str, str]] = Counter()
    for one in texts:
        meant = normalize("NFC", one.final_value[:COMPARED])
        candidates = [normalize("NFC", text[:COMPARED]) for text in (one.predicted_value, one.ocr_text) if text]
        read = max(candidates, key=lambda text: Levenshtein.normalized_similarity(text, meant), default="")
        if Levenshtein.normalized_similarity(read, meant) < ALIKE:
            continue
        for edit in Levenshtein.editops(read, meant):
            was = "" if edit.tag == "insert" else read[edit.src_pos]
            now = "" if edit.tag == "delete" else meant[edit.dest_pos]
            found[was, now] += 1
    return found
