"""Waiting for what other threads and processes do."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

_STEP = 0.02  # seconds; long waits look less often


def until(look: Callable[[], Any], seconds: float = 60, what: str = "what was waited for") -> Any:
    """What ``look`` finds, once it finds something; an AssertionError that says ``what`` when it does not in time."""
    began = time.monotonic()
    while not (found := look()):
        waited = time.monotonic() - began
        assert waited < seconds, f"not within {seconds:g} s: {what}"
        time.sleep(max(_STEP, min(0.5, waited / 50)))
    return found
