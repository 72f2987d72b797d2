"""Batches of a push that several workers share: who has which, and what came of each document.

A batch is claimed for some seconds by one worker, who renews it while it works; a dead worker's claim runs out, and another
takes the batch. Rows quote documents (predicted texts), so they hang on them: a document that is removed takes its row along, a
project all of its batches. They live until the worker that leads the push has imported them, mostly for seconds.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from ml_backend.store.database import Database, in_chunks
from ml_backend.store.tables import documents, push_answers, push_batches

CLAIM = 20.0  # seconds that a dead worker keeps a batch from others

Outcome = Mapping[str, Any]
"""What came of a document, as JSON values; an empty one: it could not be predicted there."""


@dataclass(frozen=True, slots=True)
class ClaimedDocument:
    """A document to predict: its own id, its task's, and where its pages are."""

    id: int
    task_id: int
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Claim:
    """A batch that somebody has for a while. Documents that were removed since it was posted are not in it."""

    batch: int
    documents: tuple[ClaimedDocument, ...]


class PushBatches:
    """Batches by project and model version. Times are seconds since 1970, as with leases."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def post(self, project_uid: str, version: str, batches: Iterable[Collection[int]]) -> list[int]:
        """Let the documents (by id) of each batch be predicted by whoever has this version; the ids of the batches.

        A document that has been removed, or is in a batch already, is left out.
        """
        new = {"project_uid": project_uid, "version": version, "claimed_by": "", "claimed_until": 0.0, "done": False}
        made = self._database.insert(push_answers).on_conflict_do_nothing()
        ids = []
        with self._database.write() as connection:
            for batch in batches:
                number = connection.execute(push_batches.insert().values(new).returning(push_batches.c.id)).scalar_one()
                there = self._database.still_there(connection, documents.c.id, sorted(batch))
                if there:
                    connection.execute(made, [{"document_id": one, "batch": number} for one in sorted(there)])
                ids.append(number)
        return ids

    def claim(self, project_uid: str, version: str, holder: str, now: float, seconds: float) -> Claim | None:
        """Take the oldest batch of this version that nobody has; None where there is none."""
        mine = push_batches.c.project_uid == project_uid, push_batches.c.version == version
        free = _free(now, seconds).where(*mine).order_by(push_batches.c.id).limit(1).with_for_update(skip_locked=True)
        taken = (
            push_batches.update()
            .where(push_batches.c.id == free.scalar_subquery())
            .values(claimed_by=holder, claimed_until=now + seconds)
        )
        joined = push_answers.join(documents, push_answers.c.document_id == documents.c.id)
        each = sa.select(documents.c.id, documents.c.task_id, documents.c.data).select_from(joined)
        with self._database.write() as connection:
            number = connection.execute(taken.returning(push_batches.c.id)).scalar()
            if number is None:
                return None
            rows = connection.execute(each.where(push_answers.c.batch == number).order_by(documents.c.id))
            return Claim(number, tuple(ClaimedDocument(*row) for row in rows))

    def renew(self, holder: str, now: float, seconds: float) -> None:
        """Keep all batches that this holder has, for so many seconds more."""
        mine = push_batches.c.claimed_by == holder, ~push_batches.c.done
        with self._database.write() as connection:
            connection.execute(push_batches.update().where(*mine).values(claimed_until=now + seconds))

    def release(self, holder: str, batch: int | None = None) -> None:
        """Give what this holder has, and did not answer, to others: one batch, or all of them."""
        mine = [push_batches.c.claimed_by == holder, ~push_batches.c.done]
        if batch is not None:
            mine.append(push_batches.c.id == batch)
        with self._database.write() as connection:
            connection.execute(push_batches.update().where(*mine).values(claimed_by="", claimed_until=0.0))

    def answer(self, batch: int, holder: str, outcomes: Mapping[int, Outcome]) -> bool:
        """Keep what came of a batch, by document id. False, and nothing kept: somebody else has it by now, or it is gone."""
        mine = push_batches.c.id == batch, push_batches.c.claimed_by == holder, ~push_batches.c.done
        keep = (
            push_answers.update()
            .where(push_answers.c.document_id == sa.bindparam("of"), push_answers.c.batch == batch)
            .values(outcome=sa.bindparam("came"))
        )
        rows = [{"of": number, "came": outcomes[number]} for number in sorted(outcomes)]
        with self._database.write() as connection:
            if not connection.execute(push_batches.update().where(*mine).values(done=True)).rowcount:
                return False
            for chunk in in_chunks(rows):
                connection.execute(keep, chunk)
        return True

    def wanting(self, now: float) -> list[tuple[str, str]]:
        """(project uid, version) of all batches that nobody has, each once."""
        both = _free(now, CLAIM).with_only_columns(push_batches.c.project_uid, push_batches.c.version).distinct()
        with self._database.read() as connection:
            return sorted((uid, version) for uid, version in connection.execute(both))

    def answered(self, batches: Collection[int]) -> dict[int, dict[int, Outcome]]:
        """Those of the batches that are done: what came of their documents by id. Nothing came of one that is gone."""
        found: dict[int, dict[int, Outcome]] = {}
        with self._database.read() as connection:
            for chunk in in_chunks(sorted(batches)):
                undone = sa.select(push_batches.c.id).where(push_batches.c.id.in_(chunk), ~push_batches.c.done)
                found |= {number: {} for number in set(chunk).difference(connection.execute(undone).scalars())}
            for chunk in in_chunks(sorted(found)):
                of = sa.select(push_answers).where(push_answers.c.batch.in_(chunk))
                for document, batch, outcome in connection.execute(of):
                    found[batch][document] = outcome or {}
        return found

    def left(self, project_uid: str, version: str, since: float) -> dict[int, list[int]]:
        """The batches of a push that did not end, done or not, with their documents. Those of other versions are dropped, and
        those whose claims ended before ``since``: answers are made with what was confirmed by then."""
        all_ = sa.select(push_batches.c.id).where(push_batches.c.project_uid == project_uid)
        fresh = ~push_batches.c.done | (push_batches.c.claimed_until >= since)
        ours = all_.where(push_batches.c.version == version, fresh).order_by(push_batches.c.id)
        with self._database.read() as connection:
            there = set(connection.execute(all_).scalars())
            found: dict[int, list[int]] = {batch: [] for batch in connection.execute(ours).scalars()}
            for chunk in in_chunks(list(found)):
                of = sa.select(push_answers.c.batch, push_answers.c.document_id).where(push_answers.c.batch.in_(chunk))
                for batch, document in connection.execute(of.order_by(push_answers.c.document_id)):
                    found[batch].append(document)
        self.drop(there - found.keys())
        return found

    def imported(self, documents_: Collection[int]) -> None:
        """Label Studio has what came of these documents: the store need not keep it any more."""
        with self._database.write() as connection:
            for chunk in in_chunks(sorted(documents_)):
                connection.execute(push_answers.delete().where(push_answers.c.document_id.in_(chunk)))
            waits = sa.exists().where(push_answers.c.batch == push_batches.c.id)
            connection.execute(push_batches.delete().where(push_batches.c.done, ~waits))

    def drop(self, batches: Collection[int]) -> None:
        """Forget batches with all that came of them."""
        if not batches:
            return
        with self._database.write() as connection:
            for chunk in in_chunks(sorted(batches)):
                connection.execute(push_batches.delete().where(push_batches.c.id.in_(chunk)))

    def clear(self, project_uid: str) -> None:
        """Forget all batches of a project, whose push has ended; where there are none, nothing is written."""
        with self._database.read() as connection:
            left = connection.execute(sa.select(push_batches.c.id).where(push_batches.c.project_uid == project_uid))
            ids = list(left.scalars())
        self.drop(ids)


def _free(now: float, seconds: float) -> sa.Select[tuple[int]]:
    """The ids of the batches that nobody has. A claim that ends later than one for ``seconds`` could is from before the clock was
    set back."""
    until = push_batches.c.claimed_until
    return sa.select(push_batches.c.id).where(~push_batches.c.done, (until <= now) | (until > now + 2 * seconds))
