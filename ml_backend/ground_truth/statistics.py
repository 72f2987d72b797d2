"""What the corrections of a project say: one dict for the command line and REST. The store counts, here it is put in order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ml_backend.document.fields import FieldSpec
from ml_backend.document.version_names import UNTRAINED
from ml_backend.ground_truth.characters import confused_characters
from ml_backend.ground_truth.forecast import Forecast, forecasts, newest_judged
from ml_backend.ground_truth.layouts import Layout, layouts
from ml_backend.ground_truth.rules import TRAINED_FROM, Situation, next_steps
from ml_backend.ground_truth.truth import truth_of
from ml_backend.models.registry import ModelRegistry
from ml_backend.store.counts import CorrectionCount, Counts
from ml_backend.store.records import ProjectRecord, VersionUse
from ml_backend.store.store import Store

LOOKED_AT = 3_000  # of the newest corrections, for the characters
GROUPED = 2_000  # of the newest open documents, and as many others, for the layouts
NAMED = 5  # layouts


@dataclass(frozen=True, slots=True)
class Statistics:
    """How the statistics of a project are made. ``specs`` are the labels of its interface, ``threshold`` is
    DOCLOOP_MIN_TRAINING_SAMPLES; lists of what is most frequent have ``top`` rows.
    """

    store: Store
    registry: ModelRegistry
    project: ProjectRecord
    specs: Sequence[FieldSpec]
    threshold: int = TRAINED_FROM
    top: int = 10

    def all(self) -> dict[str, Any]:
        """Everything, as JSON can hold it. 100,000 annotated documents take two or three seconds.

        Raises:
            StoreError: the store does not answer.
        """
        counts = self.store.statistics.counts(self.project.uid)
        misread = self.store.statistics.misread(self.project.uid, LOOKED_AT)
        made = [one for one in counts.corrections if one.kind != "confirmed"]
        swapped = _swapped(made)
        coming = self.forecast()
        now = self._situation(counts, made, max(swapped.values(), default=0), coming)
        return {
            "project": self.project.project_id,
            "title": self.project.title,
            "documents": _documents(counts),
            "accuracy": _rate(*counts.untouched(lambda one: None).get(None, (0, 0))),
            "by_field": _rows("field", counts, lambda one: one.field),
            "by_engine": _rows("engine", counts, lambda one: one.engine),
            "by_version": [version_row(use) for use in counts.uses()],
            "by_annotator": _rows("annotator", counts, lambda one: one.completed_by),
            "median_seconds": counts.seconds(),
            "median_seconds_without_prediction": counts.seconds(""),
            "corrected_fields": _corrected(made)[: self.top],
            "confused_characters": [
                {"read": read, "meant": meant, "count": count}
                for (read, meant), count in _first(confused_characters(misread), self.top)
            ],
            "characters_of": len(misread),
            "confused_fields": [
                {"shown": shown, "meant": meant, "count": count} for (shown, meant), count in _first(swapped, self.top)
            ],
            "causes": _causes(made),
            "next_steps": [asdict(step) for step in next_steps(now, self.project.project_id)],
            "forecast": coming,
        }

    def forecast(self) -> dict[str, Any]:
        """What more documents would bring, over all and by field, and which layouts need them most."""
        versions = self.registry.versions(self.project.uid)
        overall, *fields = forecasts(versions)
        found = layouts(self.store.statistics.signed(self.project.uid, GROUPED))[:NAMED]
        companies = self._companies([one.known.id for one in found if one.known])
        needed = [_layout_row(one, companies.get(one.known.id, "") if one.known else "") for one in found]
        return {
            "project": self.project.project_id,
            "version": newest_judged(versions),
            "serves": self.registry.active(self.project.uid) or UNTRAINED,
            "sentence": _headline((overall, *fields), needed),
            "overall": forecast_row(overall),
            "fields": [forecast_row(one) for one in fields],
            "layouts": needed,
        }

    def _situation(
        self, counts: Counts, made: Sequence[CorrectionCount], swapped: int, coming: Mapping[str, Any]
    ) -> Situation:
        causes = Counter[str]()
        for one in made:
            causes[one.cause] += one.number
        versions = self.registry.versions(self.project.uid)
        return Situation(
            documents=counts.documents,
            samples=self.store.samples.count(self.project.uid),
            trained=self.project.trained_samples,
            threshold=self.threshold,
            corrections=causes.total(),
            misread=causes["misread characters"],
            missed=causes["detection missed"],
            swapped=swapped,
            exhausted=coming["overall"]["state"] == "no more to gain",
            has_layout_model=any("base_model" in version.settings for version in versions),
            nothing_open=not self.store.documents.count(self.project.uid, open_only=True),
        )

    def _companies(self, documents: Sequence[int]) -> dict[int, str]:
        """The company that people confirmed on these documents, by document id: a name for a layout."""
        labels = {spec.label for spec in self.specs if spec.type == "company"}
        found: dict[int, str] = {}
        if not labels:
            return found
        annotations = self.store.ledger.annotations_of(documents)
        for number in documents:
            truth = truth_of(one for one in annotations if one.document_id == number)
            found[number] = next((f.text.strip() for f in truth.fields if f.label in labels), "") if truth else ""
        return found


def version_row(use: VersionUse) -> dict[str, Any]:
    """How annotators got on with one version."""
    return {
        "version": use.model_version,
        "documents": use.documents,
        **_rate(use.untouched, use.fields),
        "edits": use.edits,
        "median_seconds": use.median_seconds,
    }


def forecast_row(one: Forecast) -> dict[str, Any]:
    """A forecast with its sentence."""
    figures = {name: round(getattr(one, name), 4) for name in ("gain", "low", "high")}
    return {**asdict(one), **figures, "sentence": one.sentence}


def _headline(coming: Sequence[Forecast], needed: Sequence[Mapping[str, Any]]) -> str:
    """The forecast that asks for fewest documents, or that of all fields; and what to confirm for it."""
    promised = [one for one in coming if one.state == "forecast"]
    said = min(promised, key=lambda one: one.more / one.gain, default=coming[0]).sentence
    tasks = [
        f"task {row['example_task']}" + f" ({row['company']})" * bool(row["company"]) for row in needed if row["open"]
    ]
    return f"{said}; layouts like {' and '.join(tasks[:2])} need most" if tasks else said


def _layout_row(layout: Layout, company: str) -> dict[str, Any]:
    return {
        "example_task": layout.example.task_id,
        "company": company,
        "documents": layout.documents,
        "confirmed": layout.confirmed,
        "open": layout.open,
        "corrections_a_document": round(layout.edits, 2),
    }


def _documents(counts: Counts) -> dict[str, int]:
    """``skipped`` and ``unreviewed`` were annotated, but nobody said what is on them; skipped ones by at least one person."""
    annotated = {one.document_id for one in counts.annotations}
    approved = {one.document_id for one in counts.annotations if one.approved}
    skipped = {one.document_id for one in counts.annotations if one.skipped} - approved
    return {
        "total": counts.documents,
        "annotated": len(annotated),
        "approved": len(approved),
        "skipped": len(skipped),
        "unreviewed": len(annotated - approved - skipped),
        "with_corrections": counts.corrected,
    }


def _rate(untouched: int, fields: int) -> dict[str, Any]:
    return {"untouched": untouched, "fields": fields, "rate": round(untouched / fields, 4) if fields else None}


def _rows(name: str, counts: Counts, key: Callable[[CorrectionCount], Any]) -> list[dict[str, Any]]:
    """A row for each key, those with most fields first."""
    found = sorted(counts.untouched(key).items(), key=lambda pair: (-pair[1][1], str(pair[0])))
    return [{name: value, **_rate(*numbers)} for value, numbers in found]


def _corrected(made: Sequence[CorrectionCount]) -> list[dict[str, Any]]:
    """Corrections of each field by kind, the most corrected first."""
    found: dict[str, Counter[str]] = {}
    for one in made:
        found.setdefault(one.field, Counter())[one.kind] += one.number
    rows = sorted(found.items(), key=lambda pair: (-pair[1].total(), pair[0]))
    return [{"field": label, "corrections": kinds.total(), **dict(sorted(kinds.items()))} for label, kinds in rows]


def _swapped(made: Sequence[CorrectionCount]) -> Counter[tuple[str, str]]:
    """How often a field was shown under one label and meant another."""
    found: Counter[tuple[str, str]] = Counter()
    for one in made:
        if one.kind == "label":
            found[one.predicted_label, one.label] += one.number
    return found


def _causes(made: Sequence[CorrectionCount]) -> list[dict[str, Any]]:
    """Why fields were corrected, the most frequent first; "" where nothing tells."""
    found: Counter[str] = Counter()
    for one in made:
        found[one.cause] += one.number
    return [
        {"cause": cause, "count": n, "share": round(n / found.total(), 4)} for cause, n in _first(found, len(found))
    ]


def _first(found: Counter[Any], top: int) -> list[tuple[Any, int]]:
    """The most frequent ones; equal ones in the order of their names."""
    return sorted(found.items(), key=lambda pair: (-pair[1], pair[0]))[:top]
