"""``python -m docloop`` is ``docloop``."""

from docloop.cli import app

app(prog_name="docloop")
