"""The wired parts of one process, built once from its settings. The only place where one package's part is handed to another."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from ml_backend.batches import BatchPredictor
from ml_backend.credentials import Credentials, load_credentials
from ml_backend.deletions import Deletions
from ml_backend.document.version_names import version_name
from ml_backend.exports.index import ExportIndex
from ml_backend.images.loader import PageLoader
from ml_backend.label_studio.client import LabelStudio
from ml_backend.label_studio.fetch import Fetcher
from ml_backend.label_studio.label_config import Interface, parse_interface
from ml_backend.memories import MEMORY, Memories
from ml_backend.models.base import FieldExtractor
from ml_backend.models.keyword_baseline import KeywordBaseline
from ml_backend.models.label_guess import guess_type
from ml_backend.ocr.base import OCREngine
from ml_backend.ocr.pool import OCRPool
from ml_backend.ocr.registry import create_engine
from ml_backend.page_files import PageFiles
from ml_backend.predictor import Observer, Predictor
from ml_backend.readers import READERS, Readers, best_reader, mark_of
from ml_backend.settings import Settings
from ml_backend.shared_files import bucket_of, export_index_in, page_cache_in, page_files_in, registry_in

if TYPE_CHECKING:
    from ml_backend.champions import Champions
    from ml_backend.following import Following
    from ml_backend.jobs.hints import Hints
    from ml_backend.models.registry import ModelRegistry
    from ml_backend.store.store import Store

_CACHE_BYTES = 2_000_000_000
LAPTOP_MODEL = "token-classifier"  # the kind of model that a laptop learns
COMBINED = "combined"  # the kind of version that holds several
LAYOUT = "layout-model"  # LayoutLMv3 or LiLT
MODELS, PAGES, EXPORTS, CHECKPOINTS = "models", "pages", "exports", "training"  # folders of the data folder
BACKUPS = "backups"  # of the database, before an upgrade
KEYWORDS = "keywords"  # the member that needs no training


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


class LazyStore:
    """The store, opened at first use: reading a local file needs no database."""

    def __init__(self, url: str, backups: Path | None = None) -> None:
        self._url = url
        self._backups = backups
        self._store: Store | None = None
        self._lock = threading.Lock()

    def get(self) -> Store:
        """The store. Raises StoreError if it cannot be opened."""
        with self._lock:
            if self._store is None:
                from ml_backend.store.store import open_store

                self._store = open_store(self._url, self._backups)
            return self._store

    def close(self) -> None:
        with self._lock:
            if self._store is not None:
                self._store.close()
                self._store = None


@dataclass
class Services:
    """What requests and commands work with. ``close`` stops every thread and child process."""

    settings: Settings
    credentials: Credentials
    loader: PageLoader
    pool: OCRPool
    batches: BatchPredictor
    registry: ModelRegistry
    champions: Champions
    memories: Memories
    readers: Readers
    hints: Hints
    access: LabelStudioAccess
    lazy_store: LazyStore
    deletions: Deletions
    interface: Callable[[str], Interface] = field(default=read_interface)
    following: Following | None = None
    forgetters: list[Callable[[], object]] = field(
        default_factory=list
    )  # what else of this machine forgets with the copies

    @property
    def predictor(self) -> Predictor:
        return self.batches.predictor

    @property
    def store(self) -> Store:
        """The store, opened at first use. Raises StoreError if it cannot be opened."""
        return self.lazy_store.get()

    def version(self, label_config: str, project_uid: str) -> str:
        """The model version of a project's predictions for its labelling interface. Raises ConfigUnsupported."""
        fingerprint = self.interface(label_config).fingerprint
        return version_name(self.champions.version_of(project_uid), fingerprint, self.readers.mark(project_uid))

    def forget_answers(self) -> None:
        """Let go of everything in this process that was answered or confirmed: documents were deleted. It comes when asked."""
        self.batches.forget()
        self.memories.forget()

    def tidy_memory(self) -> None:
        """Let go of predictions that are too old, and of models whose files are others by now. Cheap, to be asked for often."""
        self.batches.expire()
        self.champions.forget_changed()

    def follow(self) -> None:
        """With a bucket: keep this process's copies as that has them, from now on."""
        from ml_backend.exports.shared_index import SharedExportIndex
        from ml_backend.following import Following
        from ml_backend.models.shared_registry import SharedRegistry

        bucket = bucket_of(self.settings)
        if bucket is not None and self.following is None:
            registries = [one for one in (self.registry, self.readers.registry) if isinstance(one, SharedRegistry)]
            index = export_index(self.settings)
            exchange = index.exchange if isinstance(index, SharedExportIndex) else lambda: None
            self.following = Following(bucket, registries, self.forget_copies, exchange)
            self.following.start()

    def forget_copies(self) -> None:
        """Take off this machine what the store does not have any more; another one has seen to the bucket.

        Raises:
            StoreError: the store does not answer.
        """
        self.pool.keep_only_here(self.store.documents.digests())
        files = page_files(self.settings)
        for content in files.copies() - self.store.samples.contents().keys():
            files.drop_copy(content)
        for forget in self.forgetters:
            forget()
        self.forget_answers()

    def tell_forgotten(self) -> None:
        """Have other machines take off what was forgotten here. Raises StorageError."""
        from ml_backend.following import tell_forgotten

        if (bucket := bucket_of(self.settings)) is not None:
            tell_forgotten(bucket)

    def close(self) -> None:
        if self.following is not None:
            self.following.close()
        self.deletions.close()
        self.batches.close()
        self.pool.close()
        self.loader.close()
        self.access.close()
        self.lazy_store.close()


def store_url(settings: Settings) -> str:
    """The database that the settings name; a SQLite file in the data folder by default."""
    return settings.store_url.get_secret_value() or f"sqlite:///{settings.data_dir / 'docloop.sqlite3'}"


def make_hints(settings: Settings) -> Hints:
    """Where web and worker leave each other hints: files, or Redis for many machines."""
    from ml_backend.jobs.hints import open_hints

    return open_hints(settings.queue_url.get_secret_value(), settings.data_dir / "hints")


def make_baseline(country: str) -> FieldExtractor:
    """The model of the first day, version 0 of every project."""
    return KeywordBaseline(country=country)


def champions_in(models: Path, country: str, registry: ModelRegistry | None = None) -> Champions:
    """The promoted models of all projects, loaded when they are asked for; of ``registry``, or of the folder ``models``."""
    from ml_backend.champions import Champions
    from ml_backend.models.registry import ModelRegistry

    def combined(folder: Path, version: str) -> FieldExtractor:
        from ml_backend.models.combined import Combined

        return Combined.load(folder, version, _members(version, country))

    kinds = {LAPTOP_MODEL: lambda folder, version: _members(version, country)[LAPTOP_MODEL](folder), COMBINED: combined}
    return Champions(registry or ModelRegistry(models), make_baseline(country), kinds)


def _members(version: str, country: str) -> dict[str, Callable[[Path], FieldExtractor]]:
    """How each kind of model is made from its folder: on its own, or as a member of a combined version."""

    def tokens(folder: Path) -> FieldExtractor:
        from ml_backend.models.token_classifier import TokenClassifier  # scikit-learn, when a project has learned

        return TokenClassifier.load(folder, version, country)

    def memory(folder: Path) -> FieldExtractor:
        from ml_backend.models.memory import LayoutMemory

        return LayoutMemory.load(folder, version, country)

    def layout(folder: Path) -> FieldExtractor:
        from ml_backend.models.layout_model import LayoutModel

        return LayoutModel.load(folder, version, country)

    return {LAPTOP_MODEL: tokens, MEMORY: memory, LAYOUT: layout, KEYWORDS: lambda folder: make_baseline(country)}


def models_folder(settings: Settings) -> Path:
    """Where model versions lie."""
    return settings.data_dir / MODELS


def model_registry(settings: Settings) -> ModelRegistry:
    """The field models of all projects."""
    return registry_in(settings, MODELS, store_url(settings))


def reader_registry(settings: Settings) -> ModelRegistry:
    """The readers of all projects."""
    return registry_in(settings, READERS, store_url(settings))


def page_files(settings: Settings) -> PageFiles:
    """Where the files of confirmed pages lie."""
    return page_files_in(settings, PAGES)


def export_index(settings: Settings) -> ExportIndex:
    """What was exported so far."""
    return export_index_in(settings, EXPORTS)


def exports_here(settings: Settings) -> ExportIndex:
    """The exports that this machine knows of, without a question to the bucket: ``Following`` brings those of others."""
    return ExportIndex(settings.data_dir / EXPORTS)


def failed_imports(settings: Settings, project_id: int) -> Path:
    """Where ``docloop import`` keeps the names of files that it could not import."""
    return settings.data_dir / "imports" / f"project-{project_id}-failed.txt"


def checkpoints(settings: Settings) -> Path:
    """Where a layout model that is being trained lies, in a folder of its run."""
    return settings.data_dir / CHECKPOINTS


def make_engine(settings: Settings) -> OCREngine:
    """The OCR engine that the settings name, before anything was learned.

    Raises:
        EngineUnavailable: it is unknown or not installed.
    """
    return create_engine(
        settings.ocr_engine,
        runtime=settings.ocr_runtime,
        languages=settings.ocr_languages,
        threads=settings.ocr_threads,
    )


def reader_mark(settings: Settings, project_uid: str) -> str:
    """The mark of the project's reader (see ``readers``), for who asks once and loads no engine."""
    return mark_of(best_reader(reader_registry(settings), project_uid)) if learns_to_read(settings) else ""


def learns_to_read(settings: Settings) -> bool:
    """Whether an engine of the settings can read with what ``docloop train-ocr`` makes."""
    return "rapidocr" in [name.strip() for name in settings.ocr_engine.split(",")]


def build_services(
    settings: Settings,
    engine: OCREngine | None = None,
    any_public_host: bool = False,
    observe: Observer = lambda document, extraction, specs: None,
) -> Services:
    """The parts, wired. ``engine`` replaces the one that the settings name (tests use the fake twin); with
    ``any_public_host`` a person has typed the URLs, and any public address may be fetched. ``observe`` is what the
    predictor lets look at each document.

    Raises:
        EngineUnavailable: the OCR engine is unknown or not installed.
        SetupError: the data folder or the secrets cannot be used.
    """
    credentials = load_credentials(settings)
    access = LabelStudioAccess(settings)
    loader = PageLoader(children=max(2, settings.ocr_concurrency))  # a document takes one until its last page is read
    engine = engine or make_engine(settings)
    readers = Readers(reader_registry(settings), engine, settings.ocr_runtime)
    cache = page_cache_in(settings, settings.data_dir / "cache" / "ocr", _CACHE_BYTES)
    pool = OCRPool(engine, settings.ocr_concurrency, cache)
    fetcher = Fetcher(
        settings.label_studio_url, access.authorization, settings.allowed_hosts, allow_any_public_host=any_public_host
    )
    champions = champions_in(models_folder(settings), settings.country, model_registry(settings))
    store = LazyStore(store_url(settings), settings.data_dir / BACKUPS)
    memories = Memories(champions.of, store.get, settings.country)
    predictor = Predictor(
        fetch=fetcher.fetch,
        load=loader.pages,
        read=lambda page, project_uid: pool.read(page.image, page.digest, engine=readers.engine(project_uid)),
        champion=memories.champion,
        remembers=memories.mark,
        observe=observe,
        reader=readers.mark,
    )
    services = Services(
        settings=settings,
        credentials=credentials,
        loader=loader,
        pool=pool,
        # More than are read at once, so that the next pages are fetched and decoded meanwhile.
        batches=BatchPredictor(predictor, workers=settings.ocr_concurrency + 2),
        registry=champions.registry,
        champions=champions,
        memories=memories,
        readers=readers,
        hints=make_hints(settings),
        access=access,
        lazy_store=store,
        deletions=Deletions(
            mark=lambda: store.get().projects.deletions(),
            forget=lambda: services.forget_answers(),
            tidy=lambda: services.tidy_memory(),
        ),
    )
    return services
