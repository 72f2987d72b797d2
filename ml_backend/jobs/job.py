"""What travels through the queue: the name of a job and the number of what it is about, as JSON. Never an object.

Who can write to the queue can make docloop look at a project, and nothing else: nothing read from it is ever executed,
unpickled or imported.
"""

from __future__ import annotations

import json
import re
from typing import NamedTuple

_KIND = re.compile(r"[a-z][a-z_]{0,39}", re.ASCII)
_LONGEST = 100  # bytes of a message
_LARGEST = 2**63 - 1


class Job(NamedTuple):
    """``kind`` names the handler (lower case and ``_``), ``identity`` is a row id or a project's number."""

    kind: str
    identity: int


def encode(job: Job) -> bytes:
    """The message of a job; equal jobs have equal messages.

    Raises:
        ValueError: a kind or number that no queue carries.
    """
    if not _is_job(job.kind, job.identity):
        raise ValueError(f"A job is a lower-case name and a number of 0 or more, but it was: {tuple(job)!r}")
    return json.dumps([job.kind, job.identity], separators=(",", ":")).encode("ascii")


def decode(message: object) -> Job | None:
    """The job of a message; None when it is none of ours, whoever wrote it."""
    if not isinstance(message, bytes) or len(message) > _LONGEST:
        return None
    try:
        parts = json.loads(message)
    except ValueError:  # no JSON, or no UTF-8
        return None
    if not (isinstance(parts, list) and len(parts) == 2 and _is_job(*parts)):
        return None
    return Job(*parts)


def _is_job(kind: object, identity: object) -> bool:
    return (
        isinstance(kind, str)
        and _KIND.fullmatch(kind) is not None
        and type(identity) is int  # a bool is none
        and 0 <= identity <= _LARGEST
    )
