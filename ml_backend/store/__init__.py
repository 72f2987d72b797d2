"""The ledger and the run records: SQLAlchemy over SQLite by default, PostgreSQL by URL."""
