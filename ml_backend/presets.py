"""The labelling interfaces that come with docloop, by name."""

from __future__ import annotations

from importlib.resources import files

from ml_backend.errors import DocloopError

_SUFFIX = ".xml"


def preset_names() -> list[str]:
    """The names that ``preset_xml`` knows."""
    inside = files("label_config").iterdir()
    return sorted(entry.name.removesuffix(_SUFFIX) for entry in inside if entry.name.endswith(_SUFFIX))


def preset_xml(name: str) -> str:
    """The XML of a preset, such as ``receipt``.

    Raises:
        DocloopError: ``interface_unknown``: there is none of this name; the fix lists them.
    """
    if name not in preset_names():
        raise DocloopError(
            "interface_unknown",
            "There is no labelling interface of this name.",
            f"Name one of: {', '.join(preset_names())}.",
        )
    return (files("label_config") / f"{name}{_SUFFIX}").read_text(encoding="utf-8")
