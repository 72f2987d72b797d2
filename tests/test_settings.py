"""Settings: read once, an unknown one is an error, secrets stay hidden."""

from __future__ import annotations

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


def test_only_what_is_handed_in_counts_and_an_empty_variable_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCLOOP_PORT", "1234")
    settings = load_settings({"DOCLOOP_DATA_DIR": ""})
    assert (settings.port, settings.data_dir.is_absolute()) == (9090, True)
