"""Numbered changes of the schema, only ever added to. `python -m alembic` is not needed: the store runs them."""
