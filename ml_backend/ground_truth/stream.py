"""The ground truth of a project as a stream: one line a document that somebody annotated, whatever the number of documents.

Documents come in the order in which docloop met them, a few hundred in memory at a time. Which of several annotations is the
truth is said in ``truth.py``. The flags of a line:

====================  ==================================================================================================
no_prediction         nothing was shown; every field was drawn by hand
prediction_differs    the corrections do not lead back to the stored prediction, which stands as ``initial_result``
several_annotations   more than one person, or one person more than once, reviewed the document
ground_truth          marked as such in Label Studio
skipped, unreviewed   why a line is not approved
====================  ==================================================================================================
"""

from __future__ import annotations

from base64 import urlsafe_b64decode
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from ml_backend.document.times import utc
from ml_backend.exports.ground_truth import GroundTruth, SourceKind, field_of
from ml_backend.ground_truth.filters import Filters, only
from ml_backend.ground_truth.steps import initial
from ml_backend.ground_truth.truth import truth_of
from ml_backend.store.records import AnnotationRecord, CorrectionRecord, DocumentRecord
from ml_backend.store.store import Store

_AT_ONCE = 500  # documents


def ground_truth(store: Store, project_uid: str, data_key: str, filters: Filters = Filters()) -> Iterator[GroundTruth]:  # noqa: B008 - frozen
    """The lines of a project. ``data_key`` is where a task's data holds the URLs of its pages (``Interface.data_key``).

    Raises:
        StoreError: the store does not answer.
    """
    return (line for _, line in numbered(store, project_uid, data_key, filters))


def numbered(store: Store, project_uid: str, data_key: str, filters: Filters) -> Iterator[tuple[int, GroundTruth]]:
    """The same lines, each with the store's number of its document."""
    lines = (pair for batch in _batches(store, project_uid) for pair in lines_of(store, batch, data_key).items())
    cut = ((number, only(line, filters.labels)) for number, line in lines) if filters.labels else lines
    return islice((pair for pair in cut if filters.take(pair[1])), filters.limit)


def _batches(store: Store, project_uid: str) -> Iterator[list[DocumentRecord]]:
    documents = store.documents.each(project_uid)
    while batch := list(islice(documents, _AT_ONCE)):
        yield batch


def lines_of(store: Store, batch: Sequence[DocumentRecord], data_key: str) -> dict[int, GroundTruth]:
    """The lines of some documents, in their order, by our document id; one that nobody annotated has none."""
    annotations: dict[int, list[AnnotationRecord]] = {}
    for annotation in store.ledger.annotations_of([document.id for document in batch]):
        annotations.setdefault(annotation.document_id, []).append(annotation)
    corrections, beliefs = store.ledger.corrections_of(annotations), store.predictions.beliefs(annotations)
    lines = {}
    for document in batch:
        if there := annotations.get(document.id):
            said = _said(there)
            found = corrections.get((document.id, said.annotation_id), [])
            belief = beliefs.get((document.id, said.shown_version), (None, ()))
            line = _line(document, said, found, data_key)
            engines = [one.engine for one in found if one.engine] or list(belief[1])
            flags = [*line.review_flags, *(["several_annotations"] if sum(one.reviewed for one in there) > 1 else [])]
            engine = ", ".join(dict.fromkeys(engines))
            lines[document.id] = replace(line, review_flags=sorted(flags), confidence=belief[0], engine=engine)
    return lines


def _said(annotations: Sequence[AnnotationRecord]) -> AnnotationRecord:
    """The truth; where there is none, what was submitted last."""
    return truth_of(annotations) or max(annotations, key=lambda one: (one.updated_at, one.annotation_id))


def _line(
    document: DocumentRecord, annotation: AnnotationRecord, found: Sequence[CorrectionRecord], data_key: str
) -> GroundTruth:
    approved = annotation.reviewed and not annotation.skipped
    final = [field_of(field) for field in annotation.fields if field.label]
    before, steps, flags = initial(annotation, found, final)
    flags += [] if approved else ["skipped" if annotation.skipped else "unreviewed"]
    flags += ["ground_truth"] if annotation.ground_truth else []
    filename, kind = _source(document.data, data_key)
    return GroundTruth(
        task_id=document.task_id,
        filename=filename,
        source_kind=kind,
        image_sha256=document.content,
        approved=approved,
        reviewed_by=annotation.completed_by,
        reviewed_at=utc(annotation.updated_at),
        created_at=utc(document.created_at),
        lead_time=annotation.lead_time,
        initial_result=before,
        final_result=final,
        corrections=steps,
        review_flags=flags,
        model_version=annotation.shown_version,
    )


def _source(data: Mapping[str, Any], data_key: str) -> tuple[str, SourceKind]:
    """The name of the document's file, and what it is."""
    value = data.get(data_key)
    first = value[0] if isinstance(value, list) and value else value
    scheme, path = _address(first) if isinstance(first, str) else ("", "")
    known = data.get("filename")
    name = known if isinstance(known, str) and known else path.rpartition("/")[2]
    if name.lower().endswith(".pdf"):
        return name, "pdf"
    return name, "url" if scheme in ("http", "https", "s3", "gs") else "image"


def _address(text: str) -> tuple[str, str]:
    """Scheme and path of a file; Label Studio's own addresses name local files and those of a storage in their query."""
    try:
        url = urlsplit(text)
        asked, path = dict(parse_qsl(url.query)), url.path.rstrip("/")
        if path.endswith("/data/local-files"):
            return "", asked.get("d", "")
        if path.endswith("/resolve") and "fileuri" in asked:
            stored = urlsplit(urlsafe_b64decode(asked["fileuri"] + "==").decode())
            return stored.scheme, stored.path
        return ("", "") if url.scheme == "data" else (url.scheme, unquote(url.path))
    except ValueError:  # no address at all
        return "", ""
