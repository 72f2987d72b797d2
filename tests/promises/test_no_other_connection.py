"""P20: nothing leaves the machine. The whole flow (look, samples, training, promotion, predictions, webhook, REST) runs in a
network namespace that has loopback alone, and strace writes down every address that any of its processes connects to.

ONNX Runtime reports its use by default (ml_backend/__init__.py turns that off); in full the flow runs with OpenVINO, too. The
test starts itself again inside of the namespace.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from docloop_processes import AUTH, WEBHOOK, Place, children
from fake_label_studio import FakeLabelStudio
from papers_in_label_studio import annotated_papers, picture
from served_label_studio import TOKEN, served
from waiting import until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
INSIDE, RUNTIME = "FLOW_FOLDER", "FLOW_OCR_RUNTIME"  # for the process inside of the namespace
RUNTIMES = ("onnxruntime", "openvino") if os.environ.get("PROMISES") == "full" else ("onnxruntime",)
_ADDRESS = re.compile(r"connect\(\d+, \{sa_family=(AF_\w+)(?:, sin6?_port=htons\((\d+)\))?(.*?)\}")


def connections(trace: Path) -> Counter[tuple[str, int, bool]]:
    """What was connected to: family, port, and whether it is this machine."""
    found: Counter[tuple[str, int, bool]] = Counter()
    for family, port, rest in _ADDRESS.findall(trace.read_text(errors="replace")):
        here = family in ("AF_UNIX", "AF_NETLINK") or '"127.0.0.1"' in rest or '"::1"' in rest
        found[family, int(port or 0), here] += 1
    return found


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_docloop_connects_to_label_studio_and_to_nothing_else(tmp_path: Path, runtime: str) -> None:
    if not shutil.which("strace") or not shutil.which("unshare"):
        pytest.fail("apt install strace util-linux") if os.environ.get("REQUIRE_SERVICES") else pytest.skip("no strace")
    own = f"{Path(__file__)}::{flow.__name__}"
    script = (
        f'ip link set lo up && exec {sys.executable} -m pytest -q -p no:cacheprovider -o python_functions=flow "{own}"'
    )
    environment = {**os.environ, INSIDE: str(tmp_path), RUNTIME: runtime}
    command = ["unshare", "--user", "--map-root-user", "--net", "sh", "-c", script]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=500, check=False)
    assert done.returncode == 0, done.stdout[-4000:]
    assert "1 passed" in done.stdout


@contextmanager
def ended_with(strace: subprocess.Popen[bytes]) -> Iterator[None]:
    """Kill what strace runs, whatever happens: it does not do so when it is killed itself."""
    try:
        yield
    finally:
        for child in children(strace.pid) if strace.poll() is None else ():
            os.kill(child, signal.SIGKILL)


def flow() -> None:
    """What the test above starts."""
    folder = Path(os.environ[INSIDE])
    fake = FakeLabelStudio()
    project = annotated_papers(fake)
    (open_task,) = fake.add_tasks(project, [{"image": picture("TOTAL 99.50")}])
    trace = folder / "trace"
    strace = ("strace", "-f", "--seccomp-bpf", "-qq", "-s", "200", "-e", "trace=connect", "-o", str(trace))
    with served(fake) as url:
        place = Place.of(
            folder / "data",
            label_studio_url=url,
            label_studio_token=TOKEN,
            ocr_runtime=os.environ[RUNTIME],
            min_training_samples="5",
            predict_budget="30",
        )
        (place.folder / "hints" / "changed").mkdir(parents=True)
        (place.folder / "hints" / "changed" / str(project)).touch()
        with place.running("serve", *strace) as server, ended_with(server):
            place.until_healthy(server)
            with place.store() as store:
                until(lambda: store.projects.by_number(project) is not None, 120, "the project is followed")
                uid = store.projects.all()[0].uid
                until(lambda: any(run.version for run in store.runs.latest(uid, 9)), 300, "a version was made")
                until(lambda: _predicted(place, project), 120, "the open task is predicted")
            hint = {"action": "TASKS_CREATED", "project": {"id": project}}
            assert httpx.post(f"{place.url}/webhook", json=hint, headers=WEBHOOK).status_code == 202
            asked = httpx.get(f"{place.url}/api/v1/projects/1", auth=AUTH, timeout=30)
            assert asked.json()["followed"]
            time.sleep(2.0)  # the look of the webhook
            os.kill(children(server.pid)[0], signal.SIGTERM)  # docloop itself, not strace
            server.wait(60)
    found = connections(trace)
    elsewhere = {place for place in found if not place[2]}
    assert not elsewhere, elsewhere
    assert {port for family, port, _ in found if family != "AF_UNIX"} - {0} == {urlsplit(url).port}, found
    assert found["AF_INET", urlsplit(url).port or 0, True], "the trace shows what is there"
    assert open_task


def _predicted(place: Place, project: int) -> bool:
    answer = httpx.get(f"{place.url}/api/v1/projects/{project}/recommendations", auth=AUTH, timeout=30)
    return answer.is_success and bool(answer.json()["recommendations"])
