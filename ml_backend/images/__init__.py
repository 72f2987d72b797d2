"""Bytes to upright RGB page images, within limits, safe against hostile files."""
