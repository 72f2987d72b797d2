"""What people confirmed, out of the store: which annotation is the truth, and every document's line of ground truth."""

from ml_backend.ground_truth.filters import Filters
from ml_backend.ground_truth.stream import ground_truth

__all__ = ["Filters", "ground_truth"]
