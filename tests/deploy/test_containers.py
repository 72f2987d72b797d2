"""The files that run docloop in containers. No container engine runs here: what can be said of the files without one is held."""

from __future__ import annotations

import re
import runpy
import stat
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from ml_backend.settings import load_settings

ROOT = Path(__file__).parents[2]
COMPOSE = ROOT / "docker-compose.yml"
OWN_SERVERS = ROOT / "docker-compose.own-servers.yml"
ONCE = {"label-studio-token", "minio-bucket"}  # services that run once and end
OURS = {"ml-backend", "worker", "gpu-worker"}
_VARIABLE = re.compile(r"\$\{(\w+)([^}]*)\}")


@pytest.fixture(scope="module")
def services() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = yaml.safe_load(COMPOSE.read_text())["services"]
    return found


def test_secrets_are_written_once_for_their_owner_alone(tmp_path: Path) -> None:
    script = runpy.run_path(str(ROOT / "deploy" / "make_secrets.py"))
    path = tmp_path / ".env"
    script["write"](path)
    first = path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with pytest.raises(FileExistsError):
        script["write"](path)
    assert path.read_text() == first
    secrets = [line.partition("=")[2] for line in first.splitlines() if line.partition("=")[0] in script["NAMES"]]
    assert len(set(secrets)) == len(script["NAMES"])
    assert min(map(len, secrets)) >= 32


def test_compose_asks_for_every_secret_and_has_a_default_for_none(tmp_path: Path) -> None:
    runpy.run_path(str(ROOT / "deploy" / "make_secrets.py"))["write"](tmp_path / ".env")
    made = {line.partition("=")[0] for line in (tmp_path / ".env").read_text().splitlines() if "=" in line}
    asked = _VARIABLE.findall(COMPOSE.read_text())
    assert {name for name, _ in asked} == made
    assert {rest for _, rest in asked} == {":?run make secrets"}


def test_docloop_alone_is_run_as_in_the_cluster_and_waits_for_nobody(services: dict[str, dict[str, Any]]) -> None:
    alone = yaml.safe_load(OWN_SERVERS.read_text())["services"]
    assert set(alone) == OURS
    elsewhere = {"environment", "depends_on", "extra_hosts"}
    for name, service in alone.items():
        assert "depends_on" not in service
        same = {key: value for key, value in services[name].items() if key not in elsewhere}
        assert {key: value for key, value in service.items() if key not in elsewhere} == same
        assert set(service["environment"]) == set(services[name]["environment"]) | {"DOCLOOP_LABEL_STUDIO_TOKEN"}


def test_docloop_alone_has_a_default_for_no_secret_but_the_token_which_may_come_as_a_file() -> None:
    asked = dict(_VARIABLE.findall(OWN_SERVERS.read_text()))
    assert {name for name, rest in asked.items() if not rest.startswith(":?")} == {
        "DOCLOOP_LABEL_STUDIO_TOKEN",
        "DOCLOOP_LABEL_STUDIO_TOKEN_FILE",
    }
    assert asked["DOCLOOP_LABEL_STUDIO_TOKEN"] == ":-"


def test_the_commands_that_show_a_login_show_no_other_secret(tmp_path: Path) -> None:
    runpy.run_path(str(ROOT / "deploy" / "make_secrets.py"))["write"](tmp_path / ".env")
    shown = []
    for line in (ROOT / "docs" / "docker.md").read_text().splitlines():
        if line.startswith("grep "):
            done = subprocess.run(
                ["sh", "-c", line], cwd=tmp_path, capture_output=True, text=True, check=True, timeout=10
            )
            shown.append([one.partition("=")[0] for one in done.stdout.splitlines()])
    assert shown == [["LABEL_STUDIO_USERNAME", "LABEL_STUDIO_PASSWORD"], ["DOCLOOP_PASSWORD"]]


def test_docloop_takes_the_environment_that_compose_gives_it(
    services: dict[str, dict[str, Any]], tmp_path: Path
) -> None:
    token = tmp_path / "token"
    token.write_text("a-token")
    for name in OURS:
        given = {
            key: _VARIABLE.sub("a-long-enough-secret", value)
            for key, value in services[name]["environment"].items()
            if value is not None  # handed on where .env has it
        }
        given["DOCLOOP_LABEL_STUDIO_PUBLIC_URL"] = "http://localhost:8080"
        settings = load_settings({**given, "DOCLOOP_LABEL_STUDIO_TOKEN_FILE": str(token)})
        assert settings.label_studio_token.get_secret_value() == "a-token"
        assert settings.store_url.get_secret_value().startswith("postgresql+psycopg://")


def test_label_studio_reaches_docloop_by_a_name_with_a_dot(services: dict[str, dict[str, Any]]) -> None:
    environment = services["worker"]["environment"]
    for setting, service in (("DOCLOOP_BACKEND_URL", "ml-backend"), ("DOCLOOP_LABEL_STUDIO_URL", "label-studio")):
        host = urlsplit(environment[setting]).hostname
        assert host in services[service]["networks"]["default"]["aliases"]
        assert "." in host


def test_every_service_is_limited_watched_and_without_rights(services: dict[str, dict[str, Any]]) -> None:
    for name, service in services.items():
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert {"cpus", "memory"} <= set(service["deploy"]["resources"]["limits"]), name
        assert name in ONCE or name == "ml-backend" or "healthcheck" in service, name  # that one's is in the image
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", ())), name
        assert ":latest" not in service["image"], name
        assert ":" in service["image"], name
        assert service["read_only"] or name.startswith("label-studio"), name


def test_nobody_signs_up_to_label_studio_by_himself(services: dict[str, dict[str, Any]]) -> None:
    assert services["label-studio"]["environment"]["LABEL_STUDIO_DISABLE_SIGNUP_WITHOUT_LINK"] == "true"


def test_the_dockerfile_passes_hadolint() -> None:
    linter = Path(sys.executable).with_name("hadolint")
    done = subprocess.run([linter, ROOT / "Dockerfile"], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_the_image_holds_our_packages_and_nothing_else_gets_near_it() -> None:
    packages = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]["find"]["include"]
    names = {package.rstrip("*") for package in packages}
    copied = set(re.findall(r"^COPY (\w+) \1$", (ROOT / "Dockerfile").read_text(), re.MULTILINE))
    allowed = (ROOT / ".dockerignore").read_text().splitlines()
    assert copied == names
    assert "*" in allowed
    assert {line.removeprefix("!") for line in allowed if line.startswith("!")} == names | {
        "constraints.txt",
        "pyproject.toml",
        "README.md",
        "LICENSE",
    }


def test_the_image_runs_as_nobody_in_particular() -> None:
    users = re.findall(r"^USER (.+)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert users == ["10001:0"]
