"""Everything about a session or a user is erased, also what still waits in a journal. On SQLite and PostgreSQL."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.bootstrap import ensure_defaults
from accounts.models import AuditEvent, Project
from analytics.entries import Entry, encode
from analytics.erasing import Erased, erase, spared
from analytics.identities import identity
from analytics.intake import EventDrainer
from analytics.journal import Journal
from analytics.keeping import ERASURES_DAYS, Outcome, keep, tidy
from analytics.models import Erasure, Event, EventCount, RejectedEvent, Width
from tests.analytics.judged import entry

pytestmark = pytest.mark.usefixtures("database")
SESSION, PERSON = Erasure.Kind.SESSION, Erasure.Kind.PERSON


@pytest.fixture
def project() -> Project:
    return ensure_defaults()[1]


def of(project: Project, number: int, session: str = "", person: str = "", **fields: Any) -> Entry:
    """An event of somebody."""
    who = (identity(project.public_id, each) for each in (session, person))
    return entry(number, project_id=project.public_id, **dict(zip(("session", "person"), who, strict=True)), **fields)


def kept() -> list[str]:
    return sorted(Event.objects.filter(kept=True).values_list("event_id", flat=True))


def test_the_events_of_a_session_are_gone_and_nobody_elses(project: Project) -> None:
    other = Project.objects.create(organization=project.organization, name="Other")
    keep([of(project, 1, "s1", "ann"), of(project, 2, "s1"), of(project, 3, "s2", "ann"), of(project, 4)])
    keep([of(other, 5, "s1")])
    keep([of(project, 6, "s1", code="unknown_event"), of(project, 7, "s2", code="unknown_event")])
    assert erase(project, {SESSION: "s1"}) == Erased(events=2, rejected=1, exposures=0)
    assert kept() == ["e3", "e4", "e5"]
    assert list(RejectedEvent.objects.values_list("event_id", flat=True)) == ["e7"]


def test_so_are_those_of_a_user_and_of_both(project: Project) -> None:
    keep([of(project, 1, "s1", "ann"), of(project, 2, "s2", "ann"), of(project, 3, "s3", "bob"), of(project, 4, "bob")])
    assert erase(project, {PERSON: "ann"}) == Erased(events=2, rejected=0, exposures=0)
    assert kept() == ["e3", "e4"]  # a session that is called like a user is another one
    assert erase(project, {SESSION: "bob", PERSON: "bob"}) == Erased(events=2, rejected=0, exposures=0)
    assert kept() == []


def test_of_an_event_its_id_stays_and_the_hour_and_what_was_counted(project: Project) -> None:
    one = of(project, 1, "s1", "ann")
    assert keep([one]) == [Outcome.ACCEPTED]
    erase(project, {SESSION: "s1"})
    row = Event.objects.get()
    assert (row.event_id, row.name, row.properties, row.session, row.person, row.browser, row.network) == (
        "e1", "", {}, "", "", "", "",
    )  # fmt: skip
    assert row.at == row.received_at
    assert (row.at.minute, row.at.second, row.at.microsecond) == (0, 0, 0)
    assert keep([one]) == [Outcome.DUPLICATE]
    assert EventCount.objects.get(width=Width.HOUR).count == 1


def test_erasing_twice_is_erasing_once(project: Project) -> None:
    keep([of(project, 1, "s1")])
    assert erase(project, {SESSION: "s1"}) == Erased(1, 0, 0)
    before = Erasure.objects.get()
    assert erase(project, {SESSION: "s1"}) == Erased(0, 0, 0)
    after = Erasure.objects.get()
    assert after.at > before.at
    assert str(after) == f"a session of {project.public_id}"


def test_it_is_written_down_without_the_identity(project: Project) -> None:
    keep([of(project, 1, "session-of-ann")])
    erase(project, {SESSION: "session-of-ann"})
    event = AuditEvent.objects.latest("pk")
    assert (event.type, event.target_id, event.project_id) == (
        "project.analytics_erased",
        project.public_id,
        project.public_id,
    )
    assert event.after == {"of": ["session"], "events": 1, "rejected_events": 0, "raw_exposures": 0, "visits": 0}
    assert "session-of-ann" not in str(AuditEvent.objects.values())
    assert identity(project.public_id, "session-of-ann") not in str(AuditEvent.objects.values())


def test_where_it_fails_nothing_is_erased(project: Project) -> None:
    keep([of(project, 1, "s1"), of(project, 2, "s1", code="unknown_event")])

    @transaction.atomic
    def erase_and_fail() -> None:
        erase(project, {SESSION: "s1"})
        Erasure.objects.create(project_id=project.public_id, kind="neither", identity="x", at=timezone.now())

    with pytest.raises(IntegrityError):
        erase_and_fail()
    assert (kept(), RejectedEvent.objects.count(), Erasure.objects.count()) == (["e1"], 1, 0)


def test_what_waits_in_a_journal_is_met_when_it_is_stored(project: Project, tmp_path: Path) -> None:
    journal = Journal(tmp_path / "events")
    now = int(timezone.now().timestamp() * 1_000_000)
    waiting = [
        of(project, 1, "s1", received_at=now),
        of(project, 2, "s2", received_at=now),
        of(project, 3, "s1", received_at=now, code="unknown_event"),
        of(project, 4, "", "ann", received_at=now + 3_600_000_000),
        of(project, 5, "", "", received_at=now),
    ]
    assert journal.append(b"".join(map(encode, waiting)))
    erase(project, {SESSION: "s1"})
    erase(project, {PERSON: "ann"})
    EventDrainer(journal).round()
    journal.close()
    assert kept() == ["e2", "e4", "e5"]  # ann's came in after she was erased
    assert Event.objects.count() == 4
    assert not RejectedEvent.objects.exists()


def test_storing_what_waited_asks_once_for_hundreds_of_identities_and_not_at_all_for_none(project: Project) -> None:
    many = [entry(number, session=f"s{number}", person="") for number in range(600)]
    with CaptureQueriesContext(connection) as queries:
        assert spared(many) == many
    assert len(queries) == 2
    with CaptureQueriesContext(connection) as queries:
        assert spared([entry(1, session="", person="")])
    assert not queries


def test_old_erasures_are_tidied_away(project: Project) -> None:
    now = timezone.now()
    for days in (ERASURES_DAYS - 1, ERASURES_DAYS + 1):
        Erasure.objects.create(
            project_id=project.public_id, kind="session", identity=str(days), at=now - timedelta(days=days)
        )
    assert tidy() == 1
    assert Erasure.objects.get().identity == str(ERASURES_DAYS - 1)
