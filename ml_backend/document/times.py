"""Times as text, so that they compare as texts do."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache


@lru_cache(maxsize=4096)  # all corrections of an annotation have one time
def utc(at: str) -> str:
    """An ISO time in UTC, to the microsecond, so that times compare as texts; "" for none.

    Raises ValueError for what is no time.
    """
    if not at:
        return ""
    time = datetime.fromisoformat(at)
    return (time if time.tzinfo else time.replace(tzinfo=UTC)).astimezone(UTC).isoformat(timespec="microseconds")[
        :-6
    ] + "Z"
