"""manage.py prune. On SQLite and PostgreSQL."""

import asyncio
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.bootstrap import ensure_defaults
from accounts.models import AuditEvent, Project
from accounts.models.audit import SERVER
from accounts.models.organizations import ProjectRetention, Retention
from analytics import pruning
from analytics.draining import store
from analytics.entries import HOUR
from analytics.keeping import Outcome, keep
from analytics.management.commands import prune as command
from analytics.models import (
    Event,
    EventCount,
    Pruned,
    RawExposure,
    RecordsKept,
    Refused,
    UsageRecord,
    VisitTrail,
    Width,
)
from analytics.models.exposures import Unit
from analytics.models.usage import WITHOUT_DIMENSION
from analytics.policies import forbids_raw, keeping_nothing
from analytics.pruning import pending, prune, write_down
from analytics.records import Record
from analytics.retention import BY_NAME, EVENTS
from analytics.rollups import rebuilding
from analytics.rollups.rebuilding import Differences, rebuild
from analytics.visits.keeping import make
from analytics.visits.stays import stay_of
from api.models import Veto
from tests.analytics.judged import entry
from tests.analytics.recorded import GOOD
from tests.analytics.rolled import kept, random_records
from tests.threads import in_thread

RAW = ("events", "visits", "rejected_events", "raw_exposures", "vetoes")
HELD_OFF = {"sqlite": "BEGIN", "postgresql": "LOCK TABLE"}
NOTHING_DONE = dict.fromkeys(BY_NAME, 0)


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


def run(*arguments: str, **options: Any) -> str:
    out = StringIO()
    call_command("prune", *arguments, stdout=out, **{"stderr": StringIO(), **options})
    return out.getvalue()


def told(text: str) -> dict[str, int]:
    """How many rows of each table the command says there were."""
    lines = [line.split() for line in text.splitlines() if not line.startswith(" ")]
    return {words[0].rstrip(":"): int(words[1]) for words in lines}


def microseconds(at: datetime) -> int:
    return int(at.timestamp()) * 1_000_000


def add_event(project: str, at: datetime, number: int = 0, **fields: Any) -> None:
    when = microseconds(at)
    times = {"at": when, "received_at": when, "hour": when // HOUR * HOUR}
    keep([entry(number, project_id=project, event_id=f"{project} {when} {number}", **times, **fields)])


def add_visit(project: str, at: datetime, number: int = 0) -> None:
    ended = stay_of(at - timedelta(hours=5), "/docs", "Firefox", "")._replace(ended_at=at)
    make([((project, "session", f"s{number}"), ended)])


def add_rejected(project: str, at: datetime, number: int = 0) -> None:
    add_event(project, at, number, code="unknown_event")


def add_exposure(project: str, at: datetime, number: int = 0) -> None:
    RawExposure.keep([Unit("org", project, "production", "dark", "on", f"{at}{number}"[:32], at)])


def add_usage(project: str, at: datetime, number: int = 0) -> None:
    store([GOOD._replace(request_id=f"{project} {at} {number}"[-64:], at=microseconds(at), project_id=project)])


def add_refused(project: str, at: datetime, number: int = 0) -> None:
    Refused.objects.create(project_id=project, hour=at, endpoint="/v1/models", reason=f"r{number}", count=3)


def add_veto(project: str, at: datetime, number: int = 0) -> None:
    Veto.objects.create(project_id=project, at=at, policy_id=number, kind="pattern", mode="enforce")


Adding = Callable[..., None]
ADDING: dict[str, Adding] = {
    "events": add_event,
    "visits": add_visit,
    "rejected_events": add_rejected,
    "raw_exposures": add_exposure,
    "usage_records": add_usage,
    "refused_requests": add_refused,
    "vetoes": add_veto,
}
DAYS = {
    "events": 30,
    "visits": 30,
    "rejected_events": 30,
    "raw_exposures": 90,
    "usage_records": 397,
    "refused_requests": 397,
    "vetoes": 90,
}


def ago(**since: float) -> datetime:
    return timezone.now().replace(microsecond=0) - timedelta(**since)


def left() -> dict[str, Counter[str]]:
    """How many rows of each project there are; of events, those of which there is more than an id."""
    return {table.name: Counter(table.rows().values_list(table.project, flat=True)) for table in BY_NAME.values()}


def counted(name: str) -> int:
    return sum(left()[name].values())


def audited() -> list[tuple[str, Any]]:
    entries = AuditEvent.objects.filter(type="project.analytics_pruned").order_by("pk")
    return list(entries.values_list("target_id", "after"))


@pytest.fixture
def project(database: None) -> Project:
    return ensure_defaults()[1]


@pytest.fixture
def other(project: Project) -> Project:
    return Project.objects.create(organization=project.organization, name="Other")


def test_every_table_is_tried() -> None:
    assert set(ADDING) == set(DAYS) == set(BY_NAME)
    assert {table.name for table in BY_NAME.values() if table.raw} == set(RAW)


@pytest.mark.parametrize("name", DAYS)
def test_rows_go_when_they_are_as_old_as_the_setting_says(name: str, project: Project) -> None:
    for number, hours in enumerate((-2, 2)):
        ADDING[name](project.public_id, ago(days=DAYS[name], hours=hours), number)
    assert told(run("--dry-run")) == {**NOTHING_DONE, name: 1}
    assert told(run()) == {**NOTHING_DONE, name: 1}
    assert counted(name) == 1
    assert told(run()) == NOTHING_DONE


@pytest.mark.parametrize("name", DAYS)
def test_the_setting_can_be_changed(name: str, project: Project, settings: Any) -> None:
    setattr(settings, BY_NAME[name].setting, 8)
    for days in (7, 9):
        ADDING[name](project.public_id, ago(days=days))
    assert told(run())[name] == 1


def test_only_the_tables_and_the_project_that_are_named_are_pruned(project: Project, other: Project) -> None:
    for each in (project, other):
        for add in ADDING.values():
            add(each.public_id, ago(days=400))
    said = run("--table", "events", "--table", "refused_requests", "--project", other.public_id)
    assert told(said) == {"events": 1, "refused_requests": 1}
    after = left()
    assert after["events"] == after["refused_requests"] == {project.public_id: 1}
    assert after["raw_exposures"] == after["rejected_events"] == {project.public_id: 1, other.public_id: 1}


def test_another_age_can_be_said_in_either_word(project: Project) -> None:
    for days in (10, 20, 29):
        add_event(project.public_id, ago(days=days))
    assert told(run("--older-than", "15d", "--dry-run"))["events"] == 2
    assert told(run("--before", "25d"))["events"] == 1
    assert told(run("--older-than", "2w"))["events"] == 1
    assert counted("events") == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ["--table", "users"],
        ["--project", "proj_nobody"],
        ["--older-than", "soon"],
        ["--older-than", "1h"],
        ["--older-than", "6d"],  # usage records
    ],
)
def test_what_makes_no_sense_is_refused(arguments: list[str], project: Project) -> None:
    add_event(project.public_id, ago(days=400))
    with pytest.raises(CommandError):
        run(*arguments)
    assert counted("events") == 1


class TestEvents:
    """An id is known for as long as an event of it could be taken for a new one."""

    def test_within_the_window_the_id_stays_and_the_event_is_no_new_one(self, project: Project) -> None:
        when = microseconds(ago(days=3))
        one = entry(project_id=project.public_id, at=when, received_at=when)
        assert keep([one]) == [Outcome.ACCEPTED]
        assert told(run("--table", "events", "--older-than", "2d"))["events"] == 1
        row = Event.objects.get()
        assert (row.kept, row.name, row.properties, row.session, row.person, row.network) == (False, "", {}, "", "", "")
        assert keep([one]) == [Outcome.DUPLICATE]
        assert EventCount.objects.get(width=Width.HOUR).count == 1
        assert told(run("--table", "events", "--older-than", "2d"))["events"] == 0

    def test_of_one_that_happened_before_it_came_in_the_id_stays_too(self, project: Project) -> None:
        keep([entry(project_id=project.public_id, at=microseconds(ago(days=9)), received_at=microseconds(ago(days=4)))])
        assert told(run("--older-than", "8d"))["events"] == 1
        assert Event.objects.filter(kept=False).count() == 1

    def test_after_the_window_nothing_stays_but_the_counts(self, project: Project) -> None:
        add_event(project.public_id, ago(days=31))
        run()
        assert not Event.objects.exists()
        assert EventCount.objects.get(width=Width.HOUR).count == 1

    def test_ids_whose_time_has_come_go_with_it(self, project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("analytics.keeping.CHUNK", 2)
        for number in range(5):
            add_event(project.public_id, ago(days=8), number, kept=False, name="", properties="{}", session="",
                      person="", browser="", network="")  # fmt: skip
        assert told(run("--table", "rejected_events")) == {"rejected_events": 0}
        assert Event.objects.count() == 5
        assert told(run()) == NOTHING_DONE
        assert not Event.objects.exists()


def test_whose_a_visit_was_goes_with_it(project: Project) -> None:
    for days in (29, 31):
        add_visit(project.public_id, ago(days=days))
    assert told(run("--table", "visits")) == {"visits": 1}
    assert VisitTrail.objects.count() == 1


class TestUsageRecords:
    """What is summed up stays, and is not built anew from what is left."""

    @pytest.fixture
    def records(self, database: None) -> list[Record]:
        """Of three days, a year ago."""
        records = random_records(300)
        store(records)
        return records

    def test_roll_ups_stay_and_a_rebuild_leaves_them(self, records: list[Record], project: Project) -> None:
        before = kept()
        now = GOOD.moment + timedelta(days=397, hours=20, minutes=3)
        gone = sum(prune(BY_NAME["usage_records"], now), Counter())
        assert gone == Counter(one.project_id for one in records if one.moment < now - timedelta(days=397))
        assert 0 < gone.total() < len(records)
        found = [rebuild(day) for day in rebuilding.days()]
        assert sum(found, Differences()).left > 0
        assert not any(found)
        assert kept() == before

    def test_so_it_is_where_one_project_is_pruned_more(self, records: list[Record], project: Project) -> None:
        Project.objects.create(organization=project.organization, name="One", public_id="proj_1")
        before = kept()
        said = run("--table", "usage_records", "--project", "proj_1", "--older-than", "7d")
        assert told(said)["usage_records"] == sum(one.project_id == "proj_1" for one in records)
        assert not any(rebuild(day) for day in rebuilding.days())
        assert kept() == before
        assert [row.project_id for row in RecordsKept.objects.all()] == ["proj_1"]

    def test_that_records_are_kept_since_then_is_said_once(
        self, records: list[Record], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(pruning, "CHUNK", 100)
        steps = prune(BY_NAME["usage_records"], timezone.now(), timedelta(days=7))
        next(steps)
        said = set(RecordsKept.objects.values_list("project_id", "since"))
        with CaptureQueriesContext(connection) as queries:
            next(steps)
        assert set(RecordsKept.objects.values_list("project_id", "since")) == said
        writing = [query["sql"] for query in queries if not query["sql"].startswith("SELECT")]
        assert not [sql for sql in writing if RecordsKept._meta.db_table in sql]

    def test_who_builds_anew_reads_that_only_once_nobody_deletes_any_more(self, records: list[Record]) -> None:
        with CaptureQueriesContext(connection) as queries:
            rebuild(GOOD.moment.date())
        asked = [query["sql"] for query in queries]
        held = next(index for index, sql in enumerate(asked) if sql.startswith(HELD_OFF[connection.vendor]))
        assert held < next(index for index, sql in enumerate(asked) if RecordsKept._meta.db_table in sql)

    def test_what_is_in_no_roll_up_yet_stays_until_it_is(self, records: list[Record]) -> None:
        UsageRecord.objects.filter(project_id="proj_1").update(dimension_id=WITHOUT_DIMENSION)
        assert told(run("--table", "usage_records", "--older-than", "7d"))["usage_records"] == sum(
            one.project_id == "proj_0" for one in records
        )
        call_command("rebuild_rollups", stdout=StringIO())
        assert told(run("--table", "usage_records", "--older-than", "7d"))["usage_records"] > 0
        assert not UsageRecord.objects.exists()


class TestDataRetention:
    """Of projects that keep nothing nothing is kept that tells of single people's doings."""

    def test_all_of_theirs_goes_at_once_and_nobody_elses(self, project: Project, other: Project) -> None:
        for each in (project, other):
            for add in ADDING.values():
                add(each.public_id, ago(hours=1))
        other.data_retention = ProjectRetention.NOTHING
        other.save()
        assert told(run("--dry-run")) == {**NOTHING_DONE, **dict.fromkeys(RAW, 1)}
        assert told(run("--project", project.public_id)) == NOTHING_DONE
        assert told(run("--older-than", "52w")) == {**NOTHING_DONE, **dict.fromkeys(RAW, 1)}
        after = left()
        for name in RAW:
            assert after[name] == {project.public_id: 1}
        for name in set(ADDING) - set(RAW):
            assert after[name] == {project.public_id: 1, other.public_id: 1}
        assert EventCount.objects.filter(width=Width.HOUR).count() == 2

    def test_old_and_young_rows_are_counted_once(self, other: Project) -> None:
        for days in (1, 40):
            add_event(other.public_id, ago(days=days))
        other.data_retention = ProjectRetention.NOTHING
        other.save()
        assert told(run("--dry-run", "--table", "events")) == {"events": 2}
        assert told(run("--table", "events", "--project", other.public_id)) == {"events": 2}

    @pytest.mark.parametrize("of_project", ProjectRetention.values)
    @pytest.mark.parametrize("of_organization", Retention.values)
    def test_whose_that_are_is_what_events_are_taken_by(
        self, of_project: str, of_organization: str, project: Project
    ) -> None:
        project.organization.data_retention = of_organization
        project.organization.save()
        project.data_retention = of_project
        project.save()
        expected = [project.public_id] if forbids_raw(of_project, of_organization) else []
        assert keeping_nothing() == expected


class TestSteps:
    """What is done is done, and counted."""

    @pytest.fixture(autouse=True)
    def small_steps(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for module in (pruning, command):
            monkeypatch.setattr(module, "CHUNK", 2)

    def test_it_goes_in_steps_and_shows_them_on_a_terminal(self, project: Project) -> None:
        for number in range(5):
            add_rejected(project.public_id, ago(days=40), number)
        err = Terminal()
        assert told(run(stderr=err))["rejected_events"] == 5
        assert err.getvalue().endswith("3/3\n")
        assert counted("rejected_events") == 0

    def test_it_can_be_quiet_and_it_can_tell_of_each_project(self, project: Project, other: Project) -> None:
        for each in (project.public_id, other.public_id, ""):
            add_refused(each, ago(days=400))
        err = Terminal()
        assert run("--dry-run", verbosity=0, stderr=err) == ""
        said = run("--dry-run", "--table", "refused_requests", verbosity=2)
        assert said.splitlines() == [
            "refused_requests: 3 would be pruned.",
            "  of no project: 1",
            *sorted(f"  {each.public_id}: 1" for each in (project, other)),
        ]
        assert run(verbosity=0, stderr=err) == ""
        assert (err.getvalue(), counted("refused_requests")) == ("", 0)

    def test_the_oldest_go_first_and_a_step_asks_for_nothing_that_is_gone(self, project: Project) -> None:
        now = ago()
        for days in (41, 44, 42, 43, 40):
            add_event(project.public_id, now - timedelta(days=days))
        steps = prune(EVENTS, timezone.now())
        assert next(steps) == {project.public_id: 2}
        assert min(Event.objects.values_list("at", flat=True)) == now - timedelta(days=42)
        with CaptureQueriesContext(connection) as queries:
            next(steps)
        asked = [query["sql"] for query in queries if query["sql"].startswith("SELECT")]
        assert len(asked) == 1
        assert '"at" >= ' in asked[0]

    def test_after_a_failure_half_way_the_next_run_does_the_rest(
        self, project: Project, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for number in range(5):
            add_event(project.public_id, ago(days=40), number)
        real, calls = Pruned.add, []

        def failing(table: str, counts: Any) -> None:
            calls.append(table)
            if len(calls) == 2:
                raise OperationalError
            real(table, counts)

        with monkeypatch.context() as patched:
            patched.setattr(Pruned, "add", failing)
            with pytest.raises(OperationalError):
                run()
        assert counted("events") == 3  # the step that failed has deleted nothing
        assert audited() == [(project.public_id, {"events": 2})]
        assert told(run())["events"] == 3
        assert audited()[1:] == [(project.public_id, {"events": 3})]

    def test_what_a_killed_run_did_is_written_down_by_the_next(self, project: Project) -> None:
        for number in range(5):
            add_event(project.public_id, ago(days=40), number)
        next(prune(EVENTS, timezone.now()))
        assert (counted("events"), audited()) == (3, [])
        assert str(Pruned.objects.get()) == f"2 events of {project.public_id}"
        run("--table", "refused_requests")
        assert audited() == [(project.public_id, {"events": 2})]
        run()
        assert audited()[1:] == [(project.public_id, {"events": 3})]

    def test_runs_at_the_same_time_delete_each_row_once(self, project: Project, other: Project) -> None:
        for number in range(6):
            for each in (project, other):
                add_event(each.public_id, ago(days=40, minutes=number), number)
        now = timezone.now()

        def work() -> Counter[str]:
            return sum(prune(EVENTS, now), Counter())

        async def together() -> list[Counter[str]]:
            return await asyncio.gather(*(in_thread(work) for _ in range(3)))

        asyncio.run(together())
        sum(prune(EVENTS, now), Counter())  # what each left to the others
        assert counted("events") == 0
        assert {row.project_id: row.count for row in Pruned.objects.all()} == {project.public_id: 6, other.public_id: 6}


class TestAudit:
    """Who pruned what, and how many."""

    def test_each_project_has_one_entry_with_the_numbers_of_each_table(self, project: Project, other: Project) -> None:
        add_event(project.public_id, ago(days=40))
        for number in range(2):
            add_refused(project.public_id, ago(days=400), number)
            add_exposure(other.public_id, ago(days=100), number)
        run()
        assert sorted(audited()) == sorted([
            (project.public_id, {"events": 1, "refused_requests": 2}),
            (other.public_id, {"raw_exposures": 2}),
        ])  # fmt: skip
        one = AuditEvent.objects.filter(type="project.analytics_pruned", target_id=project.public_id).get()
        assert (one.organization, one.project_id, one.target_name) == (
            project.organization.public_id, project.public_id, project.name,
        )  # fmt: skip
        assert (one.source, one.actor_name) == ("command", "manage.py prune")
        assert not Pruned.objects.exists()

    def test_what_belongs_to_no_project_is_in_the_chain_of_the_server(self, project: Project) -> None:
        add_refused("", ago(days=400))
        add_refused("proj_gone", ago(days=400))
        run()
        entries = AuditEvent.objects.filter(type="project.analytics_pruned")
        assert set(entries.values_list("organization", "target_id")) == {(SERVER, ""), (SERVER, "proj_gone")}

    def test_where_nothing_was_deleted_and_in_a_dry_run_there_is_none(self, project: Project) -> None:
        add_event(project.public_id, ago(days=40))
        run("--dry-run")
        run("--table", "rejected_events")
        assert audited() == []
        assert (pending(EVENTS, timezone.now()), counted("events")) == ({project.public_id: 1}, 1)

    def test_what_another_run_has_written_down_meanwhile_is_not_written_twice(
        self, project: Project, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        Pruned.add("events", {project.public_id: 2})
        real = Project.objects.filter

        def overtaken(*args: Any, **kwargs: Any) -> Any:
            Pruned.objects.all().delete()
            return real(*args, **kwargs)

        monkeypatch.setattr(Project.objects, "filter", overtaken)
        write_down()
        assert audited() == []
