"""A server under load that is killed with SIGKILL, again and again, and the book that its callers keep meanwhile.

The suite does it five times, and `make chaos` a hundred.
"""

import signal
import sqlite3
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from typing import Any, NamedTuple

import httpx

from tests.processes import Installation, Served, eventually
from tests.site.sending import COUNTS, ROWS, Sender, check_kept

HELLO = [{"role": "user", "content": "one two three four five six seven"}]
KINDS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("/v1/chat/completions", {"messages": HELLO}),
    ("/v1/chat/completions", {"messages": HELLO, "stream": True}),
    ("/v1/responses", {"input": "one two three", "stream": True}),
    ("/v1/completions", {"prompt": "one two three", "stream": True}),
    ("/v1/embeddings", {"input": ["one two", "three"]}),
)
ANSWERS_BEFORE_A_KILL = 60
BATCHES_BEFORE_A_KILL = 3
CALLERS = 8
SENDERS = 2
HOURS = "SELECT name, strftime('%Y-%m-%d %H:00:00', at) FROM analytics_event"
UNREAD = {".journal", ".aside"}


class Proof(NamedTuple):
    """How many requests were answered, how many are recorded, and how many events there are."""

    answered: int
    recorded: int
    events: int


class Callers:
    """Calls a server from several threads, and keeps the ids of the requests that were answered to their end. Senders
    of events, who keep books of their own, call it beside."""

    def __init__(self, served: Served, key: str, senders: Sequence[Sender]) -> None:
        self.served = served
        self.headers = {"Authorization": f"Bearer {key}"}
        self.senders = senders
        self.answered: dict[str, str] = {}
        self.over = threading.Event()
        self.pool = ThreadPoolExecutor(CALLERS + len(senders))
        self._until = [sender.batches + BATCHES_BEFORE_A_KILL for sender in senders]

    def start(self) -> None:
        calls = [self.pool.submit(self._call, number) for number in range(CALLERS)]
        self.work = [*calls, *(self.pool.submit(sender.send, self.served, self.over) for sender in self.senders)]

    def done(self, answers: int) -> bool:
        """Whether there are so many answers, and every sender has had some. Fails where somebody has failed."""
        for work in self.work:
            assert not work.done(), work.result()
        sent = zip(self.senders, self._until, strict=True)
        return len(self.answered) >= answers and all(sender.batches >= until for sender, until in sent)

    def stop(self) -> None:
        """Waits for all of them. Fails where one of them was given a wrong answer."""
        self.over.set()
        self.pool.shutdown()
        for work in self.work:
            work.result()

    def _call(self, number: int) -> None:
        with httpx.Client(base_url=self.served.url, headers=self.headers, timeout=10) as client:
            while not self.over.is_set():
                path, body = KINDS[number % len(KINDS)]
                number += 1
                try:
                    answer = client.post(path, json={"model": "lukhas-echo-1", **body})
                except httpx.TransportError:
                    continue  # killed in the middle: nobody got this answer
                assert answer.status_code == 200, answer.text
                *_, last, _ = answer.text.rsplit("\n\n", 2) if body.get("stream") else ("", "data: [DONE]", "")
                assert last.startswith(("data: [DONE]", "event: response.completed")), answer.text
                self.answered[answer.headers["x-request-id"]] = path


def rows(site: Installation) -> dict[str, str]:
    """Request id and path of every record in the database."""
    with closing(sqlite3.connect(site.data / "lukhas.sqlite3", timeout=30)) as database:
        found = database.execute("SELECT request_id, endpoint FROM analytics_usagerecord").fetchall()
    assert len(found) == len(dict(found)), "a request is recorded twice"
    return dict(found)


def drained(served: Served) -> bool:
    """Whether nothing waits in the journals."""
    checks = served.readiness()["checks"]
    return {checks[name]["detail"] for name in ("journal", "events")} == {"empty"}


def check_events(site: Installation, senders: Sequence[Sender]) -> int:
    """Fails unless the events are there that were answered, each once, and counted. Returns how many."""
    with closing(sqlite3.connect(site.data / "lukhas.sqlite3", timeout=30)) as database:
        events = database.execute(ROWS).fetchall()
        hours = database.execute(HOURS).fetchall()
        counts = database.execute(COUNTS).fetchall()
    return check_kept(senders, events, hours, counts)


def run(site: Installation, kills: int, tell: Callable[[str], None] = lambda text: None) -> Proof:
    """Kills the server as often, then starts it once more and compares its records with what callers were answered.

    Returns how many were answered, and how many are recorded: no fewer. Fails where one is missing, or is there twice;
    and likewise for events, of which there must be no other than those that were answered: what was not was sent again.
    """
    key = site.bootstrap()
    senders = [Sender(f"s{number}", key) for number in range(SENDERS)]
    answered: dict[str, str] = {}
    for number in range(kills):
        with site.serve() as served:
            callers = Callers(served, key, senders)
            callers.start()
            try:
                many = ANSWERS_BEFORE_A_KILL + number * 7 % 50
                eventually(partial(callers.done, many), 60, "answers")
                served.process.send_signal(signal.SIGKILL)
                served.process.wait(30)
            finally:
                callers.stop()
        answered |= callers.answered
        events = sum(len(sender.answered) for sender in senders)
        tell(f"{number + 1} of {kills} kills, {len(answered)} answers, {events} events")
    with site.serve() as served:
        for sender in senders:
            sender.settle(served)
        eventually(lambda: answered.keys() <= rows(site).keys(), 30, "every answer has its record")
        found = rows(site)
        eventually(lambda: drained(served), 30, "the journals are drained")
    wrong = {request_id for request_id, path in answered.items() if found[request_id] != path}
    assert not wrong, wrong
    left = [path.name for path in (site.data / "journal").glob("*/*") if path.suffix in UNREAD]
    assert left == [], left
    return Proof(len(answered), len(rows(site)), check_events(site, senders))
