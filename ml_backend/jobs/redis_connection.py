"""A connection to Redis, with errors that say what to do. The package is imported here, when somebody asks for Redis."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ml_backend.errors import SetupError

if TYPE_CHECKING:
    from redis import Redis

SCHEMES = ("redis://", "rediss://", "unix://")
_TIMEOUT = 5.0  # seconds for a connection and for an answer; the queue's blocking read waits 1 s of them
_IDLE_CHECK = 30  # seconds after which an idle connection is tried before it is used


def connect(url: str) -> Redis:
    """A client of the Redis at ``url``, which has answered.

    Raises:
        SetupError: as ``client_of``, or nothing answers there. No message has the password.
    """
    client = client_of(url)
    import redis

    try:
        client.ping()
    except redis.RedisError as error:
        client.close()
        raise SetupError(
            "redis_unreachable",
            f"Redis at {place(client)} does not answer: {error}.",
            "Does it run there, and are the address and the password right?",
        ) from None
    return client


def client_of(url: str) -> Redis:
    """A client of the Redis at ``url``, which connects when it is used. Options of the URL win over ours.

    Raises:
        SetupError: the redis package is missing, or the URL is none of Redis. No message has the password.
    """
    if not url.startswith(SCHEMES):
        raise SetupError(
            "bad_queue_url",
            f"The URL of the queue must start with one of {', '.join(SCHEMES)}, but it starts with {url.partition(':')[0]!r}.",
            "Leave it empty to keep the queue in a file.",
        )
    try:
        import redis
        from redis.backoff import NoBackoff
        from redis.retry import Retry
    except ImportError:
        raise SetupError(
            "redis_missing",
            "A Redis URL is set, but the redis package is not installed.",
            "pip install 'docloop[redis]'",
        ) from None
    try:
        return redis.Redis.from_url(
            url,
            socket_timeout=_TIMEOUT,
            socket_connect_timeout=_TIMEOUT,
            health_check_interval=_IDLE_CHECK,
            retry=Retry(NoBackoff(), 1),  # a connection that a restart has cut; by default it is ten times, a minute
        )
    except ValueError:  # it quotes what it takes for the port, which may be a part of the password
        raise SetupError(
            "bad_queue_url",
            "The URL of the queue cannot be read.",
            "Write it as redis://:password@host:6379/0, with special characters of the password as %XX.",
        ) from None


def place(client: Redis) -> str:
    """Where a client connects to, without the password."""
    options = client.connection_pool.connection_kwargs
    return str(options.get("path") or f"{options.get('host', 'localhost')}:{options.get('port', 6379)}")
