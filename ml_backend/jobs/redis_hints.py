"""Hints on Redis, for workers on many machines: a set of what changed, and what was taken with the time of that.

Every step is one script, which Redis runs alone, and on its own clock, so that machines whose clocks differ agree.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ml_backend.errors import StoreError
from ml_backend.jobs.redis_connection import client_of, place

_KEYS = ("docloop:hints:changed", "docloop:hints:taken")
_NOW = "local t = redis.call('TIME') local now = t[1] + t[2] / 1000000 "
_TAKE = f"""{_NOW}
local found = redis.call('SMEMBERS', KEYS[1])
for _, project in ipairs(found) do redis.call('ZADD', KEYS[2], now, project) end
redis.call('DEL', KEYS[1])
return found
"""
_RECOVER = f"""{_NOW}
local found = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now - ARGV[1])
for _, project in ipairs(found) do
    redis.call('SADD', KEYS[1], project)
    redis.call('ZREM', KEYS[2], project)
end
return #found
"""


class RedisHints:
    """The hints of one Redis database. What was taken more than ``abandoned_after`` seconds ago counts as abandoned.

    Raises:
        SetupError: as ``ml_backend.jobs.redis_connection.client_of``.
    """

    def __init__(self, url: str, abandoned_after: float = 600.0) -> None:
        self._client = client_of(url)
        self._abandoned_after = abandoned_after
        self._take = self._client.register_script(_TAKE)
        self._recover = self._client.register_script(_RECOVER)

    def leave(self, project_id: int) -> None:
        self._ask(self._client.sadd, _KEYS[0], project_id)

    def take(self) -> list[int]:
        found: Sequence[bytes] = self._ask(self._take, _KEYS)
        return sorted(
            int(each) for each in found if each.isdigit() and len(each) < 19
        )  # another program's are not ours

    def finish(self, project_id: int) -> None:
        self._ask(self._client.zrem, _KEYS[1], project_id)

    def recover(self) -> None:
        self._ask(self._recover, _KEYS, [self._abandoned_after])

    def close(self) -> None:
        self._client.close()

    def _ask(self, call: Callable[..., Any], *arguments: Any) -> Any:
        from redis import RedisError

        try:
            return call(*arguments)
        except RedisError as error:
            raise StoreError("redis_failed", f"Redis at {place(self._client)} does not answer: {error}.") from None
