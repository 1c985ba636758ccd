"""Events in the database: each once by its project and id, counted once, within the limits of their names.

All of it is one transaction, so that what is said of an event is true once that is done. Any number of processes may
keep the same at the same time: they write in one order, and wait for each other instead of for ever.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from enum import StrEnum
from time import time_ns
from typing import Any, NamedTuple

from django.conf import settings
from django.db import connection, transaction

from analytics.entries import HOUR, Entry, Key, moment
from analytics.judging import FUTURE
from analytics.keeping_postgres import as_it_is, keep_postgres, reject_postgres
from analytics.keeping_sqlite import keep_sqlite, reject_sqlite, synchronous
from analytics.models import Erasure, Event, EventQuota, Width
from analytics.models.events import MESSAGE_LENGTH
from analytics.visits.settling import about_to_insert

KEEPING = {"sqlite": (keep_sqlite, reject_sqlite), "postgresql": (keep_postgres, reject_postgres)}
DURABLE = {"sqlite": synchronous, "postgresql": as_it_is}
COUNTING = (
    "INSERT INTO analytics_eventcount (project_id, width, start, name, count) VALUES (%s, %s, %s, %s, %s) "
    "ON CONFLICT (project_id, width, start, name) DO UPDATE SET count = analytics_eventcount.count + excluded.count"
)
TELLING = (
    "INSERT INTO analytics_eventoutcome (project_id, width, start, outcome, count) VALUES (%s, %s, %s, %s, %s) "
    "ON CONFLICT (project_id, width, start, outcome) "
    "DO UPDATE SET count = analytics_eventoutcome.count + excluded.count"
)
USING = (
    "INSERT INTO analytics_eventquota (project_id, name, hour, count) VALUES (%s, %s, %s, %s) "
    "ON CONFLICT (project_id, name, hour) DO UPDATE SET count = analytics_eventquota.count + excluded.count "
    "RETURNING count"
)
COUNTED = (Width.HOUR.value, Width.DAY.value)
SECOND = 1_000_000
HOURLY_LIMIT = "hourly_limit"
ERASURES_DAYS = 90
"""For so long what waits in a journal may turn up after it was erased."""
CHUNK = 1_000
"""How many rows one statement of the upkeep deletes."""


class Outcome(StrEnum):
    """What became of an event: `unfit` is what the database does not take."""

    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"
    LIMITED = "limited"
    REJECTED = "rejected"
    UNFIT = "unfit"


class Quota(NamedTuple):
    """What a limit is counted by: a project, a name, and the hour in which events came in."""

    project_id: str
    name: str
    hour: int


def keep(entries: Sequence[Entry], *, anew: bool = False) -> list[Outcome]:
    """Keeps events, and returns what became of each, in their order. Raises DatabaseError, and then nothing was kept.

    Of several with one id the first counts, here as in the database. Those over the limit of their name are kept as
    rejected ones are, as far as a project's rejected ones are kept. What became of them is counted by when they came
    in; not of those that are judged `anew`, which was done when they came.
    """
    insert, reject = KEEPING[connection.vendor]
    good: dict[Key, Entry] = {}
    for entry in entries:
        if not entry.code:
            good.setdefault(entry.key, entry)
    with transaction.atomic():
        about_to_insert()
        over = _over_limit(good)
        fresh = insert(sorted(entry for key, entry in good.items() if key not in over))
        _count([good[key] for key in fresh])
        refused = [entry for entry in entries if entry.code and entry.kept]
        refused += [late for late in (over_limit(good[key]) for key in good if key in over) if late.kept]
        if refused:
            firsts = {entry.key: entry for entry in reversed(_as_many_as_are_kept(refused))}
            reject([firsts[key] for key in sorted(firsts)])
        outcomes = [_told(entry, good, fresh, over) for entry in entries]
        if not anew:
            _tell(entries, outcomes)
    return outcomes


def durable() -> None:
    """Has what this connection commits from now on be on the disk when it is committed. Not within a transaction."""
    DURABLE[connection.vendor]()


def over_limit(entry: Entry) -> Entry:
    """The event as one that was rejected for the limit of its name."""
    message = f"A project may send {entry.limit} of {entry.name} within an hour."
    return entry._replace(code=HOURLY_LIMIT, message=message[:MESSAGE_LENGTH])


def add(statement: str, counts: Mapping[tuple[str, int, str], int]) -> None:
    """Adds to counts of projects, hours and words, and to those of their days, in one order: processes that add to the
    same wait for each other instead of for ever. Hours are in microseconds. Raises DatabaseError."""
    sums: Counter[tuple[str, int, int, str]] = Counter()
    for (project_id, hour, word), count in counts.items():
        for width in COUNTED:
            sums[project_id, width, hour - hour % (width * SECOND), word] += count
    with connection.cursor() as cursor:
        cursor.executemany(
            statement,
            [
                (project_id, width, _moment(start), word, count)
                for (project_id, width, start, word), count in sorted(sums.items())
            ],
        )


def tidy() -> int:
    """Deletes what nothing rests on any more: ids of events that were only counted, once no event of that id can be new
    any more, what limits were counted by in past hours, and old erasures. Returns how many rows. Raises DatabaseError.
    """
    now = time_ns() // 1_000
    # Of when it came in only the hour is known, and it may have happened a little after that.
    old = moment(now - HOUR - FUTURE) - timedelta(days=settings.LUKHAS_EVENT_WINDOW_DAYS)
    ids = Event.objects.filter(kept=False, received_at__lt=old).order_by("received_at")[:CHUNK]
    uses = EventQuota.objects.filter(hour__lt=moment(now - HOUR - now % HOUR)).order_by("pk")[:CHUNK]
    past = moment(now) - timedelta(days=ERASURES_DAYS)
    done = Erasure.objects.filter(at__lt=past).order_by("at")[:CHUNK]
    deleted = Erasure.objects.filter(pk__in=list(done.values_list("pk", flat=True))).delete()[0]
    deleted += Event.objects.filter(pk__in=list(ids.values_list("pk", flat=True))).delete()[0]
    return deleted + EventQuota.objects.filter(pk__in=list(uses.values_list("pk", flat=True))).delete()[0]


def _told(entry: Entry, good: Mapping[Key, Entry], fresh: Collection[Key], over: Collection[Key]) -> Outcome:
    if entry.code:
        return Outcome.REJECTED
    if entry.key in over:
        return Outcome.LIMITED
    return Outcome.ACCEPTED if entry.key in fresh and good[entry.key] is entry else Outcome.DUPLICATE


def _over_limit(good: Mapping[Key, Entry]) -> set[Key]:
    """Those that find no room within the limit of their name any more, the latest ones. What is there already takes
    none. Until the end of the transaction nobody else counts by the same limits."""
    limited: dict[Quota, list[Key]] = {}
    for key, entry in good.items():
        if entry.limit:
            limited.setdefault(quota_of(entry), []).append(key)
    over: set[Key] = set()
    for quota, keys in sorted(limited.items()):
        room = max(0, good[keys[0]].limit - _use(quota, 0))
        if len(keys) > room:
            there = _there(quota.project_id, keys)
            over.update([key for key in keys if key not in there][room:])
    return over


def quota_of(entry: Entry) -> Quota:
    """What an event with a limit is counted by."""
    return Quota(entry.project_id, entry.counted, entry.received_at // HOUR * HOUR)


def _there(project_id: str, keys: Sequence[Key]) -> set[Key]:
    """Those of these that the database has."""
    found: set[Key] = set()
    names = [event_id for _, event_id in keys]
    at_once = (connection.features.max_query_params or len(names) + 1) - 1
    for start in range(0, len(names), at_once):
        rows = Event.objects.filter(project_id=project_id, event_id__in=names[start : start + at_once])
        found.update((project_id, event_id) for event_id in rows.order_by().values_list("event_id", flat=True))
    return found


def _count(fresh: Sequence[Entry]) -> None:
    """Counts events that were not there: under their names, and by the limits of those that have one."""
    add(COUNTING, Counter((entry.project_id, entry.hour, entry.counted) for entry in fresh))
    for quota, count in sorted(Counter(quota_of(entry) for entry in fresh if entry.limit).items()):
        _use(quota, count)


def _tell(entries: Sequence[Entry], outcomes: Sequence[Outcome]) -> None:
    """Counts what became of events. Late in the transaction, for all that come in at once wait for each other here."""
    words = {Outcome.LIMITED: HOURLY_LIMIT}
    both = zip(entries, outcomes, strict=True)
    add(
        TELLING,
        Counter(
            (entry.project_id, entry.received_at // HOUR * HOUR, entry.code or words.get(outcome, outcome.value))
            for entry, outcome in both
        ),
    )


def _use(quota: Quota, more: int) -> int:
    """Adds to what a limit is counted by, and returns the sum. Nobody else does until the transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute(USING, (quota.project_id, quota.name, _moment(quota.hour), more))
        count: int = cursor.fetchone()[0]
        return count


def _as_many_as_are_kept(refused: Sequence[Entry]) -> list[Entry]:
    """Of rejected events, as many as the hour still has room for: whoever is refused can be refused as often as they
    like."""
    kept: list[Entry] = []
    by_quota: dict[Quota, list[Entry]] = {}
    for entry in refused:
        by_quota.setdefault(Quota(entry.project_id, "", entry.received_at // HOUR * HOUR), []).append(entry)
    for quota, entries in sorted(by_quota.items()):
        room = max(0, settings.LUKHAS_REJECTED_EVENTS_PER_HOUR - _use(quota, 0))
        _use(quota, len(entries[:room]))
        kept += entries[:room]
    return kept


def _moment(microseconds: int) -> Any:
    return connection.ops.adapt_datetimefield_value(moment(microseconds))
