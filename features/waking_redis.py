"""A change of flags, told to the other processes through Redis: they need not wait for their next look.

Redis is a bell and no more. What is missed while it is away, each process sees within a second in the database.
"""

import threading
from collections.abc import Callable

import redis
import structlog
from redis.backoff import NoBackoff
from redis.retry import Retry

CHANNEL = "lukhas:flags"
TIMEOUT = 1.0
"""Seconds that Redis has for an answer."""
PAUSE = 1.0
"""Seconds until Redis is tried again after it was lost."""

log = structlog.get_logger(__name__)


def client(url: str) -> redis.Redis:
    return redis.Redis.from_url(
        url, socket_timeout=TIMEOUT, socket_connect_timeout=TIMEOUT, retry=Retry(NoBackoff(), 0)
    )


def publish(url: str) -> None:
    """Wakes every process that listens. Where Redis is away that is only logged."""
    try:
        with client(url) as bell:
            bell.publish(CHANNEL, "")
    except (redis.RedisError, OSError) as error:
        log.warning("flags_not_published", error=type(error).__name__)


class Ears:
    """A thread that calls `heard` whenever a process tells of a change, and after Redis was lost and found again."""

    def __init__(self, url: str, heard: Callable[[], None]) -> None:
        self.url = url
        self.heard = heard
        self.listening = threading.Event()
        """Set while whatever is published is heard."""
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="flags-ears", daemon=True)
        self._thread.start()

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    def stop(self) -> None:
        self._over.set()
        self._thread.join(TIMEOUT + 4)

    def _run(self) -> None:
        while not self._over.is_set():
            try:
                self._listen()
            except (redis.RedisError, OSError) as error:
                if self.listening.is_set():
                    log.warning("flags_not_heard", error=type(error).__name__)
                self.listening.clear()
                self._over.wait(PAUSE)

    def _listen(self) -> None:
        with client(self.url) as connection, connection.pubsub(ignore_subscribe_messages=True) as bell:
            bell.subscribe(CHANNEL)
            bell.ping()  # raises where Redis is away: subscribing itself waits for no answer
            self.listening.set()
            self.heard()
            while not self._over.is_set():
                if bell.get_message(timeout=TIMEOUT / 2) is not None:
                    self.heard()
