"""One text file a split, of those splits that have a document."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from ml_backend.document.splits import Split
from ml_backend.exports.folder import ExportFile, ExportFolder

FileOf = Callable[[Split], ExportFile]


@contextmanager
def split_files(folder: ExportFolder, name: str) -> Iterator[FileOf]:
    """The file of a split, open as long as the block; ``name`` is such as ``{}.jsonl``."""
    files = dict[Split, ExportFile]()
    with ExitStack() as stack:

        def file_of(split: Split) -> ExportFile:
            if split not in files:
                files[split] = stack.enter_context(folder.open(name.format(split)))
            return files[split]

        yield file_of


def as_json(value: Any) -> str:
    """JSON on one line, letters as they are."""
    return json.dumps(value, ensure_ascii=False)
