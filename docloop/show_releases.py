"""Dataset releases, for people: the list of a project, and what differs between two."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from docloop.show_loop import shown_text, table, taint, when
from ml_backend.document.splits import SPLITS
from ml_backend.store.release_diff import ReleaseDiff
from ml_backend.store.release_records import SHORT, Release


def listed(found: Sequence[Release], made: Mapping[str, Sequence[str]]) -> Table:
    """A row a release; ``made`` has the model versions of each id."""
    rows = table("Releases", "release", "frozen", "documents", "licence", "versions", "tainted")
    for one in found:
        rows.add_row(
            one.id[:SHORT],
            when(one.frozen_at),
            f"{one.samples}{_splits(one.manifest['documents'])}",
            shown_text(one.manifest.get("licence", "")),
            shown_text(", ".join(made.get(one.id, ()))),
            taint(one.deleted, one.deleted_at),
        )
    return rows


def compared(before: Release, after: Release, found: ReleaseDiff) -> RenderableType:
    """What came, went and changed from one release to another."""
    ends = [f"{one.id[:SHORT]} ({_documents(one.samples)})" for one in (before, after)]
    lines = [" → ".join(ends), *(["They are the same."] if found.same else [])]
    for name, documents in (("came", found.came), ("went", found.went), ("changed", found.changed)):
        by_split = Counter(split for _, split in documents)
        lines += [f"{_documents(len(documents))} {name}{_splits(by_split)}"] if documents else []
    lines += [f"{found.words} of them have other words"] if found.words else []
    if found.unknown:
        why = "deleted, or frozen by an older docloop"
        of_those = found.unknown <= len(found.came) + len(found.went) + len(found.changed)
        which = f"{found.unknown} of them" if of_those else _documents(found.unknown)
        lines += [f"what {which} said is no longer kept: {why}"]
    lines += [f"{content[:SHORT]} moved from {old} to {new}" for content, (old, new) in sorted(found.moved.items())]
    lines += [f"label came: {shown_text(label)}" for label in found.labels_came]
    lines += [f"label went: {shown_text(label)}" for label in found.labels_went]
    rows = table("Fields", "label", "came", "went", "changed")
    for label, changes in found.fields.items():
        rows.add_row(shown_text(label), str(changes.came), str(changes.went), str(changes.changed))
    return Group(Text.from_markup("\n".join(lines)), *([rows] if found.fields else []))


def counted(one: Release) -> str:
    """``24 documents (train 14, val 3, test 7)``."""
    return f"{_documents(one.samples)}{_splits(one.manifest['documents'])}"


def _documents(count: int) -> str:
    return f"{count} document{'' if count == 1 else 's'}"


def _splits(counts: Mapping[str, int]) -> str:
    """How many documents each split has, in brackets; empty for none."""
    said = [f"{split} {counts[split]}" for split in SPLITS if counts.get(split)]
    return f" ({', '.join(said)})" if said else ""
