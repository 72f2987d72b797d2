"""A document becomes tasks of a Label Studio project: its pages uploaded, its SHA-256 in the tasks' data.

That hash is how a document is known again: Label Studio itself remembers what is there. Its editor shows PNG, JPEG and BMP as
they are; the pages of all other files are uploaded as PNG.
"""

from __future__ import annotations

import hashlib
import io
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from ml_backend.errors import ImageRejected
from ml_backend.images.loader import PageLoader
from ml_backend.images.pages import PageImage
from ml_backend.label_studio.client import LabelStudio
from ml_backend.label_studio.label_config import Interface

HASH = "sha256"  # the key of a task's data with the SHA-256 of the whole file
PAGE = "page"  # the key with the number of the page, from 1, where a task shows one page of several
_LARGEST = 200_000_000  # bytes of all pages as PNG: 50 in colour; a small PDF may have one picture on every page
_SHOWN_AS_IS = {b"\x89PNG": ("png", "image/png"), b"\xff\xd8\xff": ("jpg", "image/jpeg"), b"BM": ("bmp", "image/bmp")}


def digest_of(data: bytes) -> str:
    """The identity of a file: its SHA-256, hexadecimal."""
    return hashlib.sha256(data).hexdigest()


@dataclass(frozen=True, slots=True)
class Uploads:
    """Uploads into one project, whose labelling interface is ``interface``."""

    label_studio: LabelStudio
    loader: PageLoader
    project_id: int
    interface: Interface

    def task_data(self, name: str, data: bytes) -> list[dict[str, Any]]:
        """Upload the pages; the data of one task a document, or of one a page where the interface shows a single image.

        Raises:
            ImageRejected: the file is no page, or its pages are too many bytes.
            LabelStudioError: Label Studio refused.
        """
        stem = name.rpartition(".")[0] or name
        urls = [self.label_studio.upload(self.project_id, *page) for page in self._pages(stem, data)]
        key = self.interface.data_key
        about = {HASH: digest_of(data), "filename": name}
        if self.interface.paged:
            return [{key: urls, **about}]
        if len(urls) == 1:
            return [{key: urls[0], **about}]
        return [{key: url, PAGE: number, **about} for number, url in enumerate(urls, 1)]

    def _pages(self, stem: str, data: bytes) -> list[tuple[str, bytes, str]]:
        """Name, bytes and media type of each page. Everything is decoded here first, so that no broken picture gets in."""
        for magic, (suffix, kind) in _SHOWN_AS_IS.items():
            if data.startswith(magic):
                self.loader.load(data)
                return [(f"{stem}.{suffix}", data, kind)]
        pages = self._decoded(data)
        tails = [f"-p{number}" for number in range(1, len(pages) + 1)] if len(pages) > 1 else [""]
        return [(f"{stem}{tail}.png", page, "image/png") for tail, page in zip(tails, pages, strict=True)]

    def _decoded(self, data: bytes) -> list[bytes]:
        pages, size = list[bytes](), 0
        with closing(self.loader.pages(data)) as decoded:
            for page in decoded:
                pages.append(page_png(page))
                size += len(pages[-1])
                if size > _LARGEST:
                    raise ImageRejected(
                        "image_too_large_bytes",
                        f"The pages of the file are more than {_LARGEST:,} bytes as PNG files, as which they are uploaded.",
                        "Split it into several documents, or scan it in grey or at a lower resolution.",
                    )
        return pages


def page_png(page: PageImage) -> bytes:
    """A page as it is uploaded where its file cannot be shown."""
    buffer = io.BytesIO()
    page.image.save(buffer, "PNG")
    return buffer.getvalue()
