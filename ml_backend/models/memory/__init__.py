"""The model that needs one confirmed document: the next one of the same layout is answered from it."""

from ml_backend.models.memory.memory import LayoutMemory, fingerprint

__all__ = ["LayoutMemory", "fingerprint"]
