"""The parts of docker-compose.yml that run without a container engine, run against the real programs."""

from __future__ import annotations

import os
import re
import runpy
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import psycopg
import pytest
import redis
import yaml
from missing import missing
from postgres import USER, find_programs, running_postgres
from running_label_studio import RunningLabelStudio, free_port

from docloop.label_studio_login import stored_secret_key
from ml_backend.label_studio.client import LabelStudio
from ml_backend.settings import load_settings

ROOT = Path(__file__).parents[2]
SERVICES: dict[str, dict[str, Any]] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]


def test_docker_compose_takes_the_file_with_secrets_and_refuses_it_without(tmp_path: Path) -> None:
    if not shutil.which("docker-compose"):
        missing("there is no docker-compose: apt install docker-compose")
    shutil.copy(ROOT / "docker-compose.yml", tmp_path)

    def config() -> subprocess.CompletedProcess[str]:
        command = ["docker-compose", "config", "--quiet"]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)

    refused = config()
    assert refused.returncode != 0
    assert "run make secrets" in refused.stderr
    runpy.run_path(str(ROOT / "deploy" / "make_secrets.py"))["write"](tmp_path / ".env")
    taken = config()
    assert (taken.returncode, taken.stderr) == (0, "")


def lines_for_env(yours: str) -> str:
    """What docs/docker.md says for .env: of the servers in ``yours`` our own, of the others the bundled ones."""
    page = (ROOT / "docs" / "docker.md").read_text()
    part = page.partition("## With servers that you have")[2].partition("\n## ")[0]
    mine, bundled = re.findall(r"```ini\n(.*?)```", part, re.DOTALL)
    first, *own = re.split(r"^(?=# (?:Label Studio|PostgreSQL|Redis|S3)\b)", mine, flags=re.MULTILINE)
    _, *ours = re.split(r"^(?=# )", bundled, flags=re.MULTILINE)
    return first + "".join(a if re.match(rf"# ({yours})\b", a) else b for a, b in zip(own, ours, strict=True))


@pytest.mark.parametrize(
    "yours", ["Label Studio", "PostgreSQL", "Redis", "S3", "PostgreSQL|Redis|S3", "[LPRS].*", "none"]
)
def test_docker_compose_hands_docloop_the_servers_that_somebody_has(tmp_path: Path, yours: str) -> None:
    if not shutil.which("docker-compose"):
        missing("there is no docker-compose: apt install docker-compose")
    for name in ("docker-compose.yml", "docker-compose.own-servers.yml"):
        shutil.copy(ROOT / name, tmp_path)
    runpy.run_path(str(ROOT / "deploy" / "make_secrets.py"))["write"](tmp_path / ".env")
    secrets = dict(line.split("=", 1) for line in (tmp_path / ".env").read_text().splitlines() if "=" in line)
    with (tmp_path / ".env").open("a") as file:
        file.write(lines_for_env(yours))
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("DOCLOOP_", "AWS_", "COMPOSE_"))}
    command = ["docker-compose", "config"]
    done = subprocess.run(command, cwd=tmp_path, env=clean, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    given = yaml.safe_load(done.stdout)["services"]["worker"]["environment"]
    if token_file := given["DOCLOOP_LABEL_STUDIO_TOKEN_FILE"]:
        assert token_file == "/run/label-studio/token"
        given["DOCLOOP_LABEL_STUDIO_TOKEN_FILE"] = str(tmp_path / "token")
        (tmp_path / "token").write_text("eyJ...")
    settings = load_settings({key: str(value) for key, value in given.items()})
    assert settings.label_studio_token.get_secret_value() == "eyJ..."
    store, queue = settings.store_url.get_secret_value(), settings.queue_url.get_secret_value()
    own = {kind: re.fullmatch(yours, kind) is not None for kind in ("Label Studio", "PostgreSQL", "Redis", "S3")}
    assert ("labels.example.org" in settings.label_studio_url) == own["Label Studio"]
    password = "secret" if own["PostgreSQL"] else secrets["DOCLOOP_DB_PASSWORD"]
    assert store.startswith(f"postgresql+psycopg://docloop:{password}@{'db.' if own['PostgreSQL'] else 'postgres:'}")
    assert queue.partition("@")[0].endswith("secret" if own["Redis"] else secrets["REDIS_PASSWORD"])
    assert given["AWS_SECRET_ACCESS_KEY"] == ("..." if own["S3"] else secrets["S3_SECRET_KEY"])
    assert settings.storage_url == ("s3://a-bucket/docloop" if own["S3"] else "s3://docloop")


def test_the_databases_of_label_studio_and_docloop_are_closed_to_each_other() -> None:
    programs = find_programs()
    if programs is None:
        missing("there is no PostgreSQL: apt install postgresql")
    secrets = {"LABEL_STUDIO_DB_PASSWORD": "its'own", "DOCLOOP_DB_PASSWORD": 'our"own'}
    owner = {"user": "owner", "password": "owner's"}
    with running_postgres(programs) as cluster:
        folder = str(cluster.folder)
        cluster.run("CREATE USER owner SUPERUSER PASSWORD 'owner''s'")
        with psycopg.connect(host=folder, dbname="postgres", autocommit=True, **owner) as connection:
            connection.execute(f"ALTER USER {USER} RENAME TO tests")  # the script makes one of that name
        reached = {"PGHOST": folder, "PGPASSWORD": owner["password"], "POSTGRES_USER": "owner"}
        path = f"{programs}:{os.environ['PATH']}"
        script = ROOT / "deploy" / "postgres" / "databases.sh"
        subprocess.run(["sh", script], env={**os.environ, **secrets, **reached, "PATH": path}, check=True, timeout=60)
        psycopg.connect(host=folder, user="labelstudio", password="its'own", dbname="labelstudio").close()
        psycopg.connect(host=folder, user=USER, password='our"own', dbname=USER).close()
        with pytest.raises(psycopg.OperationalError, match="permission denied"):
            psycopg.connect(host=folder, user="labelstudio", password="its'own", dbname=USER)


def test_redis_asks_for_its_password_and_forgets_nothing(tmp_path: Path) -> None:
    if not shutil.which("redis-server"):
        missing("there is no Redis: apt install redis-server")
    port = free_port()
    shell, flag, line = SERVICES["redis"]["entrypoint"]
    line = line.replace("$$", "$").replace("dir /data", f"dir {tmp_path}\\nport {port}\\nbind 127.0.0.1")
    line = line.replace("/tmp/redis.conf", str(tmp_path / "redis.conf"))
    environment = {**os.environ, "REDIS_PASSWORD": "a-password"}
    server = subprocess.Popen([shell, flag, line], env=environment, stdout=subprocess.DEVNULL)
    try:
        client = redis.Redis(port=port, password="a-password")
        _until(client.ping)
        assert client.config_get("appendonly") == {"appendonly": "yes"}
        assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
        with pytest.raises(redis.AuthenticationError):
            redis.Redis(port=port).ping()
        client.close()
    finally:
        server.terminate()  # as a container is stopped: Redis itself must get the signal, and not a shell before it
        assert server.wait(20) == 0


def test_docloop_gets_its_token_from_label_studio_without_anybody(
    label_studio: RunningLabelStudio, label_studio_environment: Path, tmp_path: Path
) -> None:
    path = tmp_path / "token"
    environment = {
        "PATH": os.environ["PATH"],
        "LABEL_STUDIO_BASE_DATA_DIR": str(label_studio.data_dir),
        "LABEL_STUDIO_USERNAME": label_studio.login.username,
        "SECRET_KEY": stored_secret_key(label_studio.data_dir),
        "XDG_CONFIG_HOME": str(tmp_path),
    }
    command = [label_studio_environment / "bin" / "python", ROOT / "deploy" / "label-studio" / "make_token.py", path]
    for _ in range(2):  # the second finds it there
        subprocess.run(command, env=environment, check=True, timeout=180, stdout=subprocess.DEVNULL)
    token = path.read_text()
    client = LabelStudio(label_studio.url, token)
    try:
        assert client.call("GET", "api/current-user/whoami")["email"] == label_studio.login.username
    finally:
        client.close()


def _until(works: Any) -> None:
    deadline = time.monotonic() + 20
    while True:
        try:
            works()
        except redis.ConnectionError:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        else:
            return
