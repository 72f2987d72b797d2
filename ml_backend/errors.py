"""Every error docloop raises on purpose, in one tree.

Each has a stable ``code`` (for logs, counters and clients), a sentence for people, and, where there is one, the fix.
An exception that is not a ``DocloopError`` is a fault of ours.

    DocloopError
    ├── ImageRejected       bytes that are not a page we read: wrong kind, too large, broken
    ├── FetchRefused        a task URL that may not be fetched, or could not be
    ├── ConfigUnsupported   a labelling interface that cannot show OCR boxes and texts
    ├── EngineUnavailable   an unknown OCR engine, or one whose package is missing
    ├── EngineFailed        an OCR engine broke on a page
    ├── ModelRejected       a model version whose files are not what its manifest says, or that cannot be made
    ├── ExportRefused       ground truth that cannot be given out or taken in as asked
    ├── StoreError          the database cannot be opened, is of another docloop, or refused
    ├── StorageError        the bucket or shared folder (DOCLOOP_STORAGE_URL) does not answer, or refused
    ├── ArchiveRefused      a backup that cannot be taken, or must not be restored
    ├── LabelStudioError    Label Studio refused, answered nonsense, or cannot be reached
    └── SetupError          settings, secrets, ports, folders: what keeps docloop from starting
"""

from __future__ import annotations


class DocloopError(Exception):
    """An error with a stable code, a sentence for people and, where known, the fix.

    ``quoted`` are words of another program in that sentence. They may be about a document, so a log leaves them out
    (``for_log``).
    """

    def __init__(self, code: str, message: str, fix: str = "", quoted: str = "") -> None:
        super().__init__(f"{message} {fix}".strip())
        self.code = code
        self.message = message
        self.fix = fix
        self.quoted = quoted

    @property
    def for_log(self) -> str:
        """The sentence and the fix, without foreign words."""
        return str(self).replace(self.quoted, "...") if self.quoted else str(self)


class ImageRejected(DocloopError):
    """The bytes are not a page docloop reads."""


class FetchRefused(DocloopError):
    """A task URL that may not be fetched, or could not be."""


class ConfigUnsupported(DocloopError):
    """The labelling interface cannot show what docloop predicts."""


class EngineUnavailable(DocloopError):
    """The OCR engine is unknown, or its package is not installed."""


class EngineFailed(DocloopError):
    """The OCR engine broke on a page."""


class ModelRejected(DocloopError):
    """A model version that must not be loaded, or that cannot be made from these samples."""


class ExportRefused(DocloopError):
    """Ground truth that cannot be given out, or taken in, as it was asked for."""


class StoreError(DocloopError):
    """The database cannot be opened, belongs to another docloop, or refused."""


class StorageError(DocloopError):
    """The bucket or shared folder of DOCLOOP_STORAGE_URL does not answer, refused, or holds something odd."""


class ArchiveRefused(DocloopError):
    """A backup that cannot be taken as asked, or that must not be restored: broken, newer, or into what is not empty."""


class LabelStudioError(DocloopError):
    """Label Studio refused a call, answered nonsense, or cannot be reached.

    ``unsure``: nobody said how a call ended; Label Studio may do, or have done, what it asked for all the same.
    """

    unsure = False


class SetupError(DocloopError):
    """Settings, secrets, ports or folders keep docloop from starting."""
