"""Ground truth that others made, as rows of documents with their fields. What is read here is hostile until it is a ``Row``."""
