"""The very first pages of a process may come at the same time."""

from __future__ import annotations

import subprocess
import sys

import pytest

from ml_backend.ocr.runtime import RUNTIMES

# Threads take turns all the time, so that they meet in whatever is made at the first use.
FIRST_PAGES = """
import sys, threading
import numpy as np
from ml_backend.ocr.runtime import load_detector

sys.setswitchinterval(1e-6)
networks, together = [load_detector({runtime!r}, 1) for _ in range(2)], threading.Barrier(2)

def read(network):
    together.wait()
    network(np.zeros((1, 3, 64, 64), np.float32))

threads = [threading.Thread(target=read, args=(network,)) for network in networks]
for thread in threads: thread.start()
for thread in threads: thread.join()
"""


@pytest.mark.slow
@pytest.mark.parametrize("runtime", RUNTIMES)
def test_two_first_pages_at_once_do_not_wait_for_each_other_for_ever(runtime: str) -> None:
    subprocess.run([sys.executable, "-c", FIRST_PAGES.format(runtime=runtime)], check=True, timeout=60)
