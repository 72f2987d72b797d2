"""Values that change: what the new paper says at the place that the words around the remembered field point to."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import pairwise

from rapidfuzz.distance import Indel
from rapidfuzz.fuzz import partial_ratio_alignment

from ml_backend.models.memory.alignment import Aligned
from ml_backend.models.memory.paper import Line, Mark, Paper, Part, row_key, spelt
from ml_backend.models.memory.places import Typed, typed_in
from ml_backend.models.memory.proposal import Proposal, Target, targets

LEAST_PLACE = 0.45
NEAR = 20  # characters beside a value that speak of it
STEP = 8.0  # an eighth of the page beside its place, a value is elsewhere
FOUND = 70.0  # words beside a value are found again from this partial ratio on

_EDGE = ":;,*#=|~_'\"` "
_DIGIT = re.compile(r"\d")

Finder = Callable[[int, str], Sequence[Typed]]
"""The values of a type in a row of the new document, by the row's number."""


def read_typed(
    paper: Paper, mark: Mark, kind: str, lines: Sequence[Line], aligned: Aligned, find: Finder
) -> Proposal | None:
    """The value of the type whose surroundings are likest to the mark's; None where none is like it."""
    part = mark.parts[0]
    old = paper.lines[part.line]
    own = _own(old, part, mark.text, kind)
    start, end = (own.part.start, own.part.end) if own else (part.start, part.end)
    before, behind, form = _forms(mark.text, own.text if own else mark.text)
    if _DIGIT.search(before + behind):
        return read_text(paper, mark, lines, aligned)
    best: tuple[float, Typed] | None = None
    for target in targets(aligned, part.line, len(lines)):
        for typed in find(target.line, kind):
            place = _agreement(old, (start, end), lines[target.line], typed, target, aligned)
            if best is None or place > best[0]:
                best = place, typed
    if best is None or best[0] < LEAST_PLACE:
        return None
    typed = best[1]
    line = lines[typed.part.line]
    typed = _masked(line, typed, own.text if own else "", kind)
    text, kept = _as_before(line, typed, before, behind, form)
    return Proposal(mark.label, text, (kept,), "typed", best[0], typed.sure, typed.value)


def _own(old: Line, part: Part, text: str, kind: str) -> Typed | None:
    """The value of the type that the mark is about."""
    found = [
        typed
        for typed in typed_in(old, part.line, kind, "")
        if typed.part.start < part.end and typed.part.end > part.start
    ]
    same = [typed for typed in found if spelt(typed.text) and spelt(typed.text) in spelt(text)]
    return next(iter(same or found), None)


def _masked(line: Line, typed: Typed, before: str, kind: str) -> Typed:
    """The value, or the longer one of the remembered value's shape that begins at its place: "21/07/20 17" is no year 20."""
    found = _pattern(_mask(before)).match(line.text, typed.part.start) if before else None
    if not found or found.end() <= typed.part.end:
        return typed
    solid = "".join(found[0].split())
    again = next(typed_in(Line(line.page, solid, (0,), (0.0,), (1.0,)), 0, kind, ""), None)
    if again is None or again.text != solid:
        return typed
    return Typed(Part(typed.part.line, typed.part.start, found.end()), solid, again.value, again.sure)


@lru_cache(maxsize=1024)
def _pattern(mask: str) -> re.Pattern[str]:
    """What has the shape, with white anywhere between and no digit behind."""
    marks = (r"\d" if c == "0" else r"[^\W\d_]" if c == "a" else re.escape(c) for c in mask[:40])
    return re.compile(r"\s?".join(marks) + r"(?!\d)")


def _forms(confirmed: str, printed: str) -> tuple[str, str, str]:
    """What the person wrote before and behind the value, and "solid" if without the white inside that OCR saw."""
    at = confirmed.find(printed)
    form = "" if at >= 0 and " " in printed else "solid" if " " not in confirmed else ""
    return (confirmed[:at].strip(), confirmed[at + len(printed) :].strip(), form) if at >= 0 else ("", "", form)


def _as_before(line: Line, typed: Typed, before: str, behind: str, form: str) -> tuple[str, Part]:
    """The value with what stood around it in the confirmed text (a currency), where that is printed here too."""
    start, end, text = typed.part.start, typed.part.end, typed.text
    if form == "solid":
        text = text.replace(" ", "")
    ahead = line.text[:start].rstrip()
    if before and ahead.upper().endswith(before.upper()):
        text = line.text[len(ahead) - len(before) : start] + text
        start = len(ahead) - len(before)
    after = line.text[end:]
    if behind and after.lstrip().upper().startswith(behind.upper()):
        stop = end + len(after) - len(after.lstrip()) + len(behind)
        text, end = text + line.text[end:stop], stop
    return text.strip(), Part(typed.part.line, start, end)


def _agreement(old: Line, own: tuple[int, int], line: Line, typed: Typed, target: Target, aligned: Aligned) -> float:
    """How like the surroundings of a value are to those of the remembered one."""
    start, end = own
    left = _same(row_key(old.text[:start])[-NEAR:], row_key(line.text[: typed.part.start])[-NEAR:])
    right = _same(row_key(old.text[end:])[:NEAR], row_key(line.text[typed.part.end :])[:NEAR])
    edges = (
        abs(aligned.x(old.x(start)) - line.x(typed.part.start)),
        abs(aligned.x(old.x(end)) - line.x(typed.part.end)),
    )
    beside = max(0.0, 1.0 - STEP * min(edges))
    mask = _same(_mask(old.text[start:end]), _mask(typed.text))
    return 0.4 * target.trust + 0.25 * left + 0.1 * right + 0.2 * beside + 0.05 * mask


def _same(one: str, other: str) -> float:
    return Indel.normalized_similarity(one, other) if one or other else 1.0


def _mask(text: str) -> str:
    """The shape of a value: digits 0, letters a, no white."""
    return "".join("0" if c.isdigit() else "a" if c.isalpha() else c for c in text if not c.isspace())


def read_text(paper: Paper, mark: Mark, lines: Sequence[Line], aligned: Aligned) -> Proposal | None:
    """The words where the mark's rows have gone, between the words that stand before and behind it there."""
    parts: list[Part] = []
    trusts: list[float] = []
    for part in mark.parts:
        old = paper.lines[part.line]
        for target in targets(aligned, part.line, len(lines))[:1]:
            found = between(old, part, lines[target.line], target.line, aligned)
            if found:
                parts.append(found)
                trusts.append(target.trust)
    if len(parts) < len(mark.parts) or any(one.line >= other.line for one, other in pairwise(parts)):
        return None
    text = " ".join(lines[part.line].text[part.start : part.end].strip(_EDGE) for part in parts).strip()
    if not spelt(text):
        return None
    return Proposal(mark.label, text, tuple(parts), "free", min(trusts), 0.0)


def between(old: Line, part: Part, line: Line, number: int, aligned: Aligned) -> Part | None:
    """The characters of ``line`` that stand where those of ``part`` stood in ``old``."""
    piece = old.piece(part.start)
    lead = old.text[max(old.starts[piece], part.start - NEAR) : part.start]
    tail = old.text[part.end : min(old.end(old.piece(part.end - 1)), part.end + NEAR)]
    segment = _piece_at(old, part, line, aligned)
    start, end = line.starts[segment], line.end(segment)
    if any(c.isalnum() for c in lead):
        begun = _find(lead, line.text[start:end])
        if begun is None:
            return None
        start += begun[1]
    elif lead.strip() and line.text[start:end].lstrip().startswith(lead.strip()):
        start = line.text.index(lead.strip(), start) + len(lead.strip())
    if any(c.isalpha() for c in tail):
        ended = _find(tail, line.text[start:end])
        if ended is None:
            return None
        end = start + ended[0]
    while start < end and line.text[start] in _EDGE:
        start += 1
    while end > start and line.text[end - 1] in _EDGE:
        end -= 1
    return Part(number, start, end) if start < end else None


def _piece_at(old: Line, part: Part, line: Line, aligned: Aligned) -> int:
    """The piece of the new row that begins nearest to where the old one would."""
    piece = old.piece(part.start)
    left, right = aligned.x(old.lefts[piece]), aligned.x(old.rights[old.piece(part.end - 1)])
    return min(
        range(len(line.starts)), key=lambda at: (min(abs(line.lefts[at] - left), abs(line.rights[at] - right)), at)
    )


def _find(needle: str, text: str) -> tuple[int, int] | None:
    """Where ``needle`` stands in ``text``, digits being all the same, or None."""
    one, other = _DIGIT.sub("0", needle.strip()).upper(), _DIGIT.sub("0", text).upper()
    if len(other) != len(text) or len(other) < len(one) / 2:
        return None
    found = partial_ratio_alignment(one, other)
    if found is None or found.score < FOUND or found.dest_end <= found.dest_start:
        return None
    return found.dest_start, found.dest_end
