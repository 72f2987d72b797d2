"""The demo: sample receipts that docloop renders itself, and the ten minutes in which a stranger sees it work."""
