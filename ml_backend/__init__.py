"""Task to prediction to annotation: what Label Studio talks to."""
