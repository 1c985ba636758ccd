"""Somebody who sends batches of events, has them resent where the answer was lost, and keeps the book of it."""

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import httpx

from tests.analytics.eventful import EVENTS
from tests.processes import Served, eventually

NAMES = ("page_view", "cta_clicked", "demo_interaction")
MOST_NEW = 12
ROWS = "SELECT event_id, name, properties ->> 'of' FROM analytics_event"
"""What there is of each event, on either database."""
COUNTS = "SELECT name, start, count FROM analytics_eventcount WHERE width = 3600"
Row = tuple[str, str, str]
Hour = tuple[str, object]
"""A name, and the hour in which it happened, as the database tells it."""
Count = tuple[str, object, int]


class Sender:
    """Sends one batch after the other, of which each has one event twice and one that was answered before.

    `answered` are the ids and names of all events whose batch was answered. `certain` says that the database is never
    away while its servers live: then no other answer than 202 will do, and what is there already is a duplicate.
    `batches` counts the answers.
    """

    def __init__(self, name: str, key: str, *, certain: bool = True) -> None:
        self.name = name
        self.headers = {"Authorization": f"Bearer {key}"}
        self.certain = certain
        self.answered: dict[str, str] = {}
        self.batches = 0
        self._made = 0
        self._pending: list[dict[str, Any]] = []
        self._unsure: set[str] = set()

    def send(self, served: Served, over: threading.Event) -> None:
        """Sends until it is over, first what an earlier server has left unanswered. Fails at a wrong answer."""
        with httpx.Client(base_url=served.url, headers=self.headers, timeout=30) as client:
            while not over.is_set():
                if not self.send_one(client):
                    over.wait(0.05)

    def settle(self, served: Served) -> None:
        """Sends what is still unanswered. Fails where that is not answered now."""
        with httpx.Client(base_url=served.url, headers=self.headers, timeout=30) as client:
            assert not self._pending or self.send_one(client), self.name

    def send_one(self, client: httpx.Client) -> bool:
        """Sends a batch: that which is unanswered, or a new one. Returns whether it was answered."""
        self._pending = self._pending or self._made_up()
        try:
            answer = client.post(EVENTS, json={"events": self._pending})
        except httpx.TransportError:
            answer = None  # killed in the middle: nobody got this answer
        if answer is None or (answer.status_code == httpx.codes.SERVICE_UNAVAILABLE and not self.certain):
            self._unsure.update(event["id"] for event in self._pending)
            return False
        assert answer.status_code == httpx.codes.ACCEPTED, answer.text
        self._check(answer.json()["results"])
        self._pending = []
        self.batches += 1
        return True

    def _made_up(self) -> list[dict[str, Any]]:
        known = list(self.answered.items())[-1:]
        fresh = [(f"{self.name}-{self._made + n}", NAMES[n % len(NAMES)]) for n in range(1 + self.batches % MOST_NEW)]
        self._made += len(fresh)
        now = datetime.now(UTC).isoformat()
        return [
            {"id": event_id, "event": name, "properties": {"of": event_id}, "timestamp": now}
            for event_id, name in (*known, *fresh, fresh[0])
        ]

    def _check(self, results: Sequence[dict[str, Any]]) -> None:
        """Fails where an answer is not what it must be."""
        for event, result in zip(self._pending, results, strict=True):
            assert result["id"] == event["id"], result
            must = {"accepted", "duplicate"}
            if self.certain and event["id"] in self.answered:
                must = {"duplicate"}
            elif event["id"] not in self._unsure | self.answered.keys():
                must = {"accepted"}
            assert result["status"] in must, (result, must)
            self.answered[event["id"]] = event["event"]


def check_kept(senders: Iterable[Sender], rows: Sequence[Row], hours: Sequence[Hour], counts: Sequence[Count]) -> int:
    """Fails unless all events that were answered are there as they were sent, each once, and no others, and are counted
    as they are. Returns how many there are. `hours` has one for each row."""
    answered = {event_id: name for sender in senders for event_id, name in sender.answered.items()}
    assert len(rows) == len({row[0] for row in rows}), "an event is there twice"
    assert {row[0]: row[1:] for row in rows} == {event_id: (name, event_id) for event_id, name in answered.items()}
    assert {(name, hour): count for name, hour, count in counts} == Counter(hours)
    return len(rows)


@contextmanager
def sending(served: Served, senders: Sequence[Sender]) -> Iterator[Callable[[int], None]]:
    """Has them send at the same time until the block ends. Gives what waits until each was answered so many times more.
    Fails where one of them was given a wrong answer."""
    over = threading.Event()
    pool = ThreadPoolExecutor(len(senders))
    work = [pool.submit(sender.send, served, over) for sender in senders]

    def more(answers: int) -> None:
        until = [sender.batches + answers for sender in senders]
        sent = list(zip(senders, until, work, strict=True))
        eventually(lambda: all(sender.batches >= least or done.done() for sender, least, done in sent), 60, "answers")

    try:
        yield more
    finally:
        over.set()
        pool.shutdown()
        for done in work:
            done.result()
