"""Requests to train and training runs. Nothing that was promised is lost, and no run is worked on twice.

    request -> begin -> "requested" -> claim -> "running" -> finish -> "succeeded", "failed" or "cancelled"
                             ^                      |
                             +--- retry_or_fail ----+

Who claimed a run holds its attempt number. Every write names it, so a process that was taken for dead and wakes up again
changes nothing. Times are seconds since 1970, given by the caller.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, TypedDict, Unpack

import sqlalchemy as sa

from ml_backend.store.database import Database
from ml_backend.store.records import RunRecord, RunState, TrainingOptions, TrainingRequest
from ml_backend.store.tables import columns, projects, requests, runs, values

_RUN = columns(RunRecord, runs)
_SELECT = sa.select(*_RUN)
_OPEN: tuple[RunState, ...] = ("requested", "running")


class Outcome(TypedDict, total=False):
    """What can be said of a run at its end; what is left out stays as it was."""

    reason: str
    version: str
    verdict: str
    metrics: Mapping[str, Any] | None
    release: str


class Runs:
    """Requests by Label Studio's project number, runs by id."""

    def __init__(self, database: Database) -> None:
        self._database = database

    # -- requests ----------------------------------------------------------------------------------------------

    def request(self, project_id: int, by: str, now: float, options: TrainingOptions | None = None) -> TrainingRequest:
        """Ask for a training run. It is on disk when this returns; the request that counts is given.

        A repeat keeps its place. One with ``options`` puts them, and who asked, over those of before; any other changes nothing.
        """
        asked = TrainingRequest(project_id, by, now, options or {})
        one = requests.c.project_id == project_id
        with self._database.write() as connection:
            insert = self._database.insert(requests).values(values(asked)).on_conflict_do_nothing()
            new = connection.execute(insert.returning(requests.c.project_id)).first()
            if options and new is None:
                connection.execute(requests.update().where(one).values(requested_by=by, options=options))
            return TrainingRequest(*connection.execute(sa.select(*columns(TrainingRequest, requests)).where(one)).one())

    def requests(self) -> list[TrainingRequest]:
        """The pending requests, oldest first."""
        statement = sa.select(*columns(TrainingRequest, requests))
        with self._database.read() as connection:
            rows = connection.execute(statement.order_by(requests.c.requested_at, requests.c.project_id))
            return [TrainingRequest(*row) for row in rows]

    def answer(self, project_id: int) -> None:
        """Drop the project's request: what became of it was said."""
        with self._database.write() as connection:
            connection.execute(requests.delete().where(requests.c.project_id == project_id))

    # -- runs --------------------------------------------------------------------------------------------------

    def begin(  # noqa: PLR0913 - a run in its own words
        self,
        project_uid: str,
        project_id: int,
        requested_by: str,
        reason: str,
        samples: int,
        now: float,
        *,
        request_taken: bool = False,
        above: int = 0,
    ) -> RunRecord | None:
        """Make the project's next run, and with ``request_taken`` take its request's options and drop it, in one transaction.

        Its number is above every earlier run's and ``above``: the highest number in the model registry, which may know more
        runs than a new database does.
        None while the project has a run that is not finished; the request stays then.
        """
        last = sa.select(sa.func.max(runs.c.number)).where(runs.c.project_uid == project_uid)
        wanted = sa.select(requests.c.options).where(requests.c.project_id == project_id)
        with self._database.write() as connection:
            number = max(connection.execute(last).scalar() or 0, above) + 1
            options: TrainingOptions | None = connection.execute(wanted).scalar() if request_taken else None
            new = RunRecord(
                0,
                project_uid,
                project_id,
                number,
                "requested",
                requested_by,
                now,
                reason=reason,
                samples=samples,
                options=options or {},
            )
            # The unique indexes decide, also between two processes on PostgreSQL.
            statement = self._database.insert(runs).values(values(new, "id")).on_conflict_do_nothing().returning(*_RUN)
            row = connection.execute(statement).first()
            if row is not None and request_taken:
                connection.execute(requests.delete().where(requests.c.project_id == project_id))
        return None if row is None else RunRecord(*row)

    def claim(self, run_id: int, now: float) -> RunRecord | None:
        """Start the run, and be the only one who did. None: it is not waiting, or was cancelled meanwhile (it ends then)."""
        waiting = sa.and_(runs.c.id == run_id, runs.c.state == "requested")
        start = {"state": "running", "attempt": runs.c.attempt + 1, "started_at": now, "heartbeat_at": now}
        with self._database.write() as connection:
            connection.execute(runs.update().where(waiting, runs.c.cancel).values(state="cancelled", finished_at=now))
            row = connection.execute(runs.update().where(waiting).values(start).returning(*_RUN)).first()
        return None if row is None else RunRecord(*row)

    def heartbeat(self, run_id: int, attempt: int, now: float, stage: str, progress: float) -> RunRecord | None:
        """Say that one is alive and how far. None: the run is not ours any more, stop. ``cancel`` in the answer says so too."""
        return self._change(_ours(run_id, attempt), {"heartbeat_at": now, "stage": stage, "progress": progress})

    def learns_from(self, run_id: int, attempt: int, release: str) -> bool:
        """Note the release that an attempt learns from, before it writes any of it down. False: it is not ours any more."""
        mine = sa.and_(runs.c.id == run_id, runs.c.attempt == attempt, runs.c.state.in_(_OPEN), ~runs.c.cancel)
        return self._change(mine, {"release": release}) is not None

    def finish(self, run_id: int, attempt: int, state: RunState, now: float, **outcome: Unpack[Outcome]) -> bool:
        """End the run: "succeeded", "failed" or "cancelled". False: it is not ours any more, and nothing was written."""
        if state in _OPEN:
            raise ValueError(f"a run ends as succeeded, failed or cancelled, but it was: {state!r}")
        said = {name: value for name, value in outcome.items() if value not in ("", None)}
        return self._change(_ours(run_id, attempt), {"state": state, "finished_at": now, **said}) is not None

    def cancel(self, run_id: int, now: float | None = None) -> bool:
        """Ask the run to stop: a waiting one ends at once; a running one is told by its heartbeat.

        ``now`` is the clock's where it is not given. False: the run is over already.
        """
        one = runs.c.id == run_id
        ended = {"state": "cancelled", "cancel": True, "finished_at": time.time() if now is None else now}
        with self._database.write() as connection:
            asked = connection.execute(runs.update().where(one, runs.c.state == "running").values(cancel=True)).rowcount
            stopped = connection.execute(runs.update().where(one, runs.c.state == "requested").values(ended)).rowcount
        return bool(asked or stopped)

    def silent(self, now: float, after: float = 20.0) -> list[RunRecord]:
        """Running ones that have given no sign for more than ``after`` seconds."""
        return self._many(_SELECT.where(runs.c.state == "running", runs.c.heartbeat_at < now - after))

    def retry_or_fail(
        self, run: RunRecord, now: float, reason: str, attempts: int = 3, *, died: bool = True
    ) -> RunRecord:
        """Take the run from a process that ended at ``run.attempt``: it waits for another start, or failed with ``reason``.

        It failed after ``attempts`` deaths; a stop of docloop (not ``died``) is none, and is counted in the run's metrics
        until it has others. One that was to be cancelled is cancelled. If the run went on meanwhile, nothing changes. Answers
        the run as it is now.
        """
        stops = run.metrics.get("stops", 0) + (not died)
        again: dict[str, Any] = {"state": "requested", "heartbeat_at": None, "stage": "", "progress": 0.0}
        again |= {} if died else {"metrics": {"stops": stops}}
        over = {"state": "failed", "reason": reason, "finished_at": now}
        mine = _ours(run.id, run.attempt)
        stopped = {"state": "cancelled", "finished_at": now}
        with self._database.write() as connection:
            connection.execute(runs.update().where(mine, runs.c.cancel).values(stopped))
            connection.execute(runs.update().where(mine).values(again if run.attempt < attempts + stops else over))
            return RunRecord(*connection.execute(_SELECT.where(runs.c.id == run.id)).one())

    def get(self, run_id: int) -> RunRecord | None:
        """The run of this id."""
        return next(iter(self._many(_SELECT.where(runs.c.id == run_id))), None)

    def latest(self, project_uid: str, limit: int) -> list[RunRecord]:
        """The project's runs, newest first."""
        mine = _SELECT.where(runs.c.project_uid == project_uid)
        with self._database.read() as connection:
            return [RunRecord(*row) for row in connection.execute(mine.order_by(runs.c.number.desc()).limit(limit))]

    def states(self, project_uid: str) -> dict[str, int]:
        """How many of the project's runs are in each state."""
        counted = (
            sa.select(runs.c.state, sa.func.count()).where(runs.c.project_uid == project_uid).group_by(runs.c.state)
        )
        with self._database.read() as connection:
            return {state: int(number) for state, number in connection.execute(counted)}

    def gone_projects(self) -> list[str]:
        """The uids of projects that were followed and trained once, and are not there any more."""
        there = sa.exists().where(projects.c.uid == runs.c.project_uid)
        with self._database.read() as connection:
            return list(connection.execute(sa.select(runs.c.project_uid).where(~there).distinct()).scalars())

    def open_run(self, project_uid: str) -> RunRecord | None:
        """The project's run that waits or runs; there is one at most."""
        mine = _SELECT.where(runs.c.project_uid == project_uid, runs.c.state.in_(_OPEN))
        return next(iter(self._many(mine)), None)

    def requested(self) -> list[RunRecord]:
        """The runs that wait to be claimed, oldest first."""
        return self._many(_SELECT.where(runs.c.state == "requested"))

    def _many(self, statement: sa.Select[Any]) -> list[RunRecord]:
        with self._database.read() as connection:
            return [RunRecord(*row) for row in connection.execute(statement.order_by(runs.c.id))]

    def _change(self, where: sa.ColumnElement[bool], changes: Mapping[str, Any]) -> RunRecord | None:
        with self._database.write() as connection:
            row = connection.execute(runs.update().where(where).values(**changes).returning(*_RUN)).first()
        return None if row is None else RunRecord(*row)


def _ours(run_id: int, attempt: int) -> sa.ColumnElement[bool]:
    return sa.and_(runs.c.id == run_id, runs.c.state == "running", runs.c.attempt == attempt)
