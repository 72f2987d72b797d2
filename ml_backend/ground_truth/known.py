"""Filters that name what nobody has: a mistyped label, version or person would give an empty file that looks like an answer."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ml_backend.ground_truth.filters import Filters
from ml_backend.store.store import Store

_MOST_NAMED = 20


def refuse_unknown(filters: Filters, store: Store, project_uid: str, labels: Sequence[str]) -> None:
    """Raise ValueError for a label, version or annotator that the project does not have; what it has is listed.

    ``labels`` are those of the labelling interface. Documents of before may have others still: they are asked for by reading
    all annotations, which takes as long as an export.

    Raises:
        ValueError: as above.
        StoreError: the store does not answer.
    """
    if lost := _without_fields(set(filters.labels) - set(labels), store, project_uid):
        names = ", ".join(sorted(lost))[:200]
        raise ValueError(f"Nothing has the label {names}; the labelling interface has: {_listed(labels)}.")
    if filters.model_version:
        versions = store.ledger.shown_versions(project_uid)
        if not any(filters.takes_version(version) for version in versions):
            named = f"the version {filters.model_version[:80]!r}"
            raise ValueError(f"No reviewed document was shown a prediction of {named}; there are: {_listed(versions)}.")
    if filters.annotator is not None:
        people = store.ledger.annotators(project_uid)
        if filters.annotator not in people:
            raise ValueError(
                f"Nobody with the number {filters.annotator} reviewed a document; there are: {_listed(people)}."
            )


def _without_fields(labels: set[str], store: Store, project_uid: str) -> set[str]:
    """Those of the labels that no annotation and no prediction has."""
    for annotation in store.ledger.annotations(project_uid) if labels else ():
        labels = labels - {field.label for field in (*annotation.fields, *(annotation.shown or ()))}
        if not labels:
            break
    return labels


def _listed(names: Iterable[object]) -> str:
    all_of_them = [str(name) for name in names]
    more = len(all_of_them) - _MOST_NAMED
    return ", ".join(all_of_them[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "") or "none"
