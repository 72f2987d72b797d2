"""Text lines out of a project's confirmed documents: what people transcribed, corrected or left as it was read, cut to the lines
that OCR has found. The pictures come from the page files that are kept: nobody is asked for them.

A confirmed field is a box and a text. Where several lines lie in the box, the text is shared out among them by what OCR read. A
text that is nothing like what stands in its box (a date typed in another form) teaches nothing and is left out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice

import numpy as np
import numpy.typing as npt

from ml_backend.document.elements import Page, Word
from ml_backend.document.fields import Field
from ml_backend.document.lines import ALIKE, MOST_LINES, MOST_WORDS, around, likeness, lines_in, share_out
from ml_backend.document.samples import Sample
from ml_backend.errors import ModelRejected
from ml_backend.images.loader import PageLoader
from ml_backend.ocr.recogniser.alphabet import Alphabet, plain_line
from ml_backend.page_files import PageFiles
from ml_backend.store.store import Store
from training.reading.lines import TranscribedLine

MOST = 50_000  # lines; each takes 20 ms and 10 kB
NOT_KEPT, NOT_SHOWN = "pages not kept", "kept pages broken"
_AT_ONCE = 50  # samples in memory


@dataclass
class ProjectLines:
    """The lines of a project's confirmed documents. ``without`` counts by reason the documents that have no pictures, once the
    lines were asked for."""

    store: Store
    files: PageFiles
    project_uid: str
    contents: Sequence[str]
    without: Counter[str] = field(default_factory=Counter)

    @classmethod
    def of(cls, store: Store, files: PageFiles, project_uid: str) -> ProjectLines:
        """What there is to learn from; no page is looked at yet.

        Raises:
            ModelRejected: nothing was confirmed yet, or no pages are kept.
        """
        contents = sorted(store.samples.contents(project_uid))
        if not contents:
            raise ModelRejected(
                "no_samples", "No document of this project was confirmed yet.", "Confirm some in Label Studio first."
            )
        if files.contents().isdisjoint(contents):
            raise ModelRejected(
                "no_pages",
                f"The pages of this project's {len(contents):,} confirmed documents are not kept.",
                "Set DOCLOOP_KEEP_PAGES=true (the default) and let docloop serve run: it fetches them, some at each look.",
            )
        return cls(store, files, project_uid, contents)

    def lines(
        self, alphabet: Alphabet, progress: Callable[[float], None] = lambda share: None
    ) -> Iterator[TranscribedLine]:
        """Each line with the page it stands on, one document's pages in memory at a time; ``MOST`` at most, from all over.

        ``alphabet`` is that of the recogniser which learns.
        """
        yield from islice(self._all(alphabet, progress), MOST)

    def _all(self, alphabet: Alphabet, progress: Callable[[float], None]) -> Iterator[TranscribedLine]:
        kept = self.files.contents()
        self.without = Counter({NOT_KEPT: len(set(self.contents) - kept)})
        there = [content for content in self.contents if content in kept]
        with PageLoader(children=1) as loader:
            for start in range(0, len(there), _AT_ONCE):
                some = self.store.samples.load(self.project_uid, only=there[start : start + _AT_ONCE])
                for done, sample in enumerate(some, start):
                    progress(done / len(there))
                    pictures = tuple(self.files.pictures(sample.content, loader.pages))
                    self.without[NOT_SHOWN] += not pictures
                    yield from lines_of(sample, [np.asarray(picture.image) for picture in pictures], alphabet)


def lines_of(sample: Sample, images: Sequence[npt.NDArray[np.uint8]], alphabet: Alphabet) -> Iterator[TranscribedLine]:
    """The lines of a confirmed document, whose pages are ``images`` (height, width, RGB); a page without one has none.

    A line with characters that ``alphabet`` lacks need not be like what OCR read: it could not read them.
    """
    taken: set[tuple[int, int]] = set()
    pages = list(zip(sample.document.pages, images, strict=False))
    for confirmed in sample.fields:
        if not 0 <= confirmed.page < len(pages):  # the API takes any number
            continue
        page, image = pages[confirmed.page]
        for text, line, words in _parts(confirmed, page):
            alike = likeness(text, plain_line(page.text_of(line)))
            if (confirmed.page, line[0]) not in taken and (alike >= ALIKE or alphabet.missing([text])):
                taken.add((confirmed.page, line[0]))
                yield TranscribedLine(image, text, sample.content, _around(words, image))


def _parts(confirmed: Field, page: Page) -> Iterator[tuple[str, list[int], list[Word]]]:
    """The text of each line in the field's box, with the words on it."""
    lines, text = lines_in(page, confirmed.box), plain_line(confirmed.text)
    if not text or not 0 < len(lines) <= MOST_LINES or len(text.split()) > MOST_WORDS:
        return
    shares = share_out(text.split(), [plain_line(page.text_of(line)) for line in lines])
    for part, line in zip(shares, lines, strict=True):
        if part:
            yield part, line, [page.words[i] for i in line]


def _around(words: Sequence[Word], image: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """The corners, in pixels, from the leftmost word to the rightmost one of a line."""
    return np.array(around(words).points, np.float32) * np.array([image.shape[1], image.shape[0]], np.float32)
