"""The machine: versions of what docloop stands on, memory, OCR on a page made here, licences."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from docloop.doctor.bench import Bench
from docloop.doctor.findings import Check, Found, Known, Level
from ml_backend.errors import DocloopError
from ml_backend.services import make_engine

_LEAST = {"pillow": (13, 0), "urllib3": (2, 6, 3)}
_SHOWN = ("pillow", "urllib3", "onnxruntime", "torch", "transformers")
_LAYOUT = ("torch", "transformers", "accelerate")
_MEMORY = 1_500_000_000  # bytes: one reader, the web process, the worker
_TEXT = "TOTAL 12.50"

KNOWN = {
    "package_old": Known(
        Level.FAULT,
        "a package has faults that a newer one has not",
        "Older decoders and redirect rules let a hostile file or URL do harm.",
        "pip install --upgrade '{package}>={least}'",
    ),
    "layout_extra_missing": Known(
        Level.FAULT,
        "DOCLOOP_LAYOUT_MODEL is on, but the packages it needs are not installed",
        "Every training would fail.",
        "pip install 'docloop[layout]'   # or unset DOCLOOP_LAYOUT_MODEL",
    ),
    "licence_non_commercial": Known(
        Level.WARNING,
        "the base model's weights may not be used commercially",
        "The licence goes on with every version that is trained from it.",
        "export DOCLOOP_BASE_MODEL=SCUT-DLVCLab/lilt-roberta-en-base   # MIT; then docloop train --project {project}",
    ),
    "memory_low": Known(
        Level.WARNING,
        "less than 1.5 GB of memory is left",
        "A page that is read takes 0.3 GB, a training more; the system ends whom it likes.",
        "export DOCLOOP_OCR_CONCURRENCY=1 DOCLOOP_TRAINING_MEMORY_MB=1000   # or give the machine more",
    ),
    "ocr_unusable": Known(
        Level.FAULT,
        "the OCR engine cannot be started, or broke on a page",
        "Nothing can be read.",
        "pip install --force-reinstall rapidocr onnxruntime   # or name another in DOCLOOP_OCR_ENGINE",
    ),
    "ocr_misreads": Known(
        Level.FAULT,
        "the OCR engine did not read a clean line that was printed for it",
        "All predictions rest on what it reads.",
        "export DOCLOOP_OCR_RUNTIME=onnxruntime   # and look at DOCLOOP_OCR_ENGINE and DOCLOOP_OCR_LANGUAGES",
    ),
}  # fmt: skip


def versions(bench: Bench) -> Iterator[Found]:
    """What is installed; torch and its like only where layout models are asked for."""
    there = {name: found for name in _SHOWN if (found := _version(name))}
    for name, least in _LEAST.items():
        if _numbers(there.get(name, "0")) < least:
            values = {"package": name, "least": ".".join(map(str, least))}
            yield Found(f"{name} {there.get(name, 'is missing')}", "package_old", values)
    missing = [name for name in _LAYOUT if bench.settings.layout_model and not _version(name)]
    if missing:
        yield Found(f"not installed: {', '.join(missing)}", "layout_extra_missing")
    said = [f"docloop {_version('docloop')}", *(f"{name} {found}" for name, found in there.items())]
    yield Found(", ".join([*said, f"sqlite {sqlite3.sqlite_version}"]))


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(".")[:3] if part.isdecimal())


def licence(bench: Bench) -> Iterator[Found]:
    """Of the base model that trainings begin with."""
    if not bench.settings.layout_model or bench.settings.from_scratch:
        yield Found("no base model is used")
        return
    from training.trainers.layout_model.licences import licence_of

    name = bench.settings.base_model
    family = "layoutlmv3" if "layoutlmv3" in name.lower() else ""
    found = licence_of(name, family, Path(name)) or "not known"
    yield Found(f"{name}: {found}", "licence_non_commercial" if is_non_commercial(found) else "", {"project": "N"})


def is_non_commercial(text: str) -> bool:
    """Whether a licence, or a sentence with one, says NC."""
    return "-nc" in text.lower() or "non-commercial" in text.lower()


def memory(bench: Bench) -> Iterator[Found]:
    """What is available now, in the machine or the container."""
    free = available()
    yield Found(f"{free / 1e9:.1f} GB available", "memory_low" if free < _MEMORY else "")


def available(meminfo: Path = Path("/proc/meminfo"), group: Path = Path("/sys/fs/cgroup")) -> int:
    """Bytes of memory that can be had: of the machine, or of the container where that has less."""
    try:
        row = next(line for line in meminfo.read_text().splitlines() if line.startswith("MemAvailable:"))
        free = int(row.split()[1]) * 1024
    except (OSError, StopIteration):
        free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    with suppress(OSError, ValueError):  # no container, or one without a limit ("max")
        limit, used = int((group / "memory.max").read_text()), int((group / "memory.current").read_text())
        free = min(free, max(0, limit - used))
    return free


def ocr(bench: Bench) -> Iterator[Found]:
    """The engine of the settings reads a line that was printed for it."""
    from PIL import Image, ImageDraw, ImageFont

    page = Image.new("RGB", (600, 200), "white")
    ImageDraw.Draw(page).text((60, 70), _TEXT, fill="black", font=ImageFont.load_default(size=48))
    began = bench.clock()
    try:
        engine = bench.engine() if bench.engine else make_engine(bench.settings)
        read = engine.read(page)
    except DocloopError as error:
        yield Found(error.message, "ocr_unusable", fix=error.fix)
        return
    said = f"{engine.id} read {len(read.words)} words in {bench.clock() - began:.1f} s"
    plain = "".join(read.text.split())
    yield Found(said, "" if plain == "".join(_TEXT.split()) else "ocr_misreads")


CHECKS = (
    Check("machine.versions", "Versions", versions),
    Check("machine.memory", "Memory", memory),
    Check("machine.licence", "The base model's licence", licence),
    Check("machine.ocr", "OCR", ocr, seconds=90),
)
