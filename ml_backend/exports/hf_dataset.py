"""A Hugging Face dataset, a page a row: Parquet with the pictures inside for ``load_dataset``, Arrow for ``load_from_disk``.

    README.md   data/train-00000.parquet ...                         load_dataset(folder)
    dataset_dict.json   train/{data.arrow, dataset_info.json, state.json}   load_from_disk(folder)

Both hold the same rows. ``load_dataset`` takes the files that the README's head names and leaves the others alone. Arrow files
are mapped, not read; who needs one way only may delete the files of the other. Columns:

============  ======================================================================================================
id            document and page
document      the SHA-256 of its pages' pixels
page          from 0
image         the upright page, PNG
words         as OCR read them, in reading order
bboxes        of the words: left, top, right, bottom in thousandths of the page
ner_tags      of the words: ClassLabel, BIO
fields        JSON: the page's fields as they were confirmed
ground_truth  JSON: the document's whole line of ground truth, as in ``jsonl``
============  ======================================================================================================
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from typing import Any

from ml_backend.document.fields import FieldSpec
from ml_backend.document.splits import SPLITS, Split
from ml_backend.errors import ExportRefused
from ml_backend.exports.base import Labelled
from ml_backend.exports.folder import ExportFolder
from ml_backend.exports.ground_truth import field_of
from ml_backend.exports.layoutlm import label_list, words_of, words_of_fields
from ml_backend.exports.pictures import page_name, pages_of, png
from ml_backend.exports.split_files import as_json

_BATCH = 16 << 20  # bytes of pictures that are in memory for each split, and in one row group
_SHARD = 500_000_000  # bytes of pictures in one Parquet file
ARROW = "data-00000-of-00001.arrow"


class HFDataset:
    """See the module."""

    name = "hf-dataset"
    about = "Parquet and Arrow with pictures, words, tags and fields: datasets' load_dataset and load_from_disk"
    needs_pictures = True

    def write(self, documents: Iterable[Labelled], labels: Sequence[FieldSpec], folder: ExportFolder) -> None:
        """See ``Exporter.write``.

        Raises:
            ExportRefused: ``export_package_missing``: the package *datasets* is not installed.
        """
        features = _features(labels)
        rows = dict[Split, _Rows]()
        with ExitStack() as stack:
            for document in documents:
                if document.split not in rows:
                    rows[document.split] = stack.enter_context(_Rows(folder, document.split, features))
                for row in _rows_of(document, folder):
                    rows[document.split].add(row)
                    folder.count("pages")
        written = [split for split in SPLITS if split in rows]
        for split in written:
            _describe(folder, split, features)
        folder.write("dataset_dict.json", json.dumps({"splits": written}).encode())
        folder.write("README.md", _readme(written).encode())
        folder.adopt()


def _features(labels: Sequence[FieldSpec]) -> Any:
    try:
        from datasets import ClassLabel, Features, Image, Sequence, Value
    except ImportError:
        raise ExportRefused(
            "export_package_missing",
            "The format hf-dataset needs the package datasets.",
            "pip install 'docloop[export]' (in a copy of the sources: pip install -e '.[export]'), or take another format.",
        ) from None
    texts = {name: Value("string") for name in ("fields", "ground_truth")}
    return Features(
        {
            "id": Value("string"),
            "document": Value("string"),
            "page": Value("int32"),
            "image": Image(),
            "words": Sequence(Value("string")),
            "bboxes": Sequence(Sequence(Value("int64"))),
            "ner_tags": Sequence(ClassLabel(names=[_clean(tag) for tag in label_list(labels)])),
            **texts,
        }
    )


def _rows_of(document: Labelled, folder: ExportFolder) -> Iterator[dict[str, Any]]:
    line = _clean(as_json(document.line.as_json()))
    matched = words_of_fields(document, folder)
    for number, page, picture in pages_of(document):
        name = page_name(document, number)
        fields = [field_of(field) for field in document.fields if field.page == number]
        words = words_of(page, matched[number])
        yield {
            "id": name.removesuffix(".png"),
            "document": document.content,
            "page": number,
            "image": {"bytes": png(picture), "path": name},
            "words": [_clean(word) for word in words["words"]],
            "bboxes": words["bboxes"],
            "ner_tags": [_clean(tag) for tag in words["ner_tags"]],
            "fields": _clean(as_json(fields)),
            "ground_truth": line,
        }


class _Rows:
    """The rows of a split on their way into Parquet shards and one Arrow file; some pictures are in memory at a time."""

    def __init__(self, folder: ExportFolder, split: Split, features: Any) -> None:
        import pyarrow as pa

        self._schema, self._tags = features.arrow_schema, features["ner_tags"].feature
        self._shards = folder.path / "data"
        self._shards.mkdir(exist_ok=True)
        (folder.path / split).mkdir()
        self._split, self._number = split, 0
        self._waiting, self._bytes, self._shard_bytes = list[dict[str, Any]](), 0, 0
        self._arrow = pa.ipc.new_stream(folder.path / split / ARROW, self._schema)
        self._parquet: Any = None

    def __enter__(self) -> _Rows:
        return self

    def __exit__(self, *error: object) -> None:
        if error[0] is None:
            self._flush()
        self._arrow.close()
        if self._parquet is not None:
            self._parquet.close()

    def add(self, row: dict[str, Any]) -> None:
        self._waiting.append({**row, "ner_tags": self._tags.str2int(row["ner_tags"])})
        self._bytes += len(row["image"]["bytes"])
        if self._bytes >= _BATCH:
            self._flush()

    def _flush(self) -> None:
        import pyarrow as pa
        from pyarrow import parquet

        if not self._waiting:
            return
        if self._parquet is None or self._shard_bytes >= _SHARD:
            if self._parquet is not None:
                self._parquet.close()
            self._parquet = parquet.ParquetWriter(
                self._shards / f"{self._split}-{self._number:05}.parquet", self._schema
            )
            self._number, self._shard_bytes = self._number + 1, 0
        table = pa.Table.from_pylist(self._waiting, schema=self._schema)
        self._parquet.write_table(table)
        self._arrow.write_table(table)
        self._shard_bytes += self._bytes
        self._waiting, self._bytes = [], 0


def _describe(folder: ExportFolder, split: Split, features: Any) -> None:
    """What ``save_to_disk`` writes beside the rows of a split. The fingerprint goes by the rows: it names caches."""
    from datasets import DatasetInfo

    DatasetInfo(features=features).write_to_directory(str(folder.path / split))
    with (folder.path / split / ARROW).open("rb") as file:
        fingerprint = hashlib.file_digest(file, "sha256").hexdigest()[:16]
    state: dict[str, Any] = {
        "_data_files": [{"filename": ARROW}],
        "_fingerprint": fingerprint,
        "_format_columns": None,
        "_format_kwargs": {},
        "_format_type": None,
        "_output_all_columns": False,
        "_split": split,
    }
    folder.write(f"{split}/state.json", json.dumps(state, indent=2).encode())


def _readme(splits: Sequence[Split]) -> str:
    files = "\n".join(f"  - split: {split}\n    path: data/{split}-*.parquet" for split in splits)
    return (
        f"---\nconfigs:\n- config_name: default\n  data_files:\n{files}\n---\n\n"
        "Confirmed documents, a page a row, written by docloop: `load_dataset(folder)` or `load_from_disk(folder)`.\n"
        "Which licence the pages have is for their owner to say.\n"
    )


def _clean(text: str) -> str:
    """``text`` without halves of characters, which Arrow refuses."""
    return text.encode("utf-8", "replace").decode()
