"""Settings: read once, an unknown one is an error, secrets stay hidden."""

from __future__ import annotations

from pathlib import Path

import pytest

from ml_backend.errors import SetupError
from ml_backend.settings import load_settings


def test_settings_come_from_the_environment_and_the_command_line_wins() -> None:
    settings = load_settings(
        {"DOCLOOP_PORT": "9191", "DOCLOOP_HOST": "127.0.0.2", "PATH": "/bin"}, port=9292, host=None
    )
    assert (settings.port, settings.host) == (9292, "127.0.0.2")


@pytest.mark.parametrize(
    ("environment", "code", "quoted"),
    [
        ({"DOCLOOP_LABEL_STUDIO_TOKN": "x"}, "unknown_setting", "DOCLOOP_LABEL_STUDIO_TOKEN"),
        ({"DOCLOOP_COLOUR": "x"}, "unknown_setting", "DOCLOOP_COLOUR"),
        ({"DOCLOOP_PORT": "http"}, "bad_setting", "DOCLOOP_PORT"),
        ({"DOCLOOP_TOKN": "x"}, "unknown_setting", "DOCLOOP_LABEL_STUDIO_TOKEN"),
        ({"DOCLOOP_COUNTRY": "Germany"}, "bad_setting", "two letters such as DE"),
        ({"DOCLOOP_PORT": "abc"}, "bad_setting", "'abc'"),
        ({"DOCLOOP_LABEL_STUDIO_URL": "http://"}, "bad_setting", "and a host"),
        ({"DOCLOOP_PORT": "70000"}, "bad_setting", "65535"),
        ({"DOCLOOP_PREDICT_BUDGET": "120"}, "bad_setting", "95"),
        ({"DOCLOOP_LABEL_STUDIO_URL": "localhost:8080"}, "bad_setting", "localhost:8080"),
    ],
)
def test_a_wrong_setting_is_named(environment: dict[str, str], code: str, quoted: str) -> None:
    with pytest.raises(SetupError, match=quoted) as caught:
        load_settings(environment)
    assert caught.value.code == code


def test_a_list_of_hosts_is_split_and_the_slash_of_a_url_dropped() -> None:
    settings = load_settings(
        {"DOCLOOP_ALLOWED_HOSTS": "A.example, b:9000,", "DOCLOOP_LABEL_STUDIO_URL": "http://ls/x/"}
    )
    assert (settings.allowed_hosts, settings.label_studio_url) == (("a.example", "b:9000"), "http://ls/x")


def test_secrets_are_not_printed() -> None:
    settings = load_settings({"DOCLOOP_PASSWORD": "hush-hush", "DOCLOOP_LABEL_STUDIO_TOKEN": "hush-token"})
    assert "hush" not in repr(settings)
    assert "hush" not in str(settings.model_dump())


def test_a_secret_may_come_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text("hush-token\n")
    settings = load_settings({"DOCLOOP_LABEL_STUDIO_TOKEN_FILE": str(path)})
    assert settings.label_studio_token.get_secret_value() == "hush-token"


@pytest.mark.parametrize(
    ("environment", "code"),
    [
        ({"DOCLOOP_PASSWORD_FILE": "/no/such/file"}, "secret_file_unreadable"),
        ({"DOCLOOP_PASSWORD_FILE": "/no/such/file", "DOCLOOP_PASSWORD": "x"}, "setting_twice"),
        ({"DOCLOOP_PORT_FILE": "/no/such/file"}, "unknown_setting"),
    ],
)
def test_a_file_that_is_missing_doubled_or_no_secret_s_is_an_error(environment: dict[str, str], code: str) -> None:
    with pytest.raises(SetupError) as caught:
        load_settings(environment)
    assert caught.value.code == code


def test_links_go_to_where_people_reach_label_studio() -> None:
    settings = load_settings({"DOCLOOP_LABEL_STUDIO_URL": "http://label.studio:8080"})
    assert settings.task_link(7) == "http://label.studio:8080/projects/7/data?task={task}"
    public = load_settings({"DOCLOOP_LABEL_STUDIO_PUBLIC_URL": "https://ls.example.org/"})
    assert public.data_link(7) == "https://ls.example.org/projects/7/data"
    assert public.seen_from_label_studio == "http://localhost:9090"


def test_only_what_is_handed_in_counts_and_an_empty_variable_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCLOOP_PORT", "1234")
    settings = load_settings({"DOCLOOP_DATA_DIR": ""})
    assert (settings.port, settings.data_dir.is_absolute()) == (9090, True)
