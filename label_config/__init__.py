"""Labelling interfaces, one XML a document kind. Data, not code."""
