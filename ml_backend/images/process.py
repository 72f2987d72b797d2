"""One decoding child as its parent sees it: started, asked, timed, and killed when it misbehaves."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Generator, Sequence
from contextlib import suppress
from dataclasses import asdict
from itertools import count
from typing import IO, Any, cast

from PIL import Image

from ml_backend.errors import ImageRejected, SetupError
from ml_backend.images import wire
from ml_backend.images.limits import Limits
from ml_backend.images.pages import PageImage, digest

CHILD = ("-m", "ml_backend.images.child")
_BYTES_A_PIXEL = 3
_PIPE_BYTES = 1 << 20  # the usual 64 KiB makes both sides wake up a hundred times a page
_START_SECONDS = 60.0
_STOP_SECONDS = 2.0
_KEPT = ("PATH", "LANG", "LD_LIBRARY_PATH", "PYTHONHOME")  # of the environment; the rest may hold secrets
# The memory of a usual page is kept for the next one instead of being returned and asked for again, which costs as much as
# decoding: Pillow keeps 4 of its blocks of 16 MiB, and malloc what is smaller than a block. The rest of a large page is returned.
_KEEP_MEMORY = {"PILLOW_BLOCKS_MAX": "4", "MALLOC_MMAP_THRESHOLD_": "16000000", "MALLOC_TRIM_THRESHOLD_": "33554432"}


class DecoderProcess:
    """A running child. Not thread-safe: one file at a time. It must not be asked again when it is no longer ``alive``."""

    def __init__(self, limits: Limits, child: Sequence[str] = CHILD) -> None:
        self._between_files = True
        self._limits = limits
        try:
            self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
                [sys.executable, "-P", *child, json.dumps(asdict(limits))],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                pipesize=_PIPE_BYTES,
                env=_environment(),
            )
        except OSError as error:
            raise SetupError(
                "image_child_failed",
                f"The process that decodes images cannot be started: {error.strerror}.",
                "Are too many processes or files open, or is the memory full?",
            ) from None
        try:
            with _Deadline(self._process, _START_SECONDS):
                wire.receive(self._output, 0)
        except (EOFError, OSError, ValueError):
            self.close()
            raise SetupError(
                "image_child_failed",
                f"The process that decodes images does not start (exit code {self._process.returncode}).",
                "Its error is in the log just above; is the memory of this machine or container very small?",
            ) from None

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether it can be asked: running, and not stopped in the middle of a file."""
        return self._between_files and self._process.poll() is None

    def pages(self, data: bytes) -> Generator[PageImage, None, None]:
        """The pages of a file, each decoded when it is asked for. To be used up or closed before the next file.

        Raises:
            ImageRejected: the child refused it, ran out of time or memory, or died of it. After the last three it is not alive.
        """
        self._between_files = False
        deadline = _Deadline(self._process, self._limits.seconds)
        try:
            for number in count():
                with deadline:
                    wire.send(self._input, {"page": number}, b"" if number else data)
                    page = self._page(number)
                if page is None:
                    return
                yield page
        except GeneratorExit:
            with suppress(OSError):  # it has died meanwhile, which its next user finds out
                wire.send(self._input, {})
                self._between_files = True
            raise
        except (EOFError, OSError, ValueError, KeyError, TypeError):  # gone, or what it answers is no answer
            self.close()
            if deadline.passed:
                raise _timed_out(self._limits) from None
            raise ImageRejected(
                "image_broken",
                f"The file made the decoder crash (exit code {self._process.returncode}).",
                "Export or scan it again.",
            ) from None

    def close(self) -> None:
        """End the child, whatever it is doing."""
        self._process.kill()
        with suppress(subprocess.TimeoutExpired):  # stuck in the kernel; it ends when its disk answers
            self._process.wait(_STOP_SECONDS)
        for pipe in (self._input, self._output):
            with suppress(OSError):  # bytes that could not be flushed to a dead child
                pipe.close()

    def _page(self, number: int) -> PageImage | None:
        """What the child answers: the page of this number, or None after the last."""
        header, pixels = wire.receive(self._output, self._limits.pixels * _BYTES_A_PIXEL)
        if "code" in header:
            raise self._refusal(header)
        if "end" in header and number:
            self._between_files = True
            return None
        if number == self._limits.pages:
            raise ValueError("more pages than a file may have")
        size = int(header["width"]), int(header["height"])
        if size[0] * size[1] * _BYTES_A_PIXEL != len(pixels):
            raise ValueError("a page of another size than it says")
        return PageImage(Image.frombytes("RGB", size, pixels), digest(size, pixels), number)

    def _refusal(self, header: dict[str, Any]) -> ImageRejected:
        if header["code"] == "image_out_of_memory":  # a child at its limit is not asked again: a fresh one has room
            return ImageRejected(
                "image_out_of_memory",
                f"The file needs more than the {self._limits.memory:,} bytes of memory that one file may take.",
                "Scale it down, or save it in a simpler format such as PNG.",
            )
        refusal = ImageRejected(str(header["code"]), str(header["message"]), str(header["fix"]))
        self._between_files = True
        return refusal

    @property
    def _input(self) -> IO[bytes]:
        return cast(IO[bytes], self._process.stdin)

    @property
    def _output(self) -> IO[bytes]:
        return cast(IO[bytes], self._process.stdout)


class _Deadline:
    """Kills the process when its blocks have taken more than this time together; ``passed`` says that it did."""

    def __init__(self, process: subprocess.Popen[bytes], seconds: float) -> None:
        self.passed = False
        self._process = process
        self._lock = threading.Lock()
        self._seconds = seconds
        self._inside = False

    def __enter__(self) -> None:
        self._inside = True
        self._entered = time.monotonic()
        self._timer = threading.Timer(self._seconds, self._expire)
        self._timer.daemon = True
        self._timer.start()

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._inside = False
        self._timer.cancel()
        self._seconds -= time.monotonic() - self._entered

    def _expire(self) -> None:
        with self._lock:
            if self._inside:
                self.passed = True
                self._process.kill()


def _timed_out(limits: Limits) -> ImageRejected:
    return ImageRejected(
        "image_timeout",
        f"The file was not decoded within {limits.seconds:g} seconds.",
        "Split it, scale it down, or save it in a simpler format such as PNG.",
    )


def _environment() -> dict[str, str]:
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    return kept | _KEEP_MEMORY | {"PYTHONPATH": os.pathsep.join(path or os.getcwd() for path in sys.path)}
