"""The way in for bytes from outside: decoded in a child process, so that a hostile file costs itself and nothing else."""

from __future__ import annotations

import os
import threading
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from types import TracebackType

from ml_backend.images.kinds import kind_of
from ml_backend.images.limits import DEFAULT_LIMITS, Limits
from ml_backend.images.pages import PageImage
from ml_backend.images.process import CHILD, DecoderProcess


class PageLoader:
    """Turns files into pages with at most ``children`` decoding processes, started when first needed and then kept.

    Safe to call from several threads; a caller waits while all children are busy. A child that hangs, crashes or runs out of
    memory is replaced, and only its file fails. ``child`` is what Python runs in a child.
    """

    def __init__(self, limits: Limits = DEFAULT_LIMITS, children: int = 2, child: Sequence[str] = CHILD) -> None:
        self.limits = limits
        self._children = children
        self._child = tuple(child)
        self._start_empty()

    def _start_empty(self) -> None:
        self._owner = os.getpid()
        self._lock = threading.Lock()
        self._free = threading.Semaphore(self._children)
        self._idle: list[DecoderProcess] = []
        self._closed = False

    def pages(self, data: bytes) -> Generator[PageImage, None, None]:
        """The pages of a PNG, JPEG, WebP, BMP, TIFF or PDF file, upright, in 8-bit RGB, each decoded when it is asked for.

        A child is taken until the last page or ``close()``; what the caller does between two pages is not counted as time.

        Raises:
            ImageRejected: the file is no page; its ``code`` says why: ``image_empty``, ``image_too_large_bytes``,
                ``image_kind_unknown``, ``image_kind_refused``, ``image_too_many_pixels``, ``image_side_too_long``,
                ``image_too_many_pages``, ``image_truncated``, ``image_broken``, ``pdf_encrypted``,
                ``image_timeout``, ``image_out_of_memory``.
            SetupError: no child can be started.
        """
        kind_of(data, self.limits)
        with self._borrowed() as child:
            yield from child.pages(data)

    def load(self, data: bytes) -> tuple[PageImage, ...]:
        """All pages at once, 4 bytes of memory a pixel. Raises as ``pages``."""
        return tuple(self.pages(data))

    def close(self) -> None:
        """End all idle children; a busy one ends when its file is done."""
        with self._lock:
            idle, self._idle, self._closed = self._idle, [], True
        for child in idle:
            child.close()

    def __enter__(self) -> PageLoader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @contextmanager
    def _borrowed(self) -> Iterator[DecoderProcess]:
        if self._owner != os.getpid():  # forked: the children are our parent's, and so are their answers
            self._start_empty()
        with self._free:
            with self._lock:
                child = self._idle.pop() if self._idle else None
            if child is not None and not child.alive:  # killed between two files, by the system or a person
                child.close()
                child = None
            child = child or DecoderProcess(self.limits, self._child)
            try:
                yield child
            finally:
                with self._lock:
                    keep = child.alive and not self._closed
                    if keep:
                        self._idle.append(child)
                if not keep:
                    child.close()
