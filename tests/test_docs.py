"""The documents name what is there: every command, setting and route, and no file that is gone."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import typer
from flask import Flask

from docloop.cli import app as command_line
from ml_backend.settings import FILE_SUFFIX, PREFIX, Settings

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
DOCUMENTS = [ROOT / name for name in ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "label_config/README.md")]


@pytest.mark.parametrize("command", sorted(typer.main.get_command(command_line).commands))  # type: ignore[attr-defined]
def test_every_command_is_in_the_readme(command: str) -> None:
    assert f"docloop {command}" in README


@pytest.mark.parametrize("setting", sorted(Settings.model_fields))
def test_every_setting_is_in_the_readme_and_describes_itself(setting: str) -> None:
    assert f"`{PREFIX}{setting.upper()}`" in README
    assert Settings.model_fields[setting].description


def test_no_setting_in_the_readme_is_gone() -> None:
    named = {name.removesuffix(FILE_SUFFIX) for name in re.findall(rf"{PREFIX}([A-Z_]+[A-Z])", README)}
    assert {name.lower() for name in named} <= set(Settings.model_fields)


def test_every_route_is_in_the_readme(app: Flask) -> None:
    assert [rule.rule for rule in app.url_map.iter_rules() if f"`{rule.rule}`" not in README] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_link_to_a_file_leads_somewhere(document: Path) -> None:
    links = re.findall(r"\]\(([^)#:]+)\)", document.read_text(encoding="utf-8"))
    assert [link for link in links if not (document.parent / link).exists()] == []
