"""Several field models in one version, and who of them is believed for each field."""

from ml_backend.models.combined.combined import Combined

__all__ = ["Combined"]
