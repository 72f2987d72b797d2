"""The small pictures of all pages of a fit: one Arrow file on disk, a page once, however many windows and trainings it has."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ml_backend.document.samples import Sample
from ml_backend.models.layout_model.looks import Floats, Look

AT_ONCE = 100  # rows that are in memory before they are written


@dataclass(frozen=True, slots=True)
class PagePictures:
    """``rows`` has a picture a page, ``firsts`` the row of the first page of each document by its content.

    ``mark`` is another one for other pictures, or the same in another order.
    """

    rows: Any
    firsts: Mapping[str, int]
    look: Look
    mark: str

    @classmethod
    def of(cls, samples: Sequence[Sample], look: Look, folder: Path) -> PagePictures:
        """The pictures of ``samples``, written to ``folder``."""
        import datasets

        datasets.disable_progress_bars()
        mark, firsts, count = hashlib.sha256(), dict[str, int](), 0
        for sample in samples:
            firsts[sample.content] = count
            count += len(sample.document.pages)
            for page in sample.document.pages:
                mark.update(hashlib.sha256(page.picture).digest())
            mark.update(sample.content.encode("utf-8", "surrogatepass"))

        def rows() -> Iterator[dict[str, bytes]]:
            for sample in samples:
                for page in sample.document.pages:
                    yield {"picture": page.picture}

        written = datasets.Dataset.from_generator(
            rows,
            features=datasets.Features({"picture": datasets.Value("binary")}),
            cache_dir=str(folder),
            fingerprint=mark.hexdigest()[:32],
            writer_batch_size=AT_ONCE,
        )
        return cls(written, firsts, look, mark.hexdigest())

    def pixels(self, numbers: Sequence[int]) -> Floats:
        """What the network sees of the pages of these rows, shape (rows, 3, 224, 224)."""
        return self.look.pixels([self.rows[int(number)]["picture"] for number in numbers])
