"""What one training run may take of the machine, and how soon its death is noticed."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

GB = 10**9
SILENCE = 20.0  # seconds
ATTEMPTS = 3
_MOST_MEMORY = 4 * GB
_CGROUP_LIMIT = Path("/sys/fs/cgroup/memory.max")
_THREAD_SETTINGS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)


def default_memory() -> int:
    """Bytes for a run: half of what this machine or container has, 4 GB at most."""
    total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    with suppress(OSError, ValueError):  # no container, or one without a limit ("max")
        total = min(total, int(_CGROUP_LIMIT.read_text()))
    return min(total // 2, _MOST_MEMORY)


def resident(pid: int) -> int:
    """Bytes of memory that a process holds, or the largest of those it has started, and so on; 0 where the system does not tell
    or the process is gone."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        started = [each for task in Path(f"/proc/{pid}/task").iterdir() for each in _children(task)]
    except (OSError, ValueError, IndexError):
        return 0
    return max([pages * os.sysconf("SC_PAGE_SIZE"), *map(resident, started)])


def _children(task: Path) -> list[int]:
    """The processes that a thread has started; none where the system does not tell."""
    try:
        return [int(each) for each in (task / "children").read_text().split()]
    except (OSError, ValueError):
        return []


@dataclass(frozen=True, slots=True)
class Limits:
    """Times are seconds, ``memory`` bytes: of each process of a run, which has several where there are several GPUs.

    ``silence``: without a heartbeat for so long a run counts as dead. ``grace``: how long a run that was told to stop may go on
    without asking. ``watch``: how often the parent looks. ``attempts``: starts before a run fails for good.
    """

    threads: int = 1
    memory: int = field(default_factory=default_memory)
    nice: int = 10
    heartbeat: float = 3.0
    silence: float = SILENCE
    grace: float = 5.0
    watch: float = 1.0
    attempts: int = ATTEMPTS

    @property
    def address_space(self) -> int:
        """Bytes after which the kernel refuses more, for what grows faster than the parent looks.

        Libraries reserve more than they use, so it is far above ``memory``.
        """
        return 2 * self.memory + 2 * GB

    def environment(self) -> Mapping[str, str]:
        """Settings that numeric libraries read when they are imported."""
        return dict.fromkeys(_THREAD_SETTINGS, str(self.threads))
