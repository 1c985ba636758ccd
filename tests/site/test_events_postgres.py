"""Events while PostgreSQL is away: they wait in the journal, and come in when it is back."""

import signal
from collections.abc import Sequence

from analytics.entries import decode
from analytics.segments import SUFFIX
from tests.processes import Installation, eventually
from tests.site.cluster_postgres import Database
from tests.site.conftest import Install
from tests.site.killing import drained
from tests.site.sending import COUNTS, ROWS, Sender, check_kept, sending

HOURS = "SELECT name, date_trunc('hour', at) FROM analytics_event"


def answered(senders: Sequence[Sender]) -> set[str]:
    return {event_id for sender in senders for event_id in list(sender.answered)}


def waiting(site: Installation) -> set[str]:
    """The ids of the events that are in journals now."""
    lines = [path.read_bytes().split(b"\n")[:-1] for path in (site.data / "journal" / "events").glob(f"*{SUFFIX}")]
    return {decode(line).event_id for some in lines for line in some}


def test_postgresql_ends_and_comes_back_while_events_come_in_and_none_is_lost_or_kept_twice(
    install: Install, postgresql: Database
) -> None:
    site = install(DATABASE_URL=postgresql.url())
    key = site.bootstrap()
    senders = [Sender(f"s{number}", key, certain=False) for number in range(4)]

    def accepted(before: set[str]) -> set[str]:
        """The events that were answered since then, out of the journal."""
        return (answered(senders) - before) & waiting(site)

    with site.serve() as served, sending(served, senders) as more:
        more(5)
        before = answered(senders)
        with postgresql.away():
            eventually(lambda: accepted(before), 30, "events are accepted without the database")
            told = "bytes wait, the oldest for"
            eventually(lambda: told in served.readiness()["checks"]["events"]["detail"], 30, "it is told")
        more(3)
        eventually(lambda: drained(served), 30, "what waited has come in")
        before = answered(senders)
        with postgresql.away():
            known = eventually(lambda: accepted(before), 30, "events are accepted without the database again")
            served.process.send_signal(signal.SIGKILL)
            served.process.wait(30)
    assert known <= waiting(site), "they wait for the next process"
    with site.serve() as served:
        for sender in senders:
            sender.settle(served)
        eventually(lambda: not waiting(site) and drained(served), 30, "what waited has come in")
    kept = check_kept(senders, *(postgresql.execute(statement) for statement in (ROWS, HOURS, COUNTS)))
    assert kept > len(senders) * 20
