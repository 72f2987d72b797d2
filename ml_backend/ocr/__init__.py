"""Words from page images: one protocol, one adapter a file, engines named in a registry."""
