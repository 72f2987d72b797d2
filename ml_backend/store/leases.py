"""Who does what at the moment: a name is held by one process until a time, and can be taken over after it."""

from __future__ import annotations

import math
from collections.abc import Collection

import sqlalchemy as sa

from ml_backend.store.database import Database, in_chunks
from ml_backend.store.tables import leases


class Leases:
    """Leases by name, each of which all processes take for the same ``seconds``. Times are seconds since 1970; all processes need
    the same clock to within a fraction of the lease. One that ends later than anybody could ask for is none: it was taken before
    the clock was set back."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def take(self, name: str, holder: str, now: float, seconds: float) -> bool:
        """Take the lease, or renew one's own. False: somebody else holds it."""
        statement = self._database.insert(leases).values(name=name, holder=holder, until=now + seconds)
        statement = statement.on_conflict_do_update(
            index_elements=["name"],
            set_={"holder": statement.excluded.holder, "until": statement.excluded.until},
            where=(leases.c.holder == holder) | (leases.c.until <= now) | (leases.c.until > _latest(now, seconds)),
        )
        with self._database.write() as connection:
            return connection.execute(statement.returning(leases.c.name)).first() is not None

    def renew(self, name: str, holder: str, now: float, seconds: float) -> bool:
        """Keep one's own lease, also one that has run out. False: somebody else has, or had, it since."""
        mine = leases.c.name == name, leases.c.holder == holder
        with self._database.write() as connection:
            return bool(connection.execute(leases.update().where(*mine).values(until=now + seconds)).rowcount)

    def among(self, names: Collection[str], now: float, seconds: float = math.inf) -> set[str]:
        """Those of these names that are held now, if leases of ``seconds`` can be."""
        found: set[str] = set()
        with self._database.read() as connection:
            for chunk in in_chunks(sorted(names)):
                there = sa.select(leases.c.name).where(leases.c.name.in_(chunk), leases.c.until > now)
                there = there.where(leases.c.until <= _latest(now, seconds))
                found.update(connection.execute(there).scalars())
        return found

    def sweep(self, before: float) -> None:
        """Forget the leases that ran out before a time: nobody asks for them any more."""
        with self._database.write() as connection:
            connection.execute(leases.delete().where(leases.c.until < before))

    def release(self, name: str, holder: str) -> None:
        """Give one's own lease back; somebody else's stays."""
        with self._database.write() as connection:
            connection.execute(leases.delete().where(leases.c.name == name, leases.c.holder == holder))

    def held(self, prefix: str, now: float) -> list[str]:
        """The names held now that begin with ``prefix``: ``held("worker-", now)`` are the workers alive."""
        mine = sa.select(leases.c.name).where(leases.c.name.startswith(prefix, autoescape=True), leases.c.until > now)
        with self._database.read() as connection:
            return list(connection.execute(mine.order_by(leases.c.name)).scalars())

    def ends(self, prefix: str, after: float) -> list[tuple[str, float]]:
        """The leases that begin with ``prefix`` and end after ``after``, with their ends: also those that ran out since then."""
        mine = sa.select(leases.c.name, leases.c.until)
        mine = mine.where(leases.c.name.startswith(prefix, autoescape=True), leases.c.until > after)
        with self._database.read() as connection:
            return [(name, until) for name, until in connection.execute(mine.order_by(leases.c.name))]


def _latest(now: float, seconds: float) -> float:
    """When a lease that was taken for ``seconds`` ends at the latest, by whatever clock is nearly right."""
    return now + 2 * seconds
