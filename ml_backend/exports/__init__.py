"""Ground truth for others: what a confirmed document is outside of docloop, and one file a format."""
