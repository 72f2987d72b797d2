"""Every fault that the doctor knows, provoked: how a circle in order is broken, which check sees it, and what is said then."""

from __future__ import annotations

import shutil
import sqlite3
import time
from collections import namedtuple
from collections.abc import Callable
from contextlib import closing
from typing import Any

import httpx
import pytest
from doctor_circle import VERSION, Circle
from fake_label_studio import Fault
from fake_label_studio_backends import jwt, refresh_token

from docloop.doctor import documents, machine, own_project, state
from docloop.doctor.catalogue import CATALOGUE
from docloop.doctor.findings import Level
from ml_backend.credentials import WEBHOOK_HEADER
from ml_backend.errors import LabelStudioError
from ml_backend.label_studio.client import LabelStudio
from ml_backend.models.manifest import Manifest
from ml_backend.ocr.fake import FakeEngine
from ml_backend.services import models_folder

pytestmark = pytest.mark.slow

Break = Callable[[Circle, pytest.MonkeyPatch], object]
DAY = 86400
Disk = namedtuple("Disk", "total used free")


def sql(statement: str) -> Break:
    def run(well: Circle, patch: pytest.MonkeyPatch) -> None:
        with closing(sqlite3.connect(well.settings.data_dir / "docloop.sqlite3")) as connection:
            connection.execute(statement)
            connection.commit()

    return run


def loosen_secrets(well: Circle, patch: pytest.MonkeyPatch) -> None:
    well.change(password="", api_token="", webhook_secret="")
    path = well.settings.data_dir / "secrets.json"
    path.write_text("{}")
    path.chmod(0o644)


def file_in_the_way(well: Circle, patch: pytest.MonkeyPatch) -> None:
    path = well.settings.data_dir / "file"
    path.touch()
    well.change(data_dir=path)


def lock_the_store(well: Circle, patch: pytest.MonkeyPatch) -> None:
    patch.setattr(state, "_PATIENCE", 0.05)
    other = sqlite3.connect(well.settings.data_dir / "docloop.sqlite3", isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    well.at_the_end.append(other.close)


def another_program(well: Circle, patch: pytest.MonkeyPatch) -> None:
    well.network.docloop = httpx.MockTransport(lambda request: httpx.Response(200, text="It works!"))


def slow_docloop(well: Circle, patch: pytest.MonkeyPatch) -> None:
    inner = well.network.docloop
    assert inner is not None

    def late(request: httpx.Request) -> httpx.Response:
        well.sleep(0.8)
        return inner.handle_request(request)

    well.network.docloop = httpx.MockTransport(late)


def slow_changes(well: Circle, patch: pytest.MonkeyPatch) -> None:
    announce = well.there.connections.announce

    def late(action: str, project: dict[str, Any]) -> None:
        well.sleep(0.9)
        announce(action, project)

    patch.setattr(well.there.connections, "announce", late)


def refuses_setup(well: Circle, patch: pytest.MonkeyPatch) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        health = request.url.path == "/health"
        return httpx.Response(200 if health or request.method == "GET" else 422, json={"model_class": "docloop"})

    well.network.docloop = httpx.MockTransport(answer)


def publish(well: Circle, harm: bool, **settings: Any) -> None:
    registry = well.services.registry
    made = Manifest("fields-1", "token-classifier", "2026-01-02T03:04:05Z", settings=settings)
    registry.publish(well.uid, made, lambda folder: (folder / "a.json").write_text("{}"))
    registry.activate(well.uid, "fields-1")
    if harm:
        path = models_folder(well.settings) / well.uid / "fields-1" / "a.json"
        path.chmod(0o600)
        path.write_text("[]")


def without(well: Circle, hook: bool = False, backend: bool = False) -> None:
    if hook:
        well.there.connections.webhooks.clear()
    if backend:
        well.there.connections.backends.clear()


def next_is(queue: str) -> Break:
    def run(well: Circle, patch: pytest.MonkeyPatch) -> None:
        last = well.there.tasks_of(1)[-1]
        patch.setattr(well.there, "next_task", lambda project: last)
        patch.setattr("fake_label_studio_routes.QUEUE", queue)

    return run


def drop_imports(well: Circle, patch: pytest.MonkeyPatch) -> None:
    patch.setattr("fake_label_studio_routes._valid", lambda body, interface: False)


def change_imports(well: Circle, patch: pytest.MonkeyPatch) -> None:
    predict = well.there.predict
    patch.setattr(well.there, "predict", lambda task, result, *more: predict(task, result[:1], *more))


def set_record(**changes: Any) -> Break:
    return lambda well, patch: well.services.store.projects.update(well.uid, **changes)


def refuse_versions(well: Circle, patch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: Any) -> None:
        raise LabelStudioError("label_studio_refused", "Label Studio answered 418: a teapot.")

    patch.setattr(LabelStudio, "model_versions", refuse)


def prediction_of(well: Circle, **changes: Any) -> None:
    first = well.there.predictions[1]
    for name, value in changes.items():
        setattr(first, name, value)


def new_task(image: str, key: str = "image") -> Break:
    return lambda well, patch: well.there.add_tasks(1, [{key: image}])


# code -> (the check that sees it, how to break the circle)
FAULTS: dict[str, tuple[str, Break]] = {
    "data_dir_missing": ("docloop.data_dir", lambda c, p: c.change(password="")),
    "data_dir_not_writable": ("docloop.data_dir", file_in_the_way),
    "data_dir_open": ("docloop.data_dir", lambda c, p: c.settings.data_dir.chmod(0o755)),
    "secrets_unusable": ("docloop.data_dir", loosen_secrets),
    "disk_full": ("docloop.data_dir", lambda c, p: p.setattr(shutil, "disk_usage", lambda path: Disk(0, 0, 10**8))),
    "disk_low": ("docloop.data_dir", lambda c, p: p.setattr(shutil, "disk_usage", lambda path: Disk(0, 0, 2 * 10**9))),
    "web_down": ("docloop.web", lambda c, p: setattr(c.network, "docloop", None)),
    "web_not_docloop": ("docloop.web", another_program),
    "web_other_secrets": ("docloop.web", lambda c, p: c.change(webhook_secret="another-secret")),
    "web_slow": ("docloop.web", slow_docloop),
    "worker_missing": ("docloop.worker", lambda c, p: c.services.store.leases.release("worker-1", "test")),
    "workers_apart": (
        "docloop.worker",
        lambda c, p: c.services.store.leases.take("worker-2", "test", time.time(), 60),
    ),
    "store_missing": ("store.answers", lambda c, p: c.change(store_url=f"sqlite:///{c.settings.data_dir}/none.db")),
    "store_unreachable": ("store.answers", lambda c, p: c.change(store_url="mysql://user:password@host/name")),
    "newer_database": ("store.answers", sql("UPDATE alembic_version SET version_num = '9999'")),
    "store_older": ("store.answers", sql("UPDATE alembic_version SET version_num = '0001'")),
    "sqlite_old": ("store.answers", lambda c, p: p.setattr(sqlite3, "sqlite_version_info", (3, 34, 1))),
    "sqlite_on_network": ("store.answers", lambda c, p: p.setattr(state, "file_system", lambda path: "nfs4")),
    "sqlite_locked": ("store.answers", lock_the_store),
    "queue_unreachable": ("queue.answers", lambda c, p: c.change(queue_url="redis://:password@127.0.0.1:9/0")),
    "storage_unusable": ("storage.answers", lambda c, p: c.change(storage_url="file:///proc/docloop")),
    "package_old": ("machine.versions", lambda c, p: p.setitem(machine._LEAST, "pillow", (99, 0))),
    "layout_extra_missing": (
        "machine.versions",
        lambda c, p: (c.change(layout_model=True), p.setattr(machine, "_LAYOUT", ("no-such-package",))),
    ),
    "licence_non_commercial": ("machine.licence", lambda c, p: c.change(layout_model=True)),
    "memory_low": ("machine.memory", lambda c, p: p.setattr(machine, "available", lambda: 10**9)),
    "ocr_unusable": ("machine.ocr", lambda c, p: setattr(c, "engine", FakeEngine(fails=True))),
    "ocr_misreads": ("machine.ocr", lambda c, p: setattr(c, "engine", FakeEngine())),
    "label_studio_unreachable": ("label_studio.reachable", lambda c, p: setattr(c.there, "fault", Fault("down"))),
    "label_studio_not_it": ("label_studio.reachable", lambda c, p: setattr(c.there, "fault", Fault("404"))),
    "label_studio_redirects": (
        "label_studio.reachable",
        lambda c, p: setattr(c.there.connections, "redirects", "https://ls.example.org/sub/api/version/"),
    ),
    "label_studio_version": ("label_studio.reachable", lambda c, p: setattr(c.there.connections, "version", "1.9.0")),
    "token_missing": ("label_studio.token", lambda c, p: c.change(label_studio_token="")),
    "token_is_access": ("label_studio.token", lambda c, p: c.change(label_studio_token=jwt(token_type="access"))),
    "token_expired": ("label_studio.token", lambda c, p: c.change(label_studio_token=jwt(exp=1_600_000_000))),
    "token_expires_soon": ("label_studio.token", lambda c, p: c.change(label_studio_token=refresh_token(3 * DAY))),
    "token_legacy": ("label_studio.token", lambda c, p: None),
    "label_studio_unauthorized": ("label_studio.token", lambda c, p: c.change(label_studio_token="another-token")),
    "signup_open": ("label_studio.strangers", lambda c, p: setattr(c.there.connections, "signup_open", True)),
    "legacy_tokens_on": ("label_studio.strangers", lambda c, p: setattr(c.there.connections, "legacy_tokens", True)),
    "clock_label_studio": ("label_studio.clock", lambda c, p: setattr(c.there, "now", c.there.now - 90)),
    "no_projects": (
        "projects.followed",
        lambda c, p: (c.projects.clear(), c.services.store.projects.update(c.uid, followed=False)),
    ),
    "no_right_to_create": ("own_project.made", lambda c, p: setattr(c.there.connections, "may_create", False)),
    "doctor_left_behind": ("own_project.made", lambda c, p: c.there.add_project("docloop doctor 0123456789ab", "<View/>")),
    "label_studio_blocks_address": ("way.webhook", lambda c, p: setattr(c.there.connections, "blocks", "all")),
    "label_studio_half_blocks": ("way.backend", lambda c, p: setattr(c.there.connections, "blocks", "webhooks")),
    "label_studio_wants_dot": ("way.webhook", lambda c, p: setattr(c, "given_url", "http://ml-backend:9090")),
    "label_studio_cannot_resolve": (
        "way.webhook",
        lambda c, p: setattr(c.there.connections, "knows", lambda host: False),
    ),
    "label_studio_cannot_reach_backend": (
        "way.backend",
        lambda c, p: setattr(c.there.connections, "network", None),
    ),
    "label_studio_backend_401": (
        "way.backend",
        lambda c, p: p.setattr(own_project, "_access", lambda bench: ("docloop", "wrong")),
    ),
    "backend_refused": ("way.backend", refuses_setup),
    "training_echo_missing": ("way.training", lambda c, p: setattr(c.there.connections, "deaf", True)),
    "prediction_dropped": ("way.prediction", drop_imports),
    "prediction_differs": ("way.prediction", change_imports),
    "label_studio_project_gone": ("project.there", lambda c, p: c.there.delete_project(1)),
    "config_unsupported": ("project.interface", lambda c, p: setattr(c.there.projects[1], "label_config", "<View/>")),
    "project_not_followed": ("project.followed", set_record(followed=False)),
    "look_failed": ("project.followed", set_record(fault="Label Studio does not answer.", fault_since=1.0)),
    "look_old": ("project.followed", set_record(looked_at=1.0)),
    "champion_damaged": ("project.champion", lambda c, p: publish(c, harm=True)),
    "version_non_commercial": (
        "project.champion",
        lambda c, p: publish(c, harm=False, base_model="a", base_licence="cc-by-nc-sa-4.0"),
    ),
    "model_version_title": ("project.model_version", lambda c, p: setattr(c.there.projects[1], "model_version", "docloop")),
    "model_version_empty": ("project.model_version", lambda c, p: setattr(c.there.projects[1], "model_version", "")),
    "model_version_unknown": ("project.model_version", lambda c, p: setattr(c.there.projects[1], "model_version", "gone")),
    "sampling_off": ("project.sampling", lambda c, p: setattr(c.there.projects[1], "sampling", "Sequential sampling")),
    "order_wrong": ("project.order", next_is("Data manager queue")),
    "order_not_checked": ("project.order", lambda c, p: p.setattr(c.there, "next_task", lambda project: None)),
    "not_connected": ("connection.webhook", lambda c, p: without(c, hook=True, backend=True)),
    "backend_without_webhook": ("connection.webhook", lambda c, p: without(c, hook=True)),
    "webhook_secret": ("connection.webhook", lambda c, p: c.hook.update(headers={WEBHOOK_HEADER: "another"})),
    "webhook_inactive": ("connection.webhook", lambda c, p: c.hook.update(is_active=False)),
    "webhook_narrow": ("connection.webhook", lambda c, p: c.hook.update(send_payload=False)),
    "webhook_elsewhere": ("connection.webhook", lambda c, p: c.hook.update(url="http://old.example:9090/webhook")),
    "backend_missing": ("connection.backend", lambda c, p: without(c, backend=True)),
    "backend_disconnected": (
        "connection.backend",
        lambda c, p: (setattr(c.there.connections, "network", None)),
    ),
    "backend_refuses": ("connection.backend", lambda c, p: c.backend.update(_pass="another")),
    "backend_without_password": ("connection.backend", lambda c, p: c.backend.update(auth_method="NONE")),
    "backend_not_interactive": ("connection.backend", lambda c, p: c.backend.update(is_interactive=False)),
    "backend_not_first": (
        "connection.backend",
        lambda c, p: c.there.connections.backends.update(
            {0: {**c.backend, "id": 0, "title": "Other", "url": "http://other.example:1"}, 1: c.there.connections.backends.pop(1)}
        ),
    ),
    "webhook_silent": ("connection.fires", lambda c, p: setattr(c.there.connections, "deaf", True)),
    "webhook_slow": ("connection.fires", slow_changes),
    "image_not_fetched": ("documents.images", new_task("http://files.example/a.png")),
    "image_not_opened": ("documents.images", lambda c, p: c.there.change_data(1, {"image": "data:image/png;base64,AAAA"})),
    "task_without_image": ("documents.images", new_task("a", key="picture")),
    "predictions_differ": ("documents.predictions", lambda c, p: prediction_of(c, result=[])),
    "predictions_gone": ("documents.predictions", lambda c, p: c.there.predictions.pop(1)),
    "predictions_doubled": ("documents.doubled", lambda c, p: c.there.predict(1, [], VERSION, 0.5)),
    "check_refused": ("project.model_version", refuse_versions),
}  # fmt: skip
ELSEWHERE = {
    # with the real servers, in tests/services/test_doctor.py
    "label_studio_legacy_token",
    "clock_store",
    "redis_evicts",
    "redis_forgets",
    # in test_doctor_runs.py
    "check_broke",
    "check_too_slow",
    # below
    "redis_old",
}


@pytest.mark.parametrize("code", FAULTS)
def test_a_fault_is_seen_and_its_fix_is_said(code: str, well: Circle, monkeypatch: pytest.MonkeyPatch) -> None:
    check, harm = FAULTS[code]
    harm(well, monkeypatch)
    findings = [one for one in well.examine(check).findings if one.check == check]
    seen = [one for one in findings if one.code == code]
    assert seen, findings
    assert seen[0].level in (Level.FAULT, Level.WARNING)
    assert seen[0].why
    assert seen[0].fix
    assert "<" not in seen[0].fix.replace("<Image", "").replace("<View", "").replace("<Rectangle", ""), (
        "a name was not filled in"
    )


def test_no_fault_is_known_that_nobody_provokes() -> None:
    assert set(FAULTS) | ELSEWHERE == set(CATALOGUE)
    assert not set(FAULTS) & ELSEWHERE


def test_a_task_that_an_earlier_check_has_reserved_is_no_fault(well: Circle, monkeypatch: pytest.MonkeyPatch) -> None:
    next_is("Task lock")(well, monkeypatch)
    report = well.examine("project.order")
    (said,) = [one for one in report.findings if one.check == "project.order"]
    assert said.level is Level.OK
    assert "is reserved for the user of docloop's token" in said.measured
    assert not any("asking for the next task" in one for one in report.touched)


@pytest.mark.parametrize(
    ("tasks", "served", "code"), [(0, "docloop", ""), (0, "", ""), (3, "docloop", "model_version_empty")]
)
def test_the_version_served_is_looked_at_after_the_first_import(
    well: Circle, tasks: int, served: str, code: str
) -> None:
    """Label Studio enters the backend's name when it is connected; that is a fault only once docloop has stored predictions."""
    well.there.predictions.clear()
    well.there.projects[1].model_version = served
    well.there.delete_tasks(well.there.tasks_of(1)[tasks:])
    found = [one for one in well.examine("project.order").findings if one.check == "project.model_version"]
    assert [one.code for one in found] == [code]
    assert tasks or "no tasks yet" in found[0].measured


def test_a_personal_access_token_is_told_from_a_legacy_one(well: Circle) -> None:
    well.change(label_studio_token=refresh_token(400 * DAY))
    (said,) = [one for one in well.examine("label_studio.token").findings if one.check == "label_studio.token"]
    assert (said.level, said.measured[:45]) == (Level.OK, "a personal access token of admin@example.com,")


def test_what_redis_says_of_itself_is_judged() -> None:
    good = {"redis_version": "7.2.4", "maxmemory": 0, "maxmemory_policy": "noeviction", "aof_enabled": 1}
    assert list(state.redis_faults(good)) == []
    assert list(state.redis_faults({**good, "maxmemory_policy": "allkeys-lru"})) == [], (
        "without a limit nothing is thrown away"
    )
    bad = {**good, "redis_version": "5.0.14", "maxmemory": 100, "maxmemory_policy": "allkeys-lru", "aof_enabled": 0}
    assert [one.code for one in state.redis_faults(bad)] == ["redis_old", "redis_evicts", "redis_forgets"]


def test_the_file_system_of_a_path_is_that_of_the_nearest_mount(tmp_path: Any) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(f"/dev/sda / ext4 rw 0 0\nserver:/x {tmp_path}/my\\040share nfs4 rw 0 0\n")
    assert state.file_system(tmp_path / "my share" / "a.db", str(mounts)) == "nfs4"
    assert state.file_system(tmp_path / "a.db", str(mounts)) == "ext4"
    assert state.file_system(tmp_path, str(tmp_path / "none")) == ""


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("/data/upload/1/a.png", "upload"),
        ("http://ls.test/sub/data/upload/1/a.png", "upload"),
        ("/data/local-files/?d=a.png", "local files"),
        ("s3://bucket/a.png", "s3 storage"),
        ("/tasks/7/resolve/?fileuri=czM6Ly9i", "storage by link"),
        ("https://files.example/data/upload/a.png", "http(s)"),
        ("data:image/png;base64,AAAA", "data URI"),
        ("file:///etc/passwd", "another kind of URL"),
    ],
)
def test_kinds_of_storage_are_told_apart(url: str, kind: str) -> None:
    assert documents.kind_of(url, "http://ls.test/sub") == kind
