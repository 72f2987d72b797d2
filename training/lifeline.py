"""A process that ends when the one that started it does: training that nobody watches would go on beside what replaces it."""

from __future__ import annotations

import ctypes
import os
import signal
from contextlib import suppress

ORPHANED = 4  # exit status
_PR_SET_PDEATHSIG = 1


def end_with(parent: int) -> None:
    """Have the kernel end this process when ``parent`` ends, or end it now if it is too late for that.

    Linux only; elsewhere who calls this has to look at ``os.getppid`` from time to time.
    """
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before the line above
        os._exit(ORPHANED)
