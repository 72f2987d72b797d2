"""The gate: a challenger serves only if it is measurably better than the champion, and an admin can read why.

Both are judged on the same documents (``splits.held_out``), by answers given without having seen them. The documents are drawn
anew 2,000 times (paired bootstrap), which says how sure it is that the difference is more than the luck of these documents. A
required field may not pay for the others. A challenger whose documents are in doubt (``trust``) does not pass at all.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from ml_backend.document.fields import FieldSpec
from training.metrics import Counts, DocumentOutcome, by_label, f1
from training.splits import HeldOut
from training.trust import Doubt, sentence_of
from training.verdict_words import change, fields_in_words, sure

if TYPE_CHECKING:
    import numpy

RESAMPLES = 2_000
SURE = 0.95  # the usual level: of 20 challengers that are no better, one may pass; tests/promises measures both sides
LEAST_DOCUMENTS = 5  # fewer cannot show their own spread: three lucky ones look certain
FLOOR = 0.03  # points of F1 that a required field may lose
FLOOR_DOCUMENTS = 2  # and on how many more documents it must be worse than better: one alone is noise


@dataclass(frozen=True, slots=True)
class Candidate:
    """A version and its outcomes by content."""

    version: str
    outcomes: Mapping[str, DocumentOutcome]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the gate decided; ``sentence`` is for an admin, ``metrics`` a JSON object with the figures behind it."""

    promoted: bool
    sentence: str
    metrics: Mapping[str, Any]


def compare(
    champion: Candidate,
    challenger: Candidate,
    specs: Sequence[FieldSpec],
    held: HeldOut,
    doubts: Sequence[Doubt] = (),
    seed: int = 0,
) -> Verdict:
    """Judge ``challenger`` against ``champion`` on those documents of ``held`` that both have outcomes for.

    Promoted only if its exact F1 is higher, with a probability of at least ``SURE``, no required field broke its floor, and no
    annotator is in doubt (``trust.doubts``). The same outcomes and seed give the same verdict.
    """
    contents = sorted(held.contents & champion.outcomes.keys() & challenger.outcomes.keys())
    held = HeldOut(frozenset(contents), held.folded)
    pairs = [(champion.outcomes[content], challenger.outcomes[content]) for content in contents]
    metrics: dict[str, Any] = {
        "documents": len(contents),
        "judged": "out_of_fold" if held.folded else "held_out",
        "protocol": "exact",
        "probability": round(_probability(pairs, seed), 4),
        "champion": _figures(champion.version, [before for before, _ in pairs]),
        "challenger": _figures(challenger.version, [after for _, after in pairs]),
        "doubts": [{**asdict(doubt), "examples": [list(each) for each in doubt.examples]} for doubt in doubts],
    }
    broken = [spec.label for spec in specs if spec.required and _breaks_floor(spec.label, pairs)]
    refusal = sentence_of(doubts) or _refusal(metrics, held, broken)
    if refusal:
        return Verdict(False, f"Kept {champion.version}: {refusal}", metrics)
    summary = f"field F1 {change(metrics)} {held.words}, {sure(metrics['probability'])}"
    return Verdict(True, f"Promoted: {summary}; {fields_in_words(metrics)}.", metrics)


def _refusal(metrics: Mapping[str, Any], held: HeldOut, broken: Sequence[str]) -> str:
    """Why the challenger does not pass, and what helps; empty if it does."""
    name, documents = metrics["challenger"]["version"], metrics["documents"]
    before, after = metrics["champion"], metrics["challenger"]
    if documents < LEAST_DOCUMENTS:
        return f"{documents} documents cannot judge {name}; at least {LEAST_DOCUMENTS} corrected ones are needed."
    figures = f"field F1 {change(metrics)} {held.words}"
    if after["f1"] <= before["f1"]:
        word = "no better" if after["f1"] == before["f1"] else "worse"
        return f"{name} is {word} ({figures}). More corrected documents may help."
    summary = f"{figures}, {sure(metrics['probability'])}"
    if metrics["probability"] < SURE:
        return f"{name} is not measurably better ({summary}). More corrected documents will tell."
    if broken:
        falls = ", ".join(f"{label} {change(metrics, label)}" for label in broken)
        return (
            f"{name} is better over all ({summary}), but a required field fell: {falls}. More documents with it help."
        )
    return ""


def _figures(version: str, outcomes: Sequence[DocumentOutcome]) -> dict[str, Any]:
    labels = by_label(outcomes)
    return {
        "version": version,
        "f1": round(f1(outcomes), 4),
        "f1_fuzzy": round(f1(outcomes, "fuzzy"), 4),
        "perfect": sum(outcome.perfect for outcome in outcomes),
        "labels": {label: round(counts.f1(), 4) for label, counts in sorted(labels.items())},
    }


def _probability(pairs: Sequence[tuple[DocumentOutcome, DocumentOutcome]], seed: int) -> float:
    """The share of draws in which the challenger's exact F1 is higher than the champion's.

    Documents with the same counts are drawn together, by how many there are: the same draws, for thousands of documents too.
    """
    import numpy as np

    if not pairs:
        return 0.0
    kinds = Counter((*_row(before.total), *_row(after.total)) for before, after in pairs)
    rows = np.array(sorted(kinds), dtype=float)
    shares = np.array([kinds[kind] for kind in sorted(kinds)]) / len(pairs)
    draws = np.random.default_rng(seed).multinomial(len(pairs), shares, size=RESAMPLES).astype(float)
    before, after = _f1_of(draws @ rows[:, :2]), _f1_of(draws @ rows[:, 2:])
    return float((after > before + 1e-12).mean())


def _row(counts: Counts) -> tuple[int, int]:
    return 2 * counts.exact, counts.expected + counts.predicted


def _f1_of(sums: numpy.ndarray[Any, Any]) -> numpy.ndarray[Any, Any]:
    """F1 of each row (twice the right ones, expected and predicted ones); 1 where there is nothing."""
    import numpy as np

    return np.where(sums[:, 1] > 0, sums[:, 0] / np.maximum(sums[:, 1], 1), 1.0)


def _breaks_floor(label: str, pairs: Sequence[tuple[DocumentOutcome, DocumentOutcome]]) -> bool:
    """Whether a required field lost more than the floor, on more documents than one document's noise.

    Among 25 documents a single one is 4 points; so the field must also be worse on at least two documents more than it is better
    on. From 67 documents on, that is within the floor anyway.
    """
    counts = [(b.labels.get(label, Counts()), a.labels.get(label, Counts())) for b, a in pairs]
    before, after = (sum((pair[side] for pair in counts), Counts()) for side in (0, 1))
    worse = sum((a.f1() < b.f1()) - (a.f1() > b.f1()) for b, a in counts)
    return before.f1() - after.f1() > FLOOR + 1e-9 and worse >= FLOOR_DOCUMENTS
