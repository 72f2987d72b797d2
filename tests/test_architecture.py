"""The house holds itself: layers are import-linter's (make check); sizes, late imports and completeness are held here."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("ml_backend", "active_learning", "training", "docloop")
SOURCES = sorted(path for package in PACKAGES for path in ROOT.glob(f"{package}/**/*.py"))
FUNCTIONS = ast.FunctionDef | ast.AsyncFunctionDef


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


@cache
def functions() -> Sequence[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    return [
        (f"{path.relative_to(ROOT)}:{node.lineno} {node.name}", node)
        for path in SOURCES
        for node in ast.walk(parsed(path))
        if isinstance(node, FUNCTIONS)
    ]


def test_no_file_is_longer_than_400_lines() -> None:
    long = {str(p.relative_to(ROOT)): n for p in SOURCES if (n := p.read_text(encoding="utf-8").count("\n")) > 400}
    assert long == {}


def test_no_function_is_longer_than_60_lines() -> None:
    assert [name for name, node in functions() if (node.end_lineno or 0) - node.lineno >= 60] == []


def test_no_function_takes_more_than_6_parameters() -> None:
    """Options of a command line are counted by what a person sees, so commands are free of this."""
    many = [
        name
        for name, node in functions()
        if not name.startswith("docloop/cli.py")
        and len([a for a in (*node.args.posonlyargs, *node.args.args) if a.arg not in ("self", "cls")]) > 6
    ]
    assert many == []


def test_every_module_says_why_it_exists() -> None:
    assert [str(p.relative_to(ROOT)) for p in SOURCES if not ast.get_docstring(parsed(p))] == []


@pytest.mark.parametrize(
    "package",
    [
        "openvino",
        "tesserocr",
        "pytesseract",
        "label_studio_sdk",
        "matplotlib",
        "sklearn",
        "skops",
        "alembic",
        "redis",
        "torch",
        "transformers",
        "datasets",
        "accelerate",
        "safetensors",
        "tokenizers",
        "onnx",
        "huggingface_hub",
        "fsspec",
        "s3fs",
    ],
)
def test_heavy_packages_are_imported_where_they_are_used(package: str) -> None:
    early = []
    for path in SOURCES:
        for node in parsed(path).body:
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            if any(name.split(".")[0] == package for name in names):
                early.append(str(path.relative_to(ROOT)))
    assert early == []


def test_only_the_web_package_imports_flask() -> None:
    users = {
        str(path.relative_to(ROOT).parent)
        for path in SOURCES
        if "import flask" in (text := path.read_text(encoding="utf-8")) or "from flask" in text
    }
    assert {user for user in users if not user.startswith("ml_backend/web")} <= {"docloop"}
