"""``docloop doctor`` against the real Label Studio: a circle in order, and the faults that only the real one can show."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import redis
from missing import missing
from postgres import PASSWORD, find_programs, running_postgres
from redis_server import new_redis_server
from running_docloop import RunningDocloop, running_docloop
from running_label_studio import RunningLabelStudio, free_port

from builders import png
from docloop.doctor import state
from docloop.doctor.bench import Bench
from docloop.label_studio_login import stored_login
from docloop.label_studio_server import LabelStudioServer
from docloop.presets import load_interface_xml
from ml_backend.connect import TITLE
from ml_backend.credentials import WEBHOOK_HEADER
from ml_backend.label_studio.client import LabelStudio
from ml_backend.settings import load_settings
from ml_backend.store.store import open_store

Said = dict[str, Any]
EXPECTED = {"memory_low", "disk_low"}  # what the machine of the tests may lack


@pytest.fixture(scope="module")
def docloop(label_studio: RunningLabelStudio, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDocloop]:
    data_dir = tmp_path_factory.mktemp("doctor")
    data_dir.chmod(0o700)
    with running_docloop(label_studio, data_dir) as running:
        yield running


@pytest.fixture(scope="module")
def client(label_studio: RunningLabelStudio) -> Iterator[LabelStudio]:
    with closing(LabelStudio(label_studio.url, label_studio.token)) as made:
        yield made


@pytest.fixture(scope="module")
def project(docloop: RunningDocloop, client: LabelStudio, tmp_path_factory: pytest.TempPathFactory) -> int:
    """Connected, with three uploaded receipts that are predicted."""
    folder = tmp_path_factory.mktemp("scans")
    for number in range(3):
        (folder / f"{number}.png").write_bytes(png(f"TOTAL {number}2.50"))
    made = client.create_project("Doctor", load_interface_xml("receipt")).id
    docloop.run("import", str(folder), "--project", str(made))
    said = docloop.run("connect", "--project", str(made))
    assert "0 faults" in said
    assert "Checked: Label Studio serves the hardest document first" in said
    return made


def examine(docloop: RunningDocloop, *arguments: str, status: int = 0) -> list[Said]:
    printed = docloop.run("doctor", "--json", *arguments, status=status)
    return list(json.loads(printed[printed.index("{") :])["findings"])


def codes(findings: list[Said]) -> set[str]:
    return {one["code"] for one in findings if one["code"]} - EXPECTED


def test_a_circle_in_order_has_no_fault_and_is_left_as_it_was(
    docloop: RunningDocloop, client: LabelStudio, project: int
) -> None:
    before = _everything(client, project)
    findings = examine(docloop)
    assert codes(findings) == set()
    measured = {one["check"]: one["measured"] for one in findings}
    assert measured["way.training"].startswith("Start Training arrived in")
    assert measured["connection.fires"].startswith("PROJECT_UPDATED came")
    assert measured["documents.images"].startswith("upload (3 images)")
    assert measured["documents.predictions"] == "3 of 3 compared are the same"
    assert _everything(client, project) == before


def _everything(client: LabelStudio, project: int) -> list[Any]:
    """Projects, webhooks, and what is set in the project."""
    kept = (
        "title",
        "label_config",
        "sampling",
        "model_version",
        "task_number",
        "total_predictions_number",
        "description",
    )
    body = client.call("GET", f"api/projects/{project}/")
    titles = sorted(one["title"] for one in client.call("GET", "api/projects/", page_size=100)["results"])
    return [{name: body[name] for name in kept}, titles, client.call("GET", "api/webhooks/")]


def test_a_webhook_without_our_secret_and_one_that_is_off_are_found(
    docloop: RunningDocloop, client: LabelStudio, project: int
) -> None:
    (hook,) = client.call("GET", "api/webhooks/", project=project)
    path = f"api/webhooks/{hook['id']}/"
    client.call("PATCH", path, body={"headers": {}})
    asked = ("--quick", "--project", str(project))
    assert codes(examine(docloop, *asked, status=1)) == {"webhook_secret"}
    client.call("PATCH", path, body={"headers": hook["headers"], "is_active": False})
    assert codes(examine(docloop, *asked, status=1)) == {"webhook_inactive"}
    client.call("PATCH", path, body={"is_active": True, "url": "http://localhost:9/webhook"})
    assert codes(examine(docloop, *asked, status=1)) == {"webhook_elsewhere"}
    client.call("DELETE", path)
    assert codes(examine(docloop, *asked, status=1)) == {"backend_without_webhook"}
    docloop.run("connect", "--project", str(project))
    (mended,) = client.call("GET", "api/webhooks/", project=project)
    assert mended["headers"][WEBHOOK_HEADER] == docloop.credentials.webhook_secret


def test_another_sampling_and_the_backends_name_as_model_version_are_found(
    docloop: RunningDocloop, client: LabelStudio, project: int
) -> None:
    path = f"api/projects/{project}/"
    client.call("PATCH", path, body={"sampling": "Sequential sampling"})
    findings = examine(docloop, "--quick", "--project", str(project), status=1)
    assert codes(findings) == {"sampling_off"}
    skipped = {one["check"]: one["measured"] for one in findings if one["level"] == "skipped"}
    assert skipped == {"project.order": "skipped, because project.sampling found a fault"}
    client.call("PATCH", path, body={"sampling": "Uncertainty sampling"})
    # Of a project that a worker follows, the worker sets the version right within a second; of this one none does.
    other = client.create_project("Followed by nobody", load_interface_xml("receipt")).id
    backend = {"project": other, "url": docloop.url, "title": TITLE, "auth_method": "BASIC_AUTH"}
    secrets = docloop.credentials
    client.call(
        "POST", "api/ml", body={**backend, "basic_auth_user": secrets.user, "basic_auth_pass": secrets.password}
    )
    asked = ("--quick", "--project", str(other))
    without_tasks = codes(examine(docloop, *asked, status=1))
    assert without_tasks == {"webhook_secret", "backend_not_interactive"}, "nothing can be served yet: no fault"
    (task,) = client.import_tasks(other, [{"data": {"image": "data:image/png;base64,AAAA"}}])
    assert client.import_predictions(other, [{"task": task, "result": [], "score": 0.5, "model_version": "v1"}]) == 1
    found = codes(examine(docloop, *asked, status=1))
    assert found == {"model_version_title", "webhook_secret", "backend_not_interactive", "image_not_opened"}
    client.call("DELETE", f"api/projects/{other}/")


def test_tokens_of_the_wrong_kind_are_told_apart(
    label_studio: RunningLabelStudio, docloop: RunningDocloop, project: int
) -> None:
    with label_studio.client() as api:
        legacy = api.get("/api/current-user/token").json()["token"]
        access = label_studio.access()
    broken = label_studio.token[:-6] + "AAAAAA"
    for token, code in (
        (legacy, "label_studio_legacy_token"),
        (access, "token_is_access"),
        (broken, "label_studio_unauthorized"),
        ("", "token_missing"),
    ):
        other = RunningDocloop(docloop.url, {**docloop.environment, "DOCLOOP_LABEL_STUDIO_TOKEN": token})
        findings = examine(other, "--quick", "--project", str(project), status=1)
        assert code in codes(findings) or (token == broken and "token_expired" in codes(findings)), findings
        assert all(token not in json.dumps(one) for one in findings if token)


def test_the_protection_of_private_addresses_is_measured(
    label_studio_environment: Path, docloop: RunningDocloop, tmp_path: Path
) -> None:
    """First the default, then the half of it that leaves backends without webhooks. Sign-up and legacy tokens are open here."""
    settings = {
        "USE_DEFAULT_BANNED_SUBNETS": "true",
        "LABEL_STUDIO_DISABLE_SIGNUP_WITHOUT_LINK": "false",
        "LABEL_STUDIO_ENABLE_LEGACY_API_TOKEN": "true",
        "LABEL_STUDIO_USER_TOKEN": "legacy-token-1",
    }
    said = []
    for more in ({}, {"ML_BLOCK_LOCAL_IP": "false"}):
        login, port = stored_login(tmp_path), free_port()
        with LabelStudioServer(label_studio_environment, tmp_path, login, port, extra={**settings, **more}) as server:
            with closing(LabelStudio(server.url, "legacy-token-1")) as there:
                number = there.create_project("Refused", load_interface_xml("receipt")).id
            environment = {"DOCLOOP_LABEL_STUDIO_URL": server.url, "DOCLOOP_LABEL_STUDIO_TOKEN": "legacy-token-1"}
            other = RunningDocloop(docloop.url, {**docloop.environment, **environment})
            said.append(examine(other, "--project", str(number), status=1))
    default, half = ({one["check"]: one for one in findings} for findings in said)
    assert default["way.webhook"]["code"] == default["way.backend"]["code"] == "label_studio_blocks_address"
    assert "USE_DEFAULT_BANNED_SUBNETS=false" in default["way.backend"]["fix"]
    assert (half["way.webhook"]["code"], half["way.backend"]["code"]) == (
        "label_studio_blocks_address",
        "label_studio_half_blocks",
    )
    assert "SSRF_PROTECTION_ENABLED=false" in half["way.backend"]["fix"]
    assert {"signup_open", "legacy_tokens_on", "token_legacy"} <= codes(said[0])


def test_a_redis_that_forgets_is_found(tmp_path: Path) -> None:
    server = new_redis_server(tmp_path)
    server.start()
    try:
        bench = Bench(load_settings({"DOCLOOP_QUEUE_URL": server.url}, data_dir=tmp_path))
        assert [one.code for one in state.queue(bench)] == ["redis_forgets", ""]
        with redis.Redis.from_url(server.url) as client:
            client.config_set("maxmemory", "100mb")
            client.config_set("maxmemory-policy", "allkeys-lru")
        found = list(state.queue(bench))
        assert [one.code for one in found] == ["redis_evicts", "redis_forgets", ""]
        assert all(server.url not in one.measured and "redis-password" not in one.measured for one in found)
    finally:
        server.stop()


def test_a_database_with_another_clock_is_found(tmp_path: Path) -> None:
    programs = find_programs()
    if programs is None:
        missing("there is no PostgreSQL: apt install postgresql")
    with running_postgres(programs) as cluster:
        cluster.run("CREATE DATABASE doctor")
        open_store(cluster.url("doctor")).close()
        settings = load_settings({"DOCLOOP_STORE_URL": cluster.url("doctor")}, data_dir=tmp_path)
        bench = Bench(settings)
        assert [one.code for one in state.store(bench)] == [""]
        bench.close()
        bench = Bench(settings, clock=lambda: time.time() + 60)
        found = list(state.store(bench))
        assert [one.code for one in found] == ["clock_store", ""]
        assert all(PASSWORD not in one.measured for one in found)
        bench.close()
