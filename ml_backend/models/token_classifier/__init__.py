"""The model that learns from an annotator's documents on a laptop's CPU: words get labels, labelled words become whole fields."""

from ml_backend.models.token_classifier.classifier import TokenClassifier

__all__ = ["TokenClassifier"]
