"""Visits derived from events as they come in. On SQLite and PostgreSQL."""

import random
import threading
from collections import defaultdict
from datetime import timedelta
from typing import Any

import pytest
import structlog
from django.db import OperationalError, connection, transaction
from django.test.utils import CaptureQueriesContext

from accounts.bootstrap import ensure_defaults
from accounts.models import Project
from analytics.entries import Entry, moment
from analytics.erasing import erase
from analytics.identities import identity, rotate
from analytics.keeping import keep
from analytics.models import Erasure, Event, Visit, VisitsMark, VisitTrail
from analytics.rollups.rebuilding import Differences
from analytics.visits import deriving
from analytics.visits.deriving import derive, keep_up
from analytics.visits.rebuilding import rebuild
from tests.analytics.visited import NOON, catch_up, everything, seen, take, visits

pytestmark = pytest.mark.usefixtures("database")


@pytest.fixture
def project(database: None) -> Project:
    return ensure_defaults()[1]


def test_events_of_a_session_with_half_an_hour_between_them_are_one_visit() -> None:
    take(seen(1, 0, "/a?from=mail"), seen(2, 30, "/b"), seen(3, 31, "", name="cta_clicked", browser="Edge"))
    take(seen(4, 62, "/c"))
    (first, second) = Visit.objects.order_by("started_at")
    assert (first.project_id, first.started_at, first.ended_at, first.events) == (
        "proj_1", NOON, NOON + timedelta(minutes=31), 3,
    )  # fmt: skip
    assert (first.entry_page, first.exit_page, first.browser, first.network) == (
        "/a", "/b", "Firefox", "192.0.2.0/24",
    )  # fmt: skip
    assert (second.entry_page, second.exit_page, second.events) == ("/c", "/c", 1)
    assert str(second) == "1 events from 2026-11-29 13:02 on"


def test_a_visit_goes_on_under_its_key_while_events_come() -> None:
    take(seen(1, 0))
    key = Visit.objects.get().pk
    take(seen(2, 10), seen(3, 20))
    assert Visit.objects.get().pk == key
    assert visits() == [(0, 20, 3)]


@pytest.mark.parametrize(
    ("late", "found"),
    [
        ([-20], [(-20, 0, 2), (50, 50, 1)]),
        ([25], [(0, 50, 3)]),
        ([100], [(0, 0, 1), (50, 50, 1), (100, 100, 1)]),
        ([-90, 25, 80, 120], [(-90, -90, 1), (0, 80, 4), (120, 120, 1)]),
    ],
    ids=["before", "joining two", "apart", "all of these"],
)
def test_a_late_event_counts_as_if_it_had_been_in_time(late: list[int], found: list[Any]) -> None:
    take(seen(1, 0, "/first"), seen(2, 50, "/last"))
    assert len(visits()) == 2
    take(*(seen(number, minute) for number, minute in enumerate(late, 3)))
    assert visits() == found
    assert VisitTrail.objects.count() == len(found)


def test_the_same_event_again_changes_nothing() -> None:
    take(seen(1, 0), seen(2, 1))
    before = everything()
    take(seen(1, 0), seen(2, 1))
    assert everything() == before


def test_a_session_comes_before_a_user_and_who_is_nobody_has_no_visit() -> None:
    take(
        seen(1, 0, session="s1", person="ann"), seen(2, 1, session="s2", person="ann"),
        seen(3, 2, session="", person="ann"), seen(4, 3, session="", person="ann"),
        seen(5, 4, session="", person=""), seen(6, 5, session="ann", person=""),
    )  # fmt: skip
    assert visits() == [(0, 0, 1), (1, 1, 1), (2, 3, 2), (5, 5, 1)]
    assert visits(kind="person") == [(2, 3, 2)]
    assert {str(trail) for trail in VisitTrail.objects.all()} == {"a session of proj_1", "a person of proj_1"}


def test_nothing_joins_across_projects() -> None:
    take(seen(1, 0), seen(2, 1, project_id="proj_2"))
    assert visits(project_id="proj_1") == [(0, 0, 1)]
    assert visits(project_id="proj_2") == [(1, 1, 1)]


def test_after_a_rotation_nothing_joins_what_there_was(project: Project) -> None:
    def event(number: int) -> Entry:
        who = identity(project.public_id, "visit-7")
        return seen(number, number, project_id=project.public_id, session=who)

    take(event(1))
    rotate(project)
    take(event(2))
    assert visits() == [(1, 1, 1), (2, 2, 1)]


def test_a_visit_holds_no_identity_and_no_event() -> None:
    take(seen(1, 0, session="a1b2c3", person="d4e5f6", event_id="order-815"))
    row = Visit.objects.values().get()
    assert not any(each in str(row) for each in ("a1b2c3", "d4e5f6", "order-815"))


def test_of_events_that_are_only_counted_there_are_no_visits() -> None:
    take(*(seen(number, number).bare() for number in range(3)))
    assert derive() == 0
    assert not Visit.objects.exists()
    assert VisitsMark.reached() == Event.objects.latest("pk").pk


def as_it_should_be(entries: list[Entry]) -> list[tuple[Any, ...]]:
    """The visits of events, found the slow way: visitor by visitor, event by event."""
    by_visitor: dict[tuple[str, str, str], list[Entry]] = defaultdict(list)
    for each in entries:
        if each.session or each.person:
            kind = "session" if each.session else "person"
            by_visitor[(each.project_id, kind, each.session or each.person)].append(each)
    found: list[tuple[Any, ...]] = []
    for whose, events in by_visitor.items():
        events.sort(key=lambda each: (each.at, each.browser))
        visit: list[Entry] = []
        for each in [*events, None]:
            if visit and (each is None or each.at - visit[-1].at > 30 * 60_000_000):
                pages = sorted((one.at, one.properties) for one in visit if one.name == "page_view")
                (first, entry), (last, leave) = (pages[0], pages[-1]) if pages else ((0, ""), (0, ""))
                found.append((
                    *whose, whose[0], moment(visit[0].at), moment(visit[-1].at), len(visit),
                    entry[10:-2], moment(first) if pages else None, leave[10:-2], moment(last) if pages else None,
                    visit[0].browser, visit[0].network,
                ))  # fmt: skip
                visit = []
            visit += [each] if each is not None else []
    return sorted(found, key=lambda row: row[:5])


@pytest.mark.parametrize("seed", range(6))
def test_however_late_and_in_whichever_portions_events_come_visits_are_the_same(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    chance = random.Random(seed)
    monkeypatch.setattr(deriving, "CHUNK", chance.choice([3, 7, 5_000]))
    events = [
        seen(
            number,
            chance.randrange(400),
            chance.choice(["/a", "/b", "/c"]),
            session=chance.choice(["", "s1", "s2", "s3"]),
            person=chance.choice(["", "p1"]),
            name=chance.choice(["page_view", "page_view", "cta_clicked"]),
            browser=chance.choice(["Edge", "Firefox"]),
            project_id=chance.choice(["proj_1", "proj_2"]),
        )
        for number in range(120)
    ]
    chance.shuffle(events)
    at = 0
    while at < len(events):
        size = chance.randrange(1, 30)
        keep(events[at : at + size])
        if chance.random() < 0.7:
            catch_up()
        at += size
    catch_up()
    assert everything() == as_it_should_be(events)
    assert differences() == Differences()


def differences() -> Differences:
    return sum(rebuild(repair=False), Differences())


def test_many_visitors_cost_a_few_queries() -> None:
    def cost(first: int) -> int:
        keep([seen(first + number, 0, session=f"s{number % 40}") for number in range(80)])
        with CaptureQueriesContext(connection) as queries:
            derive()
        return len(queries)

    assert cost(0) <= 20
    assert cost(100) <= 20


def test_an_event_that_is_seen_late_because_its_transaction_takes_long_is_not_missed() -> None:
    begun, go_on, derived = threading.Event(), threading.Event(), threading.Event()

    def slow() -> None:
        with transaction.atomic():
            keep([seen(1, 0)])
            begun.set()
            go_on.wait(10)
        connection.close()

    def fast() -> None:
        begun.wait(10)
        keep([seen(2, 1)])
        derive()
        derived.set()
        connection.close()

    threads = [threading.Thread(target=each) for each in (slow, fast)]
    for thread in threads:
        thread.start()
    begun.wait(10)
    assert not derived.wait(0.3), "nobody knows yet what is before the second"
    go_on.set()
    for thread in threads:
        thread.join()
    catch_up()
    assert visits() == [(0, 1, 2)]


class TestErasing:
    SESSION, PERSON = Erasure.Kind.SESSION, Erasure.Kind.PERSON

    @pytest.fixture(autouse=True)
    def events(self, project: Project) -> None:
        """Ann in a session of her own, in one that somebody began without saying who, and without any; and bob."""

        def of(number: int, minute: float, session: str, person: str) -> Entry:
            who = [identity(project.public_id, each) for each in (session, person)]
            return seen(number, minute, project_id=project.public_id, session=who[0], person=who[1])

        take(
            of(1, 0, "s1", "ann"), of(2, 1, "s1", "ann"),
            of(3, 2, "s2", ""), of(4, 3, "s2", "ann"),
            of(5, 4, "", "ann"), of(6, 5, "s3", "bob"),
        )  # fmt: skip

    def test_the_visits_of_a_session_are_gone(self, project: Project) -> None:
        assert erase(project, {self.SESSION: "s1"}).visits == 1
        assert visits() == [(2, 3, 2), (4, 4, 1), (5, 5, 1)]
        assert VisitTrail.objects.count() == 3
        assert erase(project, {self.SESSION: "s1"}).visits == 0

    def test_those_of_a_user_are_gone_and_of_others_is_left_what_was_not_theirs(self, project: Project) -> None:
        assert erase(project, {self.PERSON: "ann"}).visits == 3
        assert visits() == [(2, 2, 1), (5, 5, 1)]
        assert differences() == Differences()

    def test_what_was_erased_before_it_was_derived_from_is_in_no_visit(self, project: Project) -> None:
        who = identity(project.public_id, "s3")
        keep([seen(7, 6, project_id=project.public_id, session=who)])
        assert erase(project, {self.SESSION: "s3"}).visits == 1
        catch_up()
        assert visits(identity=who) == []


class TestRounds:
    def test_a_round_takes_what_there_is_and_ends_where_there_is_too_much(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(deriving, "CHUNK", 2)
        monkeypatch.setattr(deriving, "MOST_CHUNKS", 2)
        keep([seen(number, number) for number in range(5)])
        keep_up()
        assert visits() == [(0, 3, 4)]
        keep_up()
        assert visits() == [(0, 4, 5)]

    def test_where_the_database_is_away_the_next_round_goes_on(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def away() -> int:
            raise OperationalError

        keep([seen(1, 0)])
        with monkeypatch.context() as patched, structlog.testing.capture_logs() as logs:
            patched.setattr(deriving, "settled", away)
            patched.setattr(deriving, "log", structlog.get_logger("test"))
            keep_up()
        assert [(line["event"], line["error"]) for line in logs] == [("visits_not_derived", "OperationalError")]
        assert visits() == []
        keep_up()
        assert visits() == [(0, 0, 1)]

    def test_what_another_process_is_at_is_left_to_it(self, monkeypatch: pytest.MonkeyPatch) -> None:
        keep([seen(1, 0)])
        monkeypatch.setattr(VisitsMark, "held_at_once", lambda: None)
        assert derive() == 0
        assert visits() == []

    def test_a_failure_half_way_counts_nothing_twice(self, monkeypatch: pytest.MonkeyPatch) -> None:
        keep([seen(1, 0), seen(2, 1)])

        def fail(self: VisitsMark) -> None:
            raise OperationalError

        with monkeypatch.context() as patched:
            patched.setattr(VisitsMark, "save", fail)
            with pytest.raises(OperationalError):
                derive()
        assert visits() == []
        catch_up()
        assert visits() == [(0, 1, 2)]
        assert str(VisitsMark.objects.get()) == f"up to event {Event.objects.latest('pk').pk}"
