"""Made-up receipts as words on pages with their truth, for tests that train: no fonts, no OCR, a millisecond each.

The keyword baseline finds a part of their fields; the rest can be learned: the company stands in the second line, the date that
counts behind "VR", the total behind "GOODS". A third of the words of a receipt are other amounts, dates and names.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

from builders import word
from ml_backend.document.elements import Document, Page, Word
from ml_backend.document.fields import Field, FieldSpec
from ml_backend.document.samples import Sample

SPECS = (
    FieldSpec("company", "company", required=True),
    FieldSpec("date", "date", required=True),
    FieldSpec("total", "amount", required=True),
    FieldSpec("address", "address"),
    FieldSpec("member", "serial"),
)
_NAMES = [
    "ALDER", "BIRCH", "CEDAR", "DOGWOOD", "ELDER", "FIR", "GINKGO", "HAZEL", "IVY", "JUNIPER", "KAURI", "LARCH", "MAPLE",
    "NUTMEG", "OAK", "PINE", "ROWAN", "SPRUCE",
]  # fmt: skip
_STREETS = ["MILL", "BRIDGE", "CHURCH", "STATION", "HARBOUR", "GARDEN", "MARKET", "CASTLE"]
_GOODS = ["TEA", "SOAP", "BREAD", "RICE", "PAPER", "MILK", "EGGS", "LAMP", "ROPE", "TAPE", "CUP", "FISH"]


@lru_cache(maxsize=1000)
def made_receipt(seed: int, annotator: int = 1, slips: float = 0.0) -> Sample:
    """The receipt of this seed, as ``annotator`` confirmed it; each field is forgotten with the chance ``slips``."""
    dice = random.Random(seed)
    rows, marks = _rows(dice)
    words: list[Word] = []
    fields: list[Field] = []
    for line, row in enumerate(rows):
        left = 0.08
        for text in row:
            right = left + 0.014 * len(text)
            words.append(word(text, left, 0.03 + line * 0.03, right, 0.05 + line * 0.03, line=line))
            left = right + 0.012
    page = Page(600, 900, tuple(words), "made")
    for label, (line, first, last) in marks.items():
        start = sum(map(len, rows[:line])) + first
        indices = tuple(range(start, start + last - first))
        if dice.random() >= slips:
            fields.append(Field(label, page.text_of(indices), page.box_of(indices), words=indices))
    content = hashlib.sha256(f"receipt {seed}".encode()).hexdigest()
    return Sample(content, Document((page,)), tuple(fields), annotator, "2026-01-02T03:04:05Z")


def flipped(samples: Sequence[Sample], share: float, seed: int, swap: bool = False) -> list[Sample]:
    """The samples with this share of their labels wrong: any other label, or (``swap``) always the same other one."""
    dice = random.Random(seed)
    labels = [spec.label for spec in SPECS]
    places = [(i, k) for i, sample in enumerate(samples) for k in range(len(sample.fields))]
    chosen = set(dice.sample(places, round(share * len(places))))

    def other(label: str) -> str:
        return labels[labels.index(label) - 1] if swap else dice.choice([each for each in labels if each != label])

    return [
        replace(
            sample,
            fields=tuple(
                replace(field, label=other(field.label)) if (i, k) in chosen else field
                for k, field in enumerate(sample.fields)
            ),
        )
        for i, sample in enumerate(samples)
    ]


def _rows(dice: random.Random) -> tuple[list[list[str]], dict[str, tuple[int, int, int]]]:
    """The words of each line, and for each label its line and the range of its words there."""
    company = [*dice.sample(_NAMES, dice.choice((1, 2))), *dice.choice(([], [], ["TRADING"], ["LTD"]))]
    address = [str(dice.randint(1, 99)), dice.choice(_STREETS), dice.choice(("ST", "ROAD", "LANE", "YARD"))]
    date, due = (f"{dice.randint(1, 28):02}/{dice.randint(1, 12):02}/20{dice.randint(15, 25)}" for _ in range(2))
    total = _amount(dice)
    member = f"M{dice.randint(1000, 9999)}"
    rows = [["WELCOME", "TO", dice.choice(_NAMES)], company, address, ["PRINTED", due, "TILL", str(dice.randint(1, 9))]]
    marks = {"company": (1, 0, len(company)), "address": (2, 0, 3)}
    rows += [[dice.choice(_GOODS), dice.choice(_GOODS), _amount(dice)] for _ in range(dice.randint(2, 6))]
    rows += [["VR", date], ["GOODS", total], ["TOTAL", "GIVEN", _amount(dice)], ["CARD", member, dice.choice(_NAMES)]]
    last = len(rows) - 1
    return rows, {**marks, "date": (last - 3, 1, 2), "total": (last - 2, 1, 2), "member": (last, 1, 2)}


def _amount(dice: random.Random) -> str:
    return f"{dice.randint(1, 300)}.{dice.randint(0, 99):02}"
