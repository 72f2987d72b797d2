"""The decoding child: reads files from its standard input, answers pages on its standard output, until the input ends.

A frame with bytes is a new file and asks for its first page; a frame that names a page asks for the next one; an empty frame says
that no more are wanted. A page is decoded when it is asked for, so that nobody pays for pages that nobody looks at.

It is started as ``python -m ml_backend.images.child LIMITS`` and imports the decoders and nothing else, so that it starts fast
and holds no secret. Its memory, time and open files are limited by the kernel: whatever a file makes a decoder do, the
worst that can happen is that this process ends, and with it the reading of that one file.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
from contextlib import suppress
from typing import BinaryIO

from PIL import BmpImagePlugin, Image, JpegImagePlugin, PngImagePlugin, TiffImagePlugin, WebPImagePlugin

from ml_backend.errors import ImageRejected
from ml_backend.images import wire
from ml_backend.images.decode import decode
from ml_backend.images.limits import Limits

# Imported now, because nothing can be once the limits hold.
_READERS = (BmpImagePlugin, JpegImagePlugin, PngImagePlugin, TiffImagePlugin, WebPImagePlugin)
_ALARM_AFTER = 5.0  # seconds beyond the time limit; for a child whose parent died before it could stop it
_OPEN_FILES = 64


def main() -> None:
    """Serve files until the input ends. The first frame says that the child is ready."""
    limits = Limits(**json.loads(sys.argv[1]))
    source, sink = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    _confine(limits)
    wire.send(sink, {"ready": os.getpid()})
    with suppress(EOFError):
        while True:
            _, data = wire.receive(source, limits.bytes)
            _answer(bytes(data), limits, source, sink)
            _set_alarm(0)


def _answer(data: bytes, limits: Limits, source: BinaryIO, sink: BinaryIO) -> None:
    """One frame for each page that is asked for; where there is none, one that says why."""
    try:
        _set_alarm(limits.seconds + _ALARM_AFTER)
        for image in decode(data, limits):
            _set_alarm(0)  # how long a page is looked at is our parent's affair
            wire.send(sink, {"width": image.width, "height": image.height}, image.tobytes())
            if "page" not in wire.receive(source, 0)[0]:
                return
            _set_alarm(limits.seconds + _ALARM_AFTER)
    except ImageRejected as error:
        wire.send(sink, {"code": error.code, "message": error.message, "fix": error.fix})
    except MemoryError:
        wire.send(sink, {"code": "image_out_of_memory"})
    else:
        wire.send(sink, {"end": True})


def _set_alarm(seconds: float) -> None:
    signal.setitimer(signal.ITIMER_REAL, seconds)


def _confine(limits: Limits) -> None:
    Image.MAX_IMAGE_PIXELS = None  # our own limit is lower, and quotes its numbers
    with open(os.devnull, "wb") as nowhere:  # what a decoder prints may quote the document, or break our frames
        os.dup2(nowhere.fileno(), 1)
        os.dup2(nowhere.fileno(), 2)
    # A stop reaches the whole group, but our parent still answers requests; it ends us by closing the pipe.
    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, signal.SIG_IGN)
    for what, value in (
        (resource.RLIMIT_AS, limits.memory),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NOFILE, _OPEN_FILES),
    ):
        resource.setrlimit(what, (value, value))


if __name__ == "__main__":
    main()
