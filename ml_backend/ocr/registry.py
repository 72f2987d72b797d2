"""Names the OCR engines, and joins several into a declared chain of fallbacks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from PIL.Image import Image

from ml_backend.document.elements import Page
from ml_backend.errors import EngineFailed, EngineUnavailable
from ml_backend.ocr.base import OCREngine
from ml_backend.ocr.fake import FakeEngine
from ml_backend.ocr.rapidocr import RapidOCREngine
from ml_backend.ocr.recogniser.version import Recogniser
from ml_backend.ocr.tesseract import TesseractEngine


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """What the settings say to every engine; each takes what concerns it."""

    runtime: str = "auto"
    languages: str = "eng"
    threads: int = 1


ENGINES: dict[str, Callable[[EngineOptions], OCREngine]] = {
    "rapidocr": lambda options: RapidOCREngine(options.runtime, options.threads),
    "tesseract": lambda options: TesseractEngine(options.languages),
    "fake": lambda options: FakeEngine(),
}


def create_engine(
    chain: str,
    *,
    runtime: str = "auto",
    languages: str = "eng",
    threads: int = 1,
) -> OCREngine:
    """The engine named ``chain``, or several, joined by commas: each next one reads the pages on which those before it failed.

    Raises:
        EngineUnavailable: an unknown name, or no engine of the chain is installed.
    """
    names = [name.strip() for name in chain.split(",")]
    for name in names:
        if name not in ENGINES:
            known = ", ".join(sorted(ENGINES.keys() - {"fake"}))  # the twin for tests is nothing to offer
            raise EngineUnavailable("unknown_engine", f"There is no OCR engine {name!r}.", f"Known ones: {known}.")
    options = EngineOptions(runtime, languages, threads)
    if len(names) == 1:
        return ENGINES[names[0]](options)
    engines: list[OCREngine] = []
    missing: list[EngineUnavailable] = []
    for name in names:
        try:
            engines.append(ENGINES[name](options))
        except EngineUnavailable as error:
            # Only what stands before the first working engine makes a page a fallback.
            missing += [] if engines else [error]
    if not engines:
        raise missing[0]
    return FallbackEngine(engines, tuple(str(error) for error in missing))


def learns(engine: OCREngine) -> bool:
    """Whether the engine, or one of its chain, can read with a recogniser that learned."""
    return isinstance(engine, RapidOCREngine) or (
        isinstance(engine, FallbackEngine) and any(map(learns, engine.engines))
    )


def with_recogniser(engine: OCREngine, recogniser: Recogniser) -> OCREngine:
    """The same engine with a recogniser that learned; whatever cannot learn stays as it is."""
    if isinstance(engine, RapidOCREngine):
        return engine.with_recogniser(recogniser)
    if isinstance(engine, FallbackEngine):
        return FallbackEngine([with_recogniser(each, recogniser) for each in engine.engines], engine.missing)
    return engine


class FallbackEngine:
    """Engines in order of preference. A page read by a later one says why in ``Page.fallback``."""

    def __init__(self, engines: Sequence[OCREngine], missing: Sequence[str] = ()) -> None:
        """``missing`` are the reasons why engines before these could not be made."""
        self.engines = tuple(engines)
        self.missing = tuple(missing)
        self.id = ",".join(engine.id for engine in engines)
        self.settings = "; ".join(engine.settings for engine in engines)

    def read(self, image: Image) -> Page:
        """See ``OCREngine.read``; fails with the reasons of all if every engine fails."""
        reasons = list(self.missing)
        for engine in self.engines:
            try:
                page = engine.read(image)
            except (EngineFailed, EngineUnavailable) as error:
                reasons.append(str(error))
            else:
                return page.with_engine(page.engine, " ".join(reasons))
        raise EngineFailed("ocr_failed", " ".join(reasons))
