"""Events in the database: once, counted once, within limits. Runs on SQLite and PostgreSQL alike."""

import threading
from datetime import timedelta
from time import time_ns
from typing import Any

import pytest
from django.db import DataError, IntegrityError, connection
from django.utils import timezone

from analytics import keeping
from analytics.entries import HOUR, Entry, moment
from analytics.keeping import Outcome, keep, tidy
from analytics.models import Event, EventCount, EventOutcome, EventQuota, RejectedEvent, Width
from tests.analytics.judged import NOW, RECEIVED, entry

pytestmark = pytest.mark.usefixtures("database")
A, D, L, R = Outcome.ACCEPTED, Outcome.DUPLICATE, Outcome.LIMITED, Outcome.REJECTED


def ids() -> list[str]:
    return list(Event.objects.order_by("pk").values_list("event_id", flat=True))


def counts() -> dict[tuple[str, str, Any], int]:
    rows = EventCount.objects.filter(width=Width.HOUR)
    return {(row.project_id, row.name, row.start): row.count for row in rows}


def outcomes() -> dict[tuple[str, str, Any], int]:
    rows = EventOutcome.objects.filter(width=Width.HOUR)
    return {(row.project_id, row.outcome, row.start): row.count for row in rows}


def rejected(number: int = 1, **fields: Any) -> Entry:
    return entry(number, **{"code": "unknown_event", "message": "No.", **fields})


def test_an_event_is_stored_as_it_was_judged() -> None:
    one = entry(properties='{"é":[1.5,null,{"a":"\\"x\\" \\\\ \\n %s"}]}', at=RECEIVED - 1)
    assert keep([one]) == [A]
    row = Event.objects.get()
    assert row.properties == {"é": [1.5, None, {"a": '"x" \\ \n %s'}]}
    assert (row.at, row.received_at) == (moment(one.at), moment(one.received_at))
    assert (row.project_id, row.event_id, row.name, row.session, row.person) == ("proj_1", "e1", "page_view", "s", "p")
    assert (row.browser, row.network, row.kept, str(row)) == ("Firefox", "192.0.2.0/24", True, "e1")


def test_the_same_id_is_one_event_in_one_batch_and_across_batches_and_another_projects_is_another() -> None:
    assert keep([entry(1), entry(2), entry(1, name="cta_clicked")]) == [A, A, D]
    assert keep([entry(2), entry(3), entry(1, project_id="proj_2")]) == [D, A, A]
    assert sorted(ids()) == ["e1", "e1", "e2", "e3"]
    assert Event.objects.get(project_id="proj_1", event_id="e1").name == "page_view", "the first counts"


def test_each_event_is_counted_once_under_its_hour() -> None:
    keep([entry(1), entry(2), entry(2), entry(3, counted="cta_clicked")])
    keep([entry(2), entry(4), entry(5, hour=RECEIVED)])
    hour = moment(RECEIVED - HOUR)
    assert counts() == {
        ("proj_1", "page_view", hour): 3,
        ("proj_1", "cta_clicked", hour): 1,
        ("proj_1", "page_view", moment(RECEIVED)): 1,
    }
    assert str(EventCount.objects.first()).startswith(EventCount.objects.first().name)


def test_what_became_of_events_is_counted_by_the_hour_in_which_they_came_in() -> None:
    keep([entry(1), entry(1), entry(2), rejected(3), rejected(3), rejected(4, code="invalid_id", kept=False)])
    keep([entry(2), entry(5, limit=1), entry(6, limit=1), entry(7, received_at=RECEIVED + HOUR), rejected(3)])
    keep([entry(1, project_id="proj_2").bare()])
    hour = moment(RECEIVED)
    assert outcomes() == {
        ("proj_1", "accepted", hour): 3,
        ("proj_1", "duplicate", hour): 2,
        ("proj_1", "unknown_event", hour): 3,
        ("proj_1", "invalid_id", hour): 1,
        ("proj_1", "hourly_limit", hour): 1,
        ("proj_1", "accepted", moment(RECEIVED + HOUR)): 1,
        ("proj_2", "accepted", hour): 1,
    }
    assert str(EventOutcome.objects.get(outcome="invalid_id", width=Width.HOUR)) == "invalid_id: 1"


@pytest.mark.parametrize("model", [EventCount, EventOutcome])
def test_days_are_sums_of_their_hours(model: Any) -> None:
    """12:00 is when these came in, and a day later, and the day before that."""
    for number, hours in enumerate((-13, -12, 0, 11, 11, 12)):
        at = RECEIVED + hours * HOUR
        keep([entry(number, hour=at, received_at=at)])
    days = model.objects.filter(width=Width.DAY).order_by("start").values_list("start", "count")
    midnight = NOW.replace(hour=0)
    assert list(days) == [
        (midnight - timedelta(days=1), 1),
        (midnight, 4),
        (midnight + timedelta(days=1), 1),
    ]


def test_nothing_is_nothing() -> None:
    assert keep([]) == []
    assert not EventOutcome.objects.exists()


def test_what_is_only_counted_is_known_by_its_id_from_then_on_whatever_becomes_of_the_policy() -> None:
    assert keep([entry(1).bare(), entry(1)]) == [A, D]
    assert keep([entry(1)]) == [D]
    assert keep([entry(2)]) == [A]
    assert keep([entry(2).bare()]) == [D]
    bare = Event.objects.get(kept=False)
    assert (bare.name, bare.properties, bare.session, bare.person, bare.browser, bare.network) == ("", {}, *[""] * 4)
    assert bare.at == bare.received_at == moment(RECEIVED)
    assert counts() == {("proj_1", "page_view", moment(RECEIVED - HOUR)): 2}


def test_the_database_keeps_nothing_but_the_id_of_what_is_only_counted() -> None:
    with pytest.raises(IntegrityError):
        keep([entry(1, kept=False)])


class TestRejected:
    def test_they_are_kept_with_their_reason_the_first_of_each_id(self) -> None:
        assert keep([rejected(1, code="invalid_id"), entry(2), rejected(1), rejected(3)]) == [R, A, R, R]
        assert keep([rejected(1)]) == [R]
        rows = RejectedEvent.objects.order_by("event_id").values_list("event_id", "code", "message", "session")
        assert list(rows) == [("e1", "invalid_id", "No.", "s"), ("e3", "unknown_event", "No.", "s")]
        assert ids() == ["e2"]

    def test_one_that_is_rejected_does_not_stand_in_the_way_of_a_good_one(self) -> None:
        assert keep([rejected(1), entry(1)]) == [R, A]

    def test_a_project_that_keeps_only_counts_keeps_none(self) -> None:
        assert keep([rejected(1, kept=False)]) == [R]
        assert not RejectedEvent.objects.exists()

    def test_only_so_many_an_hour_are_kept_of_a_project(self, settings: Any) -> None:
        settings.LUKHAS_REJECTED_EVENTS_PER_HOUR = 3
        keep([rejected(number) for number in range(2)])
        assert keep([rejected(number) for number in range(2, 6)]) == [R] * 4
        keep([rejected(9)])
        keep([rejected(7, project_id="proj_2"), rejected(8, received_at=RECEIVED + HOUR)])
        assert sorted(RejectedEvent.objects.values_list("event_id", flat=True)) == ["e0", "e1", "e2", "e7", "e8"]


class TestLimits:
    def test_so_many_of_a_name_are_taken_within_an_hour_and_the_rest_is_kept_as_rejected(self) -> None:
        assert keep([entry(number, limit=3) for number in range(2)]) == [A, A]
        assert keep([entry(number, limit=3) for number in range(2, 5)]) == [A, L, L]
        assert sorted(ids()) == ["e0", "e1", "e2"]
        row = RejectedEvent.objects.get(event_id="e3")
        assert (row.code, row.name) == ("hourly_limit", "page_view")
        assert "3 of page_view" in row.message
        assert str(EventQuota.objects.get(name="page_view")) == "page_view: 3"

    def test_what_was_there_already_takes_no_room_and_is_told_so(self) -> None:
        keep([entry(1, limit=2)])
        assert keep([entry(1, limit=2), entry(1, limit=2), entry(2, limit=2), entry(3, limit=2)]) == [D, D, A, L]
        assert keep([entry(1, limit=2), entry(3, limit=2)]) == [D, L]

    def test_another_hour_name_or_project_has_a_limit_of_its_own(self) -> None:
        others = [
            entry(2, limit=1, received_at=RECEIVED + HOUR),
            entry(3, limit=1, counted="cta_clicked"),
            entry(4, limit=1, project_id="proj_2"),
            entry(5),
        ]
        assert keep([entry(1, limit=1), *others, entry(6, limit=1)]) == [A, A, A, A, A, L]

    def test_more_ids_than_one_statement_takes_are_looked_up_in_several(self, monkeypatch: pytest.MonkeyPatch) -> None:
        keep([entry(number, limit=9) for number in range(5)])
        monkeypatch.setattr(type(connection.features), "max_query_params", 3)
        assert keep([entry(number, limit=9) for number in range(11)]) == [D] * 5 + [A] * 4 + [L] * 2


def test_writers_that_keep_the_same_at_once_take_each_event_once_and_count_it_once() -> None:
    told: list[list[Outcome]] = []

    def work(start: int) -> None:
        try:
            batches = (
                [entry(number % 8 * 10 + each, limit=1000) for each in range(10)] for number in range(start, start + 4)
            )
            told.extend(map(keep, batches))
        finally:
            connection.close()

    threads = [threading.Thread(target=work, args=(start,)) for start in (0, 2, 4, 6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    flat = [outcome for each in told for outcome in each]
    assert (flat.count(A), flat.count(D)) == (80, 80)
    assert Event.objects.count() == 80
    assert sum(counts().values()) == 80
    assert outcomes() == {("proj_1", word, moment(RECEIVED)): 80 for word in ("accepted", "duplicate")}
    assert EventQuota.objects.get(name="page_view").count == 80


def test_one_that_the_database_does_not_take_takes_none_of_the_others_along() -> None:
    with pytest.raises((DataError, IntegrityError, ValueError)):
        keep([entry(1), entry(2, kept=False)])
    assert not Event.objects.exists()
    assert not EventCount.objects.exists()
    assert not EventOutcome.objects.exists()


def test_tidying_deletes_ids_beyond_the_window_and_what_past_limits_were_counted_by(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = time_ns() // 1_000
    old, young = (
        entry(number, received_at=now - days * 24 * HOUR + HOUR * (days == 6)).bare()
        for number, days in ((1, 8), (2, 6))
    )
    keep([old, young, entry(3, received_at=now - 9 * 24 * HOUR), entry(4, limit=1, received_at=now - 2 * HOUR)])
    keep([entry(5, limit=1, received_at=now)])
    monkeypatch.setattr(keeping, "CHUNK", 1)
    assert tidy() == 2
    assert tidy() == 0
    assert sorted(ids()) == ["e2", "e3", "e4", "e5"]
    assert EventQuota.objects.get().hour > timezone.now() - timedelta(hours=1, minutes=1)


def test_the_id_of_an_event_is_known_until_the_event_is_too_old_to_be_sent_again() -> None:
    """Of one that is only counted the hour remains in which it came in, and it happened up to five minutes later."""
    now = time_ns() // 1_000
    window = 7 * 24 * HOUR
    keep([entry(1, received_at=now - window - HOUR // 30).bare(), entry(2, received_at=now - window - 3 * HOUR).bare()])
    assert tidy() == 1
    assert ids() == ["e1"]
