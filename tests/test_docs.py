"""The documents name what is there: every command, setting and route, no file that is gone, no command that would not run."""

from __future__ import annotations

import re
import runpy
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from flask import Flask

from docloop.cli import app as command_line
from ml_backend.document.fields import FIELD_TYPES
from ml_backend.settings import FILE_SUFFIX, PREFIX, Settings

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted((ROOT / "docs").glob("*.md"))
NAMES = ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "label_config/README.md", "benchmarks/REPORT.md")
DOCUMENTS = [ROOT / name for name in NAMES] + PAGES
README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS: Any = typer.main.get_command(command_line)

_FENCED = re.compile(r"^ *```(\w*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
_SHELL = ("", "sh", "bash")
_COMMAND = re.compile(r"docloop (?!->)")  # an arrow belongs to a drawing
_BEFORE = re.compile(r"^(\w+=\S* +|docker compose exec \S+ +)*(?=docloop )")  # settings for one command, or a container
_AFTER = ("|", ">", "&", "&&", ";")


def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def code_lines(text: str) -> Iterator[str]:
    """The lines of a document's code blocks for the shell, fenced or indented, that begin with ``docloop``: what stands before it
    (settings for one command, a container) is left out."""
    blocks = [block for language, block in _FENCED.findall(text) if language in _SHELL]
    lines = [line for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    lines += re.findall(r"^ {4}(\S.*)$", _FENCED.sub("", text), re.MULTILINE)
    yield from (line for each in lines if _COMMAND.match(line := _BEFORE.sub("", each.strip())))


def refusal(line: str) -> str:
    """Why a line that begins with ``docloop`` would be refused for what it names; empty if it would not."""
    words = shlex.shlex(line, posix=True, punctuation_chars="|&;>")
    words.whitespace_split = True
    said = list(words)[1:]
    said = said[: next((at for at, word in enumerate(said) if word in _AFTER), len(said))]
    command = COMMANDS
    context = command.context_class(command, info_name="docloop")
    while said and said[0] in getattr(command, "commands", {}):
        name = said.pop(0)
        command = command.commands[name]
        context = command.context_class(command, parent=context, info_name=name)
    if command is COMMANDS and said and not said[0].startswith("-"):
        return f"there is no command {said[0]}"
    try:
        values, left, _ = command.make_parser(context).parse_args(said)
    except Exception as error:  # of click, or of the copy that typer brings
        return str(getattr(error, "message", error))
    wanted = [each.opts[0] for each in command.params if each.required and values.get(each.name) in (None, ())]
    return f"not understood: {left}" if left else f"{', '.join(wanted)} is missing" if wanted else ""


@pytest.mark.parametrize("command", sorted(COMMANDS.commands))
def test_every_command_is_in_the_readme(command: str) -> None:
    assert f"docloop {command}" in README


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_command_line_names_a_command_and_options_that_there_are(document: Path) -> None:
    assert {line: why for line in code_lines(text_of(document)) if (why := refusal(line))} == {}


def test_command_lines_are_found_in_every_form_in_which_documents_have_them() -> None:
    text = """
    A=1 B=2 docloop web &
```sh
docloop import a/ \\
  --project 7
docker compose exec ml-backend docloop doctor
echo docloop
```
1. In a list:

   ```sh
   docloop serve
   ```
```python
docloop = Client()
```
    docloop -> training
"""
    found = [" ".join(line.split()) for line in code_lines(text)]
    assert found == ["docloop import a/ --project 7", "docloop doctor", "docloop serve", "docloop web &"]


@pytest.mark.parametrize(
    ("line", "because"),
    [
        ("docloop polish --project 7", "there is no command polish"),
        ("docloop --quiet", "--quiet"),
        ("docloop status --projekt 7", "--projekt"),
        ("docloop stats", "--project is missing"),
        ("docloop status 7 --project 7", "not understood: ['7']"),
        ("docloop tokens create ci --rolle read", "--rolle"),
        ("docloop status --project 7 --watch  # and so on", ""),
        ("docloop predict a.jpg --json > fields.jsonl", ""),
    ],
)
def test_a_command_line_that_would_be_refused_is_found(line: str, because: str) -> None:
    assert because in refusal(line)
    assert bool(because) is bool(refusal(line))


def test_the_page_of_settings_is_what_the_settings_say() -> None:
    made = runpy.run_path(str(ROOT / "docs/make_settings.py"))["page"]()
    assert text_of(ROOT / "docs/settings.md") == made, "run: python docs/make_settings.py"
    assert [name for name in Settings.model_fields if f"`{PREFIX}{name.upper()}`" not in made] == []
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_no_setting_in_a_document_is_gone(document: Path) -> None:
    named = {name.removesuffix(FILE_SUFFIX) for name in re.findall(rf"{PREFIX}([A-Z_]+[A-Z])", text_of(document))}
    of_compose = {"db_password"}  # in .env, for the database
    assert {name.lower() for name in named} <= set(Settings.model_fields) | of_compose


def test_every_route_is_in_the_readme_or_the_page_of_the_rest_api(app: Flask) -> None:
    """That page is made from the OpenAPI document, which has every route of the API: another test compares the two."""
    page = text_of(ROOT / "docs/rest.md")
    rules = {rule.rule: re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule) for rule in app.url_map.iter_rules()}
    assert [rule for rule, plain in rules.items() if f"`{rule}`" not in README and f" {plain}`" not in page] == []


def test_every_type_of_field_is_in_the_page_of_labels() -> None:
    row = re.search(r"^\| `field_type` \|([^|]*)\|", text_of(ROOT / "label_config/README.md"), re.MULTILINE)
    assert row
    assert set(re.findall(r"`(\w+)`", row[1])) == set(FIELD_TYPES)


def test_the_changelog_begins_with_the_version_that_this_is_and_so_do_the_images() -> None:
    version = tomllib.loads(text_of(ROOT / "pyproject.toml"))["project"]["version"]
    headings = re.findall(r"^## (.+)$", text_of(ROOT / "CHANGELOG.md"), re.MULTILINE)
    assert headings[0].removesuffix(" (unreleased)") == version
    assert [heading for heading in headings[1:] if "unreleased" in heading] == []
    images = re.findall(r"image: docloop[\w-]*:(\S+)", text_of(ROOT / "docker-compose.yml"))
    assert images
    assert set(images) == {version}


def test_the_map_leads_to_every_page_and_the_readme_to_the_map() -> None:
    named = set(re.findall(r"\]\(([^)#:]+)", text_of(ROOT / "docs/README.md")))
    assert {page.name for page in PAGES} - named == {"README.md"}
    assert "](docs/README.md)" in README


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_link_to_a_file_leads_somewhere(document: Path) -> None:
    links = re.findall(r"\]\(([^)\s:]+)\)", text_of(document))
    assert [link for link in links if not leads_somewhere(document, link)] == []


def leads_somewhere(document: Path, link: str) -> bool:
    name, _, anchor = link.partition("#")
    target = document.parent / name if name else document
    return target.exists() and (not anchor or anchor in anchors(text_of(target)))


def anchors(text: str) -> set[str]:
    """The names under which a page's headings are linked to, as GitHub makes them."""
    headings = re.findall(r"^#+ +(.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
