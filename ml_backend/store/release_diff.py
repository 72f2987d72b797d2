"""What differs between two releases: documents, their fields by label, splits, labels. Counts and hashes, no text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ml_backend.document.fields import FieldSpec
from ml_backend.store.column_types import compact
from ml_backend.store.release_records import Held, Release
from ml_backend.store.releases import Releases

Document = tuple[str, str]
"""Content and split of a document."""


@dataclass
class FieldChanges:
    """Of one label: fields that are only in the second release, only in the first, or in both with another text or box."""

    came: int = 0
    went: int = 0
    changed: int = 0


@dataclass
class ReleaseDiff:
    """From one release to another.

    ``changed`` documents are in both in another state, ``words`` counts those of them that were read anew, ``moved`` maps the
    contents in another split to (from, to). ``labels_came`` and ``labels_went`` are about the label map. ``unknown`` counts
    documents of which nobody can tell what they said: they were deleted, or frozen before docloop kept that (then their state
    has no hash either, and one that is in both releases is neither changed nor the same).
    """

    came: Sequence[Document]
    went: Sequence[Document]
    changed: Sequence[Document]
    moved: Mapping[str, tuple[str, str]]
    labels_came: Sequence[str]
    labels_went: Sequence[str]
    words: int = 0
    unknown: int = 0
    fields: dict[str, FieldChanges] = field(default_factory=dict)

    @property
    def same(self) -> bool:
        """Whether the two are known to be one and the same."""
        differ = self.came or self.went or self.changed or self.moved or self.labels_came or self.labels_went
        return not (differ or self.unknown)


@dataclass(frozen=True, slots=True)
class _Said:
    words: str = ""
    fields: Mapping[str, Counter[str]] = field(default_factory=dict)


def diff(releases: Releases, before: Release, after: Release) -> ReleaseDiff:
    """What came, went and changed on the way from ``before`` to ``after``."""
    old, new = ({one.content: one for one in releases.held(release)} for release in (before, after))
    both = [content for content in new if content in old]
    vague = set() if before.id == after.id else {c for c in both if "" in (old[c].hash, new[c].hash)}
    labels = [{_spec(spec) for spec in release.labels} for release in (before, after)]
    found = ReleaseDiff(
        came=[(one.content, one.split) for one in new.values() if one.content not in old],
        went=[(one.content, one.split) for one in old.values() if one.content not in new],
        changed=[(c, new[c].split) for c in both if c not in vague and old[c].hash != new[c].hash],
        moved={c: (old[c].split, new[c].split) for c in both if old[c].split != new[c].split},
        labels_came=sorted(labels[1] - labels[0]),
        labels_went=sorted(labels[0] - labels[1]),
        unknown=len(vague),
    )
    other = {content for content, _ in (*found.came, *found.went, *found.changed)}
    said = _said(releases, [one for documents in (old, new) for one in documents.values() if one.content in other])
    for content in other:
        _compare([_of(said, documents.get(content)) for documents in (old, new)], found)
    found.fields = dict(sorted(found.fields.items()))
    return found


def _spec(spec: FieldSpec) -> str:
    marks = [spec.type, *(["required"] if spec.required else []), *(["repeats"] if spec.repeats else [])]
    return f"{spec.label} ({', '.join(marks)})"


def _said(releases: Releases, held: Sequence[Held]) -> dict[int, _Said]:
    """By the number of its state what a document says, as texts to be compared."""
    said = {}
    for number, body in releases.bodies(held):
        fields: dict[str, Counter[str]] = {}
        for label, text, box, page, *_ in body["fields"]:
            fields.setdefault(label, Counter())[compact([text, page, *box])] += 1
        words = [[word[0], word[1]] for page in body["document"] for word in page["words"]]
        said[number] = _Said(compact(words), fields)
    return said


def _of(said: Mapping[int, _Said], held: Held | None) -> _Said | None:
    return _Said() if held is None else said.get(held.state)


def _compare(both: Sequence[_Said | None], found: ReleaseDiff) -> None:
    """Count the differences of one document; a side that does not have it says nothing."""
    before, after = both
    if before is None or after is None:
        found.unknown += 1
        return
    found.words += "" not in (before.words, after.words) and before.words != after.words
    for label in {*before.fields, *after.fields}:
        old, new = before.fields.get(label, Counter()), after.fields.get(label, Counter())
        went, came = (old - new).total(), (new - old).total()
        changes = found.fields.setdefault(label, FieldChanges())
        changes.changed += min(went, came)
        changes.came += max(0, came - went)
        changes.went += max(0, went - came)
