"""What a person changed about a prediction, field by field, and why it was wrong. Pure: the same input, the same records.

Corrections are found by difference against what was shown: a region whose text was corrected keeps its ``origin: "prediction"``
in Label Studio, and a deleted box leaves no trace at all. They can be made anew at any time from the stored annotation and the
document's words.

Causes, in the order in which they are asked for:

========================  ============================================================================================
``""``                    nothing was wrong (confirmed), a box was only drawn anew around the same words, or the words
                          of the page are not known yet and nothing else tells
``"wrong format"``        the texts are the same letters, digits and dots, case aside: ``1 250.00`` for ``1250.00``
``"detection missed"``    OCR has no words where the field is
``"wrong field"``         the words were read, but the model took the wrong ones or gave them the wrong label: the label
                          was changed; whole words were cut off or put to it; the text has nothing in common with the
                          one before; or it was shown elsewhere or under another label
``"field missed"``        a field was added where OCR has words, and nothing was shown for it, here or elsewhere
``"misread characters"``  OCR's text is like the final one, but not the same
``"absent"``              the field is not on the document: it was deleted, and its text and label are nowhere else
========================  ============================================================================================
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace

from rapidfuzz.distance import Levenshtein

from ml_backend.document.elements import Document
from ml_backend.document.fields import Field
from ml_backend.document.geometry import Box, Point
from ml_backend.store.records import AnnotationRecord, Cause, CorrectionKind, CorrectionRecord

_MOVED = 0.001  # of the page: the editor gives long fractions back for a box that was only clicked
_TURNED = 0.1  # degrees
_SAME_PLACE = 0.2  # intersection over union: hand-drawn boxes are generous, neighbouring lines share less
_MOST_PAIRS = 1_000_000  # beyond it nothing is matched by place: no document has a thousand fields that all got new ids
_SIMILAR = 0.5  # share of characters that stay, from which on two texts are the same one read differently
_COMPARED = 1000  # characters: a text that was made to be long costs no time


def corrections_of(
    annotation: AnnotationRecord, task_id: int, document: Document | None
) -> tuple[CorrectionRecord, ...]:
    """The corrections of a stored annotation; ``document`` are its words as OCR read them, None while they are not known.

    An annotation that no person looked at has none, nor has one for which nothing was shown.
    """
    if not annotation.reviewed or annotation.skipped:
        return ()
    return tuple(
        replace(
            found,
            model_version=annotation.shown_version,
            lead_time=annotation.lead_time,
            completed_by=annotation.completed_by,
            at=annotation.updated_at,
            task_id=task_id,
            annotation_id=annotation.annotation_id,
        )
        for found in differences(annotation.shown, annotation.fields, document)
    )


def differences(
    shown: Sequence[Field] | None, final: Sequence[Field], document: Document | None
) -> tuple[CorrectionRecord, ...]:
    """Every difference between the fields that were shown and those submitted: in the order of the submitted, then the deleted.

    A field may have several: a changed label, text and box are three records of one region. One that stayed as it was is
    ``confirmed``. Boxes without a label are no fields. Without a prediction (None) there is nothing to differ from; an empty one
    makes every field ``added``.
    """
    if shown is None:
        return ()
    before = [field for field in shown if field.label]
    after = [field for field in final if field.label]
    partner = _pairs(before, after)
    kept = set(partner.values())
    deleted = [old for number, old in enumerate(before) if number not in kept]
    added = [new for number, new in enumerate(after) if number not in partner]
    paper = _Paper(document)
    wrongly_shown, newly_drawn, submitted = _Traits.of(deleted), _Traits.of(added), _Traits.of(after)
    records: list[CorrectionRecord] = []
    for number, new in enumerate(after):
        if number in partner:
            made = _changes(before[partner[number]], new, paper)
        else:
            made = [_record("added", _cause_of_added(new, wrongly_shown, paper), None, new, paper)]
        records += [replace(one, field_number=number) for one in made]
    for old in deleted:
        elsewhere = old.label in newly_drawn.labels or _bare(old.text) in submitted.texts
        records.append(_record("deleted", "wrong field" if elsewhere else "absent", old, None, paper))
    return tuple(records)


# -- which shown field became which submitted one ------------------------------------------------------------------------


def _pairs(before: Sequence[Field], after: Sequence[Field]) -> dict[int, int]:
    """Index of a submitted field -> index of the shown one it was: by region id first, then by place."""
    partner: dict[int, int] = {}
    # A region with several labels is several fields with one id: those with the same label belong together.
    for key in (_region_and_label, _region):
        taken = set(partner.values())
        waiting: dict[tuple[str, str], deque[int]] = {}
        for old, field in enumerate(before):
            if field.id and old not in taken:
                waiting.setdefault(key(field), deque()).append(old)
        for new, field in enumerate(after):
            if new not in partner and (there := waiting.get(key(field))):
                partner[new] = there.popleft()
    return partner | dict(_by_place(before, after, set(partner.values()), partner.keys()))


def _region_and_label(field: Field) -> tuple[str, str]:
    return field.id, field.label


def _region(field: Field) -> tuple[str, str]:
    return field.id, ""


def _by_place(
    before: Sequence[Field], after: Sequence[Field], taken: Collection[int], known: Collection[int]
) -> Iterator[tuple[int, int]]:
    """Pairs of what is left, those that overlap most first; of equal overlap those with the same label, then the first."""
    old_ones = [old for old in range(len(before)) if old not in taken]
    new_ones = [new for new in range(len(after)) if new not in known]
    if len(old_ones) * len(new_ones) > _MOST_PAIRS:
        return
    near = []
    beside = _beside(before, old_ones)
    for new in new_ones:
        for old in beside(after[new]):
            overlap = _overlap(before[old], after[new])
            if overlap >= _SAME_PLACE:
                near.append((-overlap, before[old].label != after[new].label, new, old))
    done_old: set[int] = set()
    done_new: set[int] = set()
    for *_, new, old in sorted(near):
        if old not in done_old and new not in done_new:
            done_old.add(old)
            done_new.add(new)
            yield new, old


def _beside(fields: Sequence[Field], some: Sequence[int]) -> Callable[[Field], Sequence[int]]:
    """What finds those of ``some`` that may touch a field: on its page, none that ends above it or begins below it.

    By their upper edges, so that a thousand regions are not compared with a thousand others.
    """
    pages: dict[int, list[int]] = {}
    for one in sorted(some, key=lambda one: fields[one].box.top):
        pages.setdefault(fields[one].page, []).append(one)
    tops = {page: [fields[one].box.top for one in ones] for page, ones in pages.items()}
    tallest = {page: max(fields[one].box.height for one in ones) for page, ones in pages.items()}

    def beside(field: Field) -> Sequence[int]:
        if field.page not in pages:
            return ()
        there = tops[field.page]
        first = bisect_left(there, field.box.top - tallest[field.page])
        return pages[field.page][first : bisect_right(there, field.box.bottom)]

    return beside


def _overlap(one: Field, other: Field) -> float:
    if one.page != other.page:
        return 0.0
    return 1.0 if one.box == other.box else one.box.iou(other.box)


# -- what changed, and why -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Traits:
    """The labels and the texts of some fields; what has no text has none in common with anything."""

    labels: frozenset[str]
    texts: frozenset[str]

    @classmethod
    def of(cls, fields: Sequence[Field]) -> _Traits:
        return cls(frozenset(one.label for one in fields), frozenset(_bare(one.text) for one in fields) - {""})


class _Paper:
    """What OCR read inside a box, where the words are known."""

    def __init__(self, document: Document | None) -> None:
        self.document = document

    def text_in(self, field: Field) -> str | None:
        """The words whose middle is in the field's box, in reading order; None while the page's words are not known."""
        if self.document is None or not 0 <= field.page < len(self.document.pages):
            return None
        page = self.document.pages[field.page]
        box = field.box.upright(page.width, page.height)
        return " ".join(word.text for word in page.words if _holds(box, word.box.center))

    def engine(self, page: int) -> str:
        known = self.document is not None and 0 <= page < len(self.document.pages)
        return self.document.pages[page].engine if self.document is not None and known else ""


def _holds(box: Box, point: Point) -> bool:
    return box.left <= point[0] <= box.right and box.top <= point[1] <= box.bottom


def _changes(old: Field, new: Field, paper: _Paper) -> list[CorrectionRecord]:
    """The records of a field that was shown and submitted; at least one."""
    records = []
    if old.label != new.label:
        records.append(_record("label", "wrong field", old, new, paper))
    if old.text.strip() != new.text.strip():
        records.append(_record("text", _cause_of_text(old, new, paper), old, new, paper))
    if _moved(old, new):
        records.append(_record("box", _cause_of_box(old, new, paper), old, new, paper))
    return records or [_record("confirmed", "", old, new, paper)]


def _moved(old: Field, new: Field) -> bool:
    edges = zip(
        (old.box.left, old.box.top, old.box.right, old.box.bottom),
        (new.box.left, new.box.top, new.box.right, new.box.bottom),
        strict=True,
    )
    turned = abs(old.box.rotation - new.box.rotation) % 360
    return (
        old.page != new.page
        or any(abs(before - after) > _MOVED for before, after in edges)
        or min(turned, 360 - turned) > _TURNED
    )


def _cause_of_text(old: Field, new: Field, paper: _Paper) -> Cause:
    if _bare(old.text) == _bare(new.text):
        return "wrong format"
    read = paper.text_in(new)
    if read == "":
        return "detection missed"
    if read is not None and _bare(read) == _bare(new.text):
        return "wrong field"  # OCR has it right there, the model took other words
    if _whole_words_differ(old.text, new.text):
        return "wrong field"
    if _alike(old.text, new.text) or (read is not None and _alike(read, new.text)):
        return "misread characters"
    return "wrong field"


def _cause_of_box(old: Field, new: Field, paper: _Paper) -> Cause:
    before, after = paper.text_in(old), paper.text_in(new)
    if before is None or after is None:
        return "wrong field" if _whole_words_differ(old.text, new.text) else ""
    return "" if before == after else "wrong field"


def _cause_of_added(new: Field, wrongly_shown: _Traits, paper: _Paper) -> Cause:
    if new.label in wrongly_shown.labels or _bare(new.text) in wrongly_shown.texts:
        return "wrong field"
    read = paper.text_in(new)
    if read is None:
        return ""
    if not read:
        return "detection missed"
    return "field missed" if _bare(read) == _bare(new.text) or not _alike(read, new.text) else "misread characters"


def _bare(text: str) -> str:
    """Letters, digits and dots, in capitals: what is left is the format."""
    return "".join(sign for sign in text.upper() if sign.isalnum() or sign == ".")


def _whole_words_differ(old: str, new: str) -> bool:
    """Whether one text is the other with whole words cut off or put to its ends.

    No word holds a space, so that whole words are found by looking for text, which takes no time however long it is.
    """
    short, long = sorted((old.split(), new.split()), key=len)
    return 0 < len(short) < len(long) and f" {' '.join(short)} " in f" {' '.join(long)} "


def _alike(one: str, other: str) -> bool:
    return Levenshtein.normalized_similarity(_bare(one)[:_COMPARED], _bare(other)[:_COMPARED]) >= _SIMILAR


def _record(
    kind: CorrectionKind, cause: Cause, old: Field | None, new: Field | None, paper: _Paper
) -> CorrectionRecord:
    """One record; ``old`` is None for an added field, ``new`` for a deleted one."""
    place = new or old
    if place is None:
        raise ValueError("a correction is about a field")
    read = paper.text_in(place)
    return CorrectionRecord(
        kind=kind,
        cause=cause,
        label=new.label if new else "",
        predicted_label=old.label if old else "",
        ocr_text=read if read is not None else (old.text if old else ""),
        predicted_value=old.text if old else "",
        final_value=new.text if new else "",
        page=place.page,
        region_id=place.id,
        engine=paper.engine(place.page),
        predicted_place=_place(old) if old and kind in ("box", "deleted") else None,
    )


def _place(field: Field) -> tuple[float, ...]:
    box = field.box
    return float(field.page), box.left, box.top, box.right, box.bottom, box.rotation
