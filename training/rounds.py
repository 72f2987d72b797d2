"""One round of learning: samples -> dataset release -> challenger -> the gate -> a version -> perhaps the champion.

It runs in a process of its own and may be killed anywhere. Each step that was finished is found again by the next attempt: a
release is named by its content, a version by its run, and what was promoted is in the registry's history.
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import Any

from ml_backend.champions import Champions
from ml_backend.document.fields import FieldSpec
from ml_backend.document.samples import Sample
from ml_backend.errors import ModelRejected
from ml_backend.models.manifest import Manifest
from ml_backend.store.records import RunRecord
from ml_backend.store.store import Store
from training.dataset import Dataset, noted
from training.gate import Candidate, Verdict, compare
from training.metrics import judge_all
from training.out_of_fold import answers_of, read_out_of_fold, write_out_of_fold
from training.report.judged import Judged, Story
from training.report.page import write_report
from training.report.scans import Scans, no_scans
from training.splits import HeldOut, held_out
from training.trainers.base import Fitted, Trainer
from training.trust import doubts

Progress = Callable[[str, float], None]
MOST_SAMPLES = 5_000  # the newest ones; each takes about 0.7 MB of memory in training


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a round ended: the version it made, whether that is the champion now, and the gate's sentence."""

    version: str
    promoted: bool
    verdict: str
    release: str
    metrics: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Round:
    """What a round works with; ``scans`` are the pages that its report shows. ``begin`` is told the release that is learned from,
    before anything of it is written down."""

    store: Store
    champions: Champions
    trainer: Trainer
    specs: Sequence[FieldSpec]
    progress: Progress = lambda stage, share: None
    scans: Scans = no_scans
    begin: Callable[[str], None] = lambda release: None

    def run(self, run: RunRecord) -> Outcome:
        """Train, judge, publish and, if it is measurably better, promote.

        Raises:
            ModelRejected: ``nothing_to_learn``: there are no samples, or none with a field that is asked for.
                ``version_taken``: another run published a version of this name.
        """
        version = version_name(run)
        done = self._published(run, version)
        if done is None:
            done = self._make(run, version)
        registry = self.champions.registry
        # Not again, if an attempt before this one promoted it and another version has followed since.
        if done.promoted and version not in registry.history(run.project_uid):
            registry.activate(run.project_uid, version)
        return Outcome(version, done.promoted, done.verdict, done.release, dict(done.metrics))

    def _published(self, run: RunRecord, version: str) -> Manifest | None:
        """The version, if an attempt of this run before this one came as far.

        A new database numbers its runs from 1 again, while the registry still has the versions of the old one.
        """
        try:
            found = self.champions.registry.get(run.project_uid, version)[0]
        except ModelRejected:
            return None
        if any(found.settings.get(name) != value for name, value in _marks(run).items()):
            raise ModelRejected(
                "version_taken",
                f"The version {version} is there already, made by another run (the database is newer than the models).",
                "Train again: the next run takes a number that is free.",
            )
        return found

    def _make(self, run: RunRecord, version: str) -> Manifest:
        self.progress("reading the samples", 0.0)
        dataset = noted(self.store, run, self.specs, MOST_SAMPLES, self.begin)
        return replace(self, specs=dataset.release.labels)._learn(run, version, dataset)  # those that its id is over

    def _learn(self, run: RunRecord, version: str, dataset: Dataset) -> Manifest:
        samples = dataset.samples
        held = held_out([sample.content for sample in samples])
        learned = [sample for sample in samples if held.folded or sample.content not in held.contents]
        seed = seed_of(dataset.release.id)
        fitted = self.trainer.fit(
            learned, self.specs, version, lambda stage, share: self.progress(stage, 0.8 * share), seed
        )
        self.progress("asking the gate", 0.85)
        verdict, judged = self._judge(run.project_uid, samples, held, fitted, seed)
        manifest = self._manifest(run, dataset, len(learned), fitted, verdict)
        self.progress("publishing", 0.95)
        self._publish(run.project_uid, manifest, fitted, judged)
        return manifest

    def _judge(
        self, project_uid: str, samples: Sequence[Sample], held: HeldOut, fitted: Fitted, seed: int
    ) -> tuple[Verdict, Judged]:
        """Champion and challenger on the same documents, by answers that each gave without having seen them."""
        champion = self.champions.of(project_uid)
        best = self.champions.registry.best(project_uid)
        kept = read_out_of_fold(best.folder) if best.folder and best.version == champion.version else {}
        # A trainer may have had no network to spare that has not seen a document; such a document cannot judge.
        judges = [
            s for s in samples if s.content in held.contents and (not held.folded or s.content in fitted.out_of_fold)
        ]
        judging = {sample.content for sample in judges}
        cheap = champion.version == self.champions.baseline.version  # others may take seconds a page
        asked = [sample for sample in samples if cheap or sample.content in judging or sample.content in kept]
        before = answers_of(champion, asked, self.specs, kept)
        after = answers_of(fitted.extractor, judges, self.specs, fitted.out_of_fold)
        verdict = compare(
            Candidate(champion.version, judge_all(judges, before, self.specs)),
            Candidate(fitted.extractor.version, judge_all(judges, after, self.specs)),
            self.specs,
            held,
            doubts(samples, before, {**fitted.out_of_fold, **after}),
            seed,
        )
        return verdict, Judged(judges, before, after, self.specs)

    def _publish(self, project_uid: str, manifest: Manifest, fitted: Fitted, judged: Judged) -> None:
        """The model, its out-of-fold answers and its report, as one version."""
        registry = self.champions.registry
        project = self.store.projects.get(project_uid)
        title = project.title if project else ""
        story = Story(title, manifest, registry.versions(project_uid), self._tasks(project_uid, judged.samples))

        def write(folder: Path) -> None:
            fitted.save(folder)
            write_out_of_fold(folder, fitted.out_of_fold)
            write_report(folder, story, judged, self.scans)

        registry.publish(project_uid, manifest, write)

    def _tasks(self, project_uid: str, samples: Sequence[Sample]) -> dict[str, int]:
        """The task of each sample's document by its content; none for one that is there no more."""
        there = self.store.samples.contents(project_uid)
        ids = {sample.content: there[sample.content] for sample in samples if sample.content in there}
        records = self.store.documents.get_many(ids.values())
        return {content: records[number].task_id for content, number in ids.items() if number in records}

    def _manifest(self, run: RunRecord, dataset: Dataset, samples: int, fitted: Fitted, verdict: Verdict) -> Manifest:
        return Manifest(
            version=version_name(run),
            kind=self.trainer.kind,
            created_at=datetime.now(UTC).isoformat(timespec="seconds"),
            release=dataset.release.id,
            samples=samples,
            seed=seed_of(dataset.release.id),
            code_version=f"docloop {installed_version('docloop')}, Python {platform.python_version()}",
            settings={
                "labels": [asdict(spec) for spec in self.specs],
                **fitted.settings,
                **dataset.notes,
                **_marks(run),
            },
            labels=tuple(spec.label for spec in self.specs),
            metrics=verdict.metrics,
            verdict=verdict.sentence,
            promoted=verdict.promoted,
        )


def seed_of(release: str) -> int:
    """The seed of what learns from a release (its id, in hexadecimal digits): the same documents make the same model again."""
    return int(release[:7], 16)


def version_name(run: RunRecord) -> str:
    """The version a run makes: the same one at each attempt, so that no run publishes two."""
    return f"fields-{run.number}"


def _marks(run: RunRecord) -> dict[str, Any]:
    """What tells a run from one of the same number in another database."""
    return {"run": run.id, "requested_at": run.requested_at}
