"""The gate: who is promoted, who is not, and what the admin reads."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from builders import found, page, word
from ml_backend.document.elements import Document
from ml_backend.document.fields import Extraction, FieldSpec
from ml_backend.document.samples import Sample
from ml_backend.errors import ModelRejected
from training.gate import Candidate, Verdict, compare
from training.metrics import Counts, DocumentOutcome
from training.out_of_fold import FILE, answers_of, read_out_of_fold, write_out_of_fold
from training.splits import HeldOut
from training.trust import Doubt

SPECS = (FieldSpec("total", "amount", required=True), FieldSpec("date", "date"))


def outcomes(total: str, date: str) -> dict[str, DocumentOutcome]:
    """One document a character, the same in both: ``+`` right, ``-`` wrong, ``.`` missed."""
    counts = {"+": Counts(1, 1, 1, 1), "-": Counts(1, 1, 0, 0), ".": Counts(1, 0, 0, 0)}
    return {
        f"{n:03}": DocumentOutcome({"total": counts[one], "date": counts[other]})
        for n, (one, other) in enumerate(zip(total, date, strict=True))
    }


def judged(before: tuple[str, str], after: tuple[str, str], folded: bool = False) -> Verdict:
    champion, challenger = outcomes(*before), outcomes(*after)
    return compared(champion, challenger, HeldOut(frozenset(champion), folded))


def compared(before: Mapping[str, DocumentOutcome], after: Mapping[str, DocumentOutcome], held: HeldOut) -> Verdict:
    return compare(Candidate("keywords-1", before), Candidate("fields-3", after), SPECS, held, seed=4)


@pytest.mark.parametrize(
    ("before", "after", "sentence"),
    [
        (
            ("+" * 14 + "-" * 10, "+" * 24),
            ("+" * 21 + "-" * 3, "+" * 24),
            "Promoted: field F1 .79 -> .94 on 24 held-out documents, over 99 % sure; total up .58 -> .88; date unchanged.",
        ),
        (
            ("+" * 14 + "-" * 10, "+" * 24),
            ("+" * 23 + "-", "+" * 21 + "-" * 3),
            "Promoted: field F1 .79 -> .92 on 24 held-out documents, 98 % sure; total up .58 -> .96; date down 1.00 -> .88.",
        ),
        (
            ("+" * 14 + "-" * 10, "+" * 24),
            ("+" * 15 + "-" * 9, "+" * 24),
            "Kept keywords-1: fields-3 is not measurably better (field F1 .79 -> .81 on 24 held-out documents, 64 % sure). "
            "More corrected documents will tell.",
        ),
        (
            ("+" * 14 + "-" * 10, "+" * 24),
            ("+" * 14 + "-" * 10, "+" * 24),
            "Kept keywords-1: fields-3 is no better (field F1 .79 -> .79 on 24 held-out documents). "
            "More corrected documents may help.",
        ),
        (
            ("+" * 24, "+" * 24),
            ("+" * 14 + "-" * 10, "+" * 24),
            "Kept keywords-1: fields-3 is worse (field F1 1.00 -> .79 on 24 held-out documents). "
            "More corrected documents may help.",
        ),
        (
            ("+" * 22 + "--", "." * 24),
            ("+" * 20 + "----", "+" * 24),
            "Kept keywords-1: fields-3 is better over all (field F1 .61 -> .92 on 24 held-out documents, over 99 % sure), but a "
            "required field fell: total .92 -> .83. More documents with it help.",
        ),
        (
            ("+" * 22 + "--", "." * 24),
            ("+" * 21 + "---", "+" * 24),
            "Promoted: field F1 .61 -> .94 on 24 held-out documents, over 99 % sure; date up .00 -> 1.00; total down .92 -> .88.",
        ),
        (
            ("-" * 4, "-" * 4),
            ("+" * 4, "+" * 4),
            "Kept keywords-1: 4 documents cannot judge fields-3; at least 5 corrected ones are needed.",
        ),
    ],
    ids=["better", "better but an optional field fell", "perhaps", "the same", "worse", "a required field fell",
         "one document's noise", "too few"],
)  # fmt: skip
def test_a_verdict_is_a_sentence_that_says_why(before: tuple[str, str], after: tuple[str, str], sentence: str) -> None:
    verdict = judged(before, after)
    assert verdict.sentence == sentence
    assert verdict.promoted == sentence.startswith("Promoted")


def test_the_figures_are_json_and_say_on_what_they_stand() -> None:
    verdict = judged(("+" * 14 + "-" * 10, "+" * 24), ("+" * 21 + "-" * 3, "+" * 24), folded=True)
    assert "on 24 documents out of fold" in verdict.sentence
    assert json.loads(json.dumps(verdict.metrics)) == verdict.metrics
    assert {**verdict.metrics, "probability": None, "champion": None} == {
        "documents": 24,
        "judged": "out_of_fold",
        "protocol": "exact",
        "doubts": [],
        "probability": None,
        "champion": None,
        "challenger": {
            "version": "fields-3",
            "f1": 0.9375,
            "f1_fuzzy": 0.9375,
            "perfect": 0,
            "labels": {"date": 1.0, "total": 0.875},
        },
    }


def test_only_documents_that_judge_and_that_both_answered_count() -> None:
    champion, challenger = outcomes("-" * 30, "-" * 30), outcomes("+" * 30, "+" * 30)
    held = HeldOut(frozenset(sorted(champion)[:20]), folded=False)
    del champion["003"], challenger["004"]
    assert compared(champion, challenger, held).metrics["documents"] == 18


def test_a_label_that_the_truth_never_has_falls_when_it_is_invented() -> None:
    never, invented = Counts(), Counts(0, 1, 0, 0)
    before = {f"{n:02}": DocumentOutcome({"total": Counts(1, n % 2, n % 2, n % 2), "date": never}) for n in range(24)}
    after = {
        f"{n:02}": DocumentOutcome({"total": Counts(1, 1, 1, 1), "date": invented if n < 3 else never})
        for n in range(24)
    }
    verdict = compared(before, after, HeldOut(frozenset(before), folded=False))
    assert verdict.sentence.endswith("; total up .67 -> 1.00; date down 1.00 -> .00.")


def test_no_documents_promote_nobody() -> None:
    verdict = compared({}, {}, HeldOut(frozenset(), folded=True))
    assert (verdict.promoted, verdict.metrics["documents"]) == (False, 0)


def test_the_same_seed_gives_the_same_verdict_and_many_documents_are_no_burden() -> None:
    """2,000 documents: drawn one by one, the draws would fill 32 MB."""
    champion, challenger = outcomes("+-" * 1_000, "+-" * 1_000), outcomes("-+" * 980 + "++" * 20, "+-" * 1_000)
    held = HeldOut(frozenset(champion), folded=False)
    first, second = (compared(champion, challenger, held) for _ in range(2))
    assert first == second
    assert 0.5 < first.metrics["probability"] < 0.9


def test_champion_and_challenger_with_the_same_skill_are_rarely_swapped() -> None:
    """Of 100 challengers that are as good as the champion, a few pass by luck, as the level says."""
    promoted = 0
    for seed in range(100):
        dice = [hashlib.sha256(f"{seed} {side}".encode()).digest() for side in range(4)]
        marks = ["".join("+" if byte < 180 else "-" for byte in each) for each in dice]
        promoted += judged((marks[0], marks[1]), (marks[2], marks[3])).promoted
    assert promoted <= 8


# -- answers -----------------------------------------------------------------------------------------------


class Remembers:
    """A model that has learned its documents by heart, and knows no others."""

    version = "fields-2"

    def __init__(self, texts: dict[str, str]) -> None:
        self._texts = texts

    def extract(self, document: Document, specs: Sequence[FieldSpec]) -> Extraction:
        text = self._texts.get(document.pages[0].text)
        return Extraction((found("total", text),) if text else ())


def sample(name: str, text: str, annotator: int = 1) -> Sample:
    return Sample(name, Document((page(word(name)),)), (found("total", text),), annotator)


def test_a_champion_is_judged_by_what_it_said_before_it_had_seen_a_document(tmp_path: Path) -> None:
    samples = [sample("old", "1.00"), sample("new", "2.00")]
    kept = {"old": (found("total", "9.99", value="9.99", reason="under TOTAL"),)}
    write_out_of_fold(tmp_path, kept)
    model = Remembers({"old": "1.00", "new": "2.00"})
    answers = answers_of(model, samples, SPECS, read_out_of_fold(tmp_path))
    assert answers == {"old": (found("total", "9.99"),), "new": (found("total", "2.00"),)}
    assert answers["old"][0].reason == "under TOTAL"


def test_a_version_that_kept_no_answers_has_none(tmp_path: Path) -> None:
    assert read_out_of_fold(tmp_path) == {}


@pytest.mark.parametrize("text", ["", "[]", "[" * 100_000, '{"a": [["total"]]}', '{"a": 3}', "\udcff"])
def test_answers_that_cannot_be_read_are_refused_without_quoting_them(tmp_path: Path, text: str) -> None:
    (tmp_path / FILE).write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(ModelRejected, match=r"out_of_fold\.json of .* cannot be read \(\w+\)"):
        read_out_of_fold(tmp_path)


def test_a_challenger_of_doubtful_documents_is_refused_however_good_it_looks() -> None:
    better = outcomes("-" * 24, "+" * 24), outcomes("+" * 24, "+" * 24)
    held = HeldOut(frozenset(better[0]), folded=True)
    doubt = Doubt(7, 6, 24, 5, (("total", "date", 4), ("date", "total", 1)))
    verdict = compare(Candidate("keywords-1", better[0]), Candidate("fields-3", better[1]), SPECS, held, [doubt])
    assert compared(*better, held).promoted
    assert (verdict.promoted, verdict.sentence) == (
        False,
        "Kept keywords-1: 5 of 24 fields of annotator 7 contradict the other documents: total where date is expected (4x), "
        "date where total is expected (1x). Check these documents in Label Studio; corrected or removed, they no longer "
        "stand in the way.",
    )
    assert json.loads(json.dumps(verdict.metrics)) == verdict.metrics
    assert verdict.metrics["doubts"][0]["annotator"] == 7
