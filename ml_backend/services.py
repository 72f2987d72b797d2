"""The wired parts of one process, built once from its settings. The only place where one package's part is handed to another."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache

from filelock import FileLock, Timeout

from ml_backend.batches import BatchPredictor
from ml_backend.credentials import Credentials, load_credentials
from ml_backend.errors import DocloopError
from ml_backend.images.loader import PageLoader
from ml_backend.jobs.hints import Hints
from ml_backend.label_studio.client import LabelStudio
from ml_backend.label_studio.fetch import Fetcher
from ml_backend.label_studio.label_config import Interface, parse_interface
from ml_backend.models.base import FieldExtractor
from ml_backend.models.keyword_baseline import KeywordBaseline
from ml_backend.models.label_guess import guess_type
from ml_backend.ocr.base import OCREngine
from ml_backend.ocr.cache import PageCache
from ml_backend.ocr.pool import OCRPool
from ml_backend.ocr.registry import create_engine
from ml_backend.predictor import Predictor
from ml_backend.push import Push, PushReport
from ml_backend.settings import Settings

_CACHE_BYTES = 2_000_000_000


@lru_cache(maxsize=256)
def read_interface(xml: str) -> Interface:
    """A labelling interface, with field types guessed where labels declare none."""
    return parse_interface(xml, guess_type)


class LabelStudioAccess:
    """Label Studio as the settings name it, connected at first use: predicting a local file needs no Label Studio."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._client: LabelStudio | None = None
        self._lock = threading.Lock()

    def client(self) -> LabelStudio:
        """The client. Raises LabelStudioError if there is no token or nobody answers."""
        with self._lock:
            if self._client is None:
                token = self._settings.label_studio_token.get_secret_value()
                self._client = LabelStudio(self._settings.label_studio_url, token)
            return self._client

    def authorization(self) -> str:
        """The Authorization header for Label Studio's own files, or empty when no token is set."""
        return self.client().authorization() if self._settings.label_studio_token.get_secret_value() else ""

    def close(self) -> None:
        if self._client is not None:
            self._client.close()


@dataclass
class Services:
    """What requests and commands work with. ``close`` stops every thread and child process."""

    settings: Settings
    credentials: Credentials
    loader: PageLoader
    pool: OCRPool
    extractor: FieldExtractor
    batches: BatchPredictor
    hints: Hints
    access: LabelStudioAccess
    interface: Callable[[str], Interface] = field(default=read_interface)

    @property
    def predictor(self) -> Predictor:
        return self.batches.predictor

    def version(self, label_config: str) -> str:
        """The model version of predictions for a labelling interface. Raises ConfigUnsupported."""
        return self.predictor.version(self.interface(label_config))

    def push(
        self, project_id: int, on_progress: Callable[[PushReport], None] = lambda report: None, wait: bool = True
    ) -> PushReport:
        """Predict and push what a project lacks. One at a time for each project on this machine: two would store all twice.

        Raises:
            DocloopError: ``push_running``, without ``wait`` while another process is at it; and whatever keeps it from working.
        """
        locks = self.settings.data_dir / "locks"
        locks.mkdir(parents=True, exist_ok=True)
        try:
            with FileLock(locks / f"push-{project_id}.lock", blocking=wait):
                label_studio = self.access.client()
                project = label_studio.project(project_id)
                return Push(
                    label_studio, self.batches, self.interface(project.label_config), project, on_progress
                ).run()
        except Timeout:
            raise DocloopError(
                "push_running", f"Project {project_id} is being predicted already.", "Wait until that is done."
            ) from None

    def close(self) -> None:
        self.batches.close()
        self.pool.close()
        self.loader.close()
        self.access.close()


def make_engine(settings: Settings) -> OCREngine:
    """The OCR engine that the settings name. Raises EngineUnavailable: it is unknown or not installed."""
    return create_engine(
        settings.ocr_engine,
        runtime=settings.ocr_runtime,
        languages=settings.ocr_languages,
        threads=settings.ocr_threads,
    )


def build_services(settings: Settings, engine: OCREngine | None = None, any_public_host: bool = False) -> Services:
    """The parts, wired. ``engine`` replaces the one that the settings name (tests use the fake twin); with
    ``any_public_host`` a person has typed the URLs, and any public address may be fetched.

    Raises:
        EngineUnavailable: the OCR engine is unknown or not installed.
        SetupError: the data folder or the secrets cannot be used.
    """
    credentials = load_credentials(settings)
    access = LabelStudioAccess(settings)
    loader = PageLoader(children=max(2, settings.ocr_concurrency))  # a document takes one until its last page is read
    engine = engine or make_engine(settings)
    pool = OCRPool(engine, settings.ocr_concurrency, PageCache(settings.data_dir / "cache" / "ocr", _CACHE_BYTES))
    fetcher = Fetcher(
        settings.label_studio_url, access.authorization, settings.allowed_hosts, allow_any_public_host=any_public_host
    )
    extractor = KeywordBaseline(country=settings.country)
    predictor = Predictor(
        fetch=fetcher.fetch,
        load=loader.pages,
        read=lambda page: pool.read(page.image, page.digest),
        extractor=extractor,
    )
    return Services(
        settings=settings,
        credentials=credentials,
        loader=loader,
        pool=pool,
        extractor=extractor,
        # More than are read at once, so that the next pages are fetched and decoded meanwhile.
        batches=BatchPredictor(predictor, workers=settings.ocr_concurrency + 2),
        hints=Hints(settings.data_dir / "hints"),
        access=access,
    )
