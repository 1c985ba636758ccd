"""Event streams: each tells its client when the flags of one environment changed, and nothing else.

The thread that reads the flags wakes each event loop that has streams, and a loop its streams, of which only those are
told something whose environment changed. So a stream costs neither a thread nor SQL. Whether the keys behind the
streams still work is asked for all of them at once, every few seconds.
"""

import asyncio
import secrets
import threading
import time
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing, contextmanager

import orjson
import structlog
from django.conf import settings
from django.db import Error
from django.utils import timezone

from accounts.models import ApiKey
from accounts.principal import Principal
from features.loading import Rulesets, Stage
from features.ofrep.errors import TicketInvalid, TooManyOfKey, TooManyStreams
from features.ofrep.tickets import Ticket
from features.ruleset import Watch, watch
from lukhas_site.http.orm import in_database

SCOPE = "flags.read"
EVERY = 2.0
"""Seconds between two looks at the keys."""
SPREAD = 100
"""Thousandths of a ticket's rest of life by which its streams end early: not all of them at the same moment."""
RETRY_MS = 3000
"""How long an EventSource waits before it comes back."""

log = structlog.get_logger(__name__)


class Stream:
    """One that is open. `project` decides which environment its key sees."""

    def __init__(self, ticket: Ticket, caller: Principal) -> None:
        self.ticket = ticket
        self.project = caller.project_id
        self.loop = asyncio.get_running_loop()
        self.over = self.expired = False
        self.known = ""
        """What the client knows, or has been told to ask for."""
        self._news: Rulesets | None = None
        self._woken = asyncio.Event()

    def tell(self, rulesets: Rulesets) -> None:
        """Has the client told, if this is news to it. What it was not told yet is forgotten for the newest."""
        self._news = rulesets if tag(self.stage(rulesets)) != self.known else None
        self._woken.set()

    def end(self) -> None:
        self.over = True
        self._woken.set()

    def expire(self) -> None:
        """Ends it after a last event."""
        self.expired = True
        self._woken.set()

    def stage(self, rulesets: Rulesets) -> Stage:
        return rulesets.of_project(self.ticket.organization, self.project)

    def has_moved(self, rulesets: Rulesets) -> bool:
        """Whether the key sees another environment than the one that the ticket is for."""
        return self.stage(rulesets).environment != self.ticket.environment

    async def events(self, rulesets: Rulesets, last_id: str) -> AsyncGenerator[bytes]:
        """What is sent, beginning at once. `last_id` is what a client that was here before knows. Raises TicketInvalid
        before the first event."""
        if self.has_moved(rulesets):
            raise TicketInvalid
        self.known = tag(self.stage(rulesets))
        yield f"retry: {RETRY_MS}\nid: {self.known}\n\n".encode()
        if last_id and last_id != self.known:
            yield self._event(rulesets)
        left = (self.ticket.expires - time.time()) * (1000 - secrets.randbelow(SPREAD)) / 1000
        timer = self.loop.call_later(left, self.expire)
        try:
            while not self.over:
                await self._woken.wait()
                self._woken.clear()
                news, self._news = self._news, None
                rulesets = news or rulesets
                if not self.over and (news or self.expired):
                    yield self._event(rulesets)  # asking anew gives a new ticket, where this one has expired
                self.over = self.over or self.expired or self.has_moved(rulesets)
        finally:
            timer.cancel()

    def _event(self, rulesets: Rulesets) -> bytes:
        self.known = tag(self.stage(rulesets))
        told = {"type": "refetchEvaluation", "etag": str(rulesets.version), "lastModified": int(time.time())}
        return b"id: %b\ndata: %b\n\n" % (self.known.encode(), orjson.dumps(told))


def tag(stage: Stage) -> str:
    """What a client knows of a stage, as the id of an event."""
    return f"{stage.environment}-{stage.digest.hex()[:32]}"


class Streams:
    """All that are open in this process."""

    def __init__(self, watch: Watch) -> None:
        self.watch = watch
        self.over = False
        """Set while the process ends."""
        self._lock = threading.Lock()
        self._open: set[Stream] = set()
        self._checks: dict[asyncio.AbstractEventLoop, asyncio.Task[None]] = {}
        watch.readers.append(self.tell)

    def __len__(self) -> int:
        return len(self._open)

    async def follow(self, ticket: Ticket, caller: Principal, last_id: str) -> AsyncGenerator[bytes]:
        """The events of a new stream. Raises TooManyOfKey, TooManyStreams and TicketInvalid before the first, and
        DatabaseError where the flags were never read."""
        current = await self.watch.current()
        stream = Stream(ticket, caller)
        with self._counted(stream):  # from now on it is told of changes, and what changed before is read now
            async with aclosing(stream.events(self.watch.rulesets or current, last_id)) as events:
                async for event in events:
                    yield event

    def tell(self, rulesets: Rulesets) -> None:
        """Wakes every loop that has streams. Called in the thread that reads the flags."""
        with self._lock:
            loops = {stream.loop for stream in self._open}
        for loop in loops:
            try:
                loop.call_soon_threadsafe(self._tell, loop, rulesets)
            except RuntimeError:  # it was closed since, and its streams with it
                log.debug("flag_streams_gone")

    def close(self) -> None:
        """Ends all streams of the running loop, and lets no new ones begin: the process is to end."""
        self.over = True
        for stream in self._of(asyncio.get_running_loop()):
            stream.end()

    async def check(self) -> None:
        """Ends the streams of the running loop whose keys have ended, or may read flags no more: one query for all."""
        streams = self._of(asyncio.get_running_loop())
        try:
            good = await in_database(_good, {stream.ticket.key for stream in streams})
        except Error as error:
            log.warning("flag_streams_not_checked", error=type(error).__name__)
            return
        for stream in streams:
            if stream.ticket.key not in good:
                stream.end()

    def _tell(self, loop: asyncio.AbstractEventLoop, rulesets: Rulesets) -> None:
        for stream in self._of(loop):
            stream.tell(rulesets)

    def _of(self, loop: asyncio.AbstractEventLoop) -> list[Stream]:
        with self._lock:
            return [stream for stream in self._open if stream.loop is loop]

    @contextmanager
    def _counted(self, stream: Stream) -> Iterator[None]:
        with self._lock:
            if self.over or len(self._open) >= settings.LUKHAS_EVENT_STREAMS:
                raise TooManyStreams
            of_key = sum(other.ticket.key == stream.ticket.key for other in self._open)
            if of_key >= settings.LUKHAS_EVENT_STREAMS_PER_KEY:
                raise TooManyOfKey
            self._open.add(stream)
        if stream.loop not in self._checks:
            self._checks[stream.loop] = stream.loop.create_task(self._check_on())
        try:
            yield
        finally:
            with self._lock:
                self._open.discard(stream)
            if not self._of(stream.loop):
                self._checks.pop(stream.loop).cancel()

    async def _check_on(self) -> None:
        while True:
            await asyncio.sleep(EVERY)
            await self.check()


def _good(keys: set[str]) -> set[str]:
    return ApiKey.objects.filter(public_id__in=keys).holding(SCOPE, timezone.now())


streams = Streams(watch)
"""Those of this process."""
