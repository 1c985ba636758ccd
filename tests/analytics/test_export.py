"""manage.py export. On SQLite and PostgreSQL."""

import csv
import json
import stat
from collections.abc import Callable, Iterator
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.bootstrap import ensure_defaults
from accounts.models import AuditEvent, Organization, Project
from analytics.draining import store
from analytics.exporting import reading
from analytics.exporting.files import whole
from analytics.exporting.formats import FORMATS, MARK
from analytics.exporting.kinds import KINDS
from analytics.exporting.reading import pieces
from analytics.keeping import keep
from analytics.models import Event, EventCount, EventOutcome, RawExposure, Refused, UsageRecord, UsageRollup
from analytics.models.exposures import Unit
from tests.analytics.recorded import GOOD
from tests.analytics.test_prune import Terminal
from tests.analytics.visited import NOON, seen, take

pytestmark = pytest.mark.usefixtures("database")


@pytest.fixture
def project(database: None) -> Project:
    return ensure_defaults()[1]


def run(*arguments: str, **options: Any) -> str:
    out = StringIO()
    call_command("export", *arguments, stdout=out, **{"stderr": StringIO(), **options})
    return out.getvalue()


def objects(*arguments: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in run(*arguments, "--format", "jsonl").splitlines()]


def cells(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(StringIO(text.removeprefix(MARK), newline="")))


def moment(minute: float) -> str:
    return (NOON + timedelta(minutes=minute)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def add_events(project: str = "proj_1") -> None:
    take(seen(1, 0, "/a", project_id=project), seen(2, 1, "/b", project_id=project, session="=cmd", person=""))


def add_everything(project: str) -> None:
    """Something of each kind, of this project."""
    record = GOOD._replace(project_id=project, request_id=f"req {project}", cost_micro=1_500_000)
    store([record, record._replace(request_id=f"free {project}", cost_micro=0, model="free")])
    add_events(project)
    keep([seen(3, 2, project_id=project, code="unknown_event", message="No such name.")])
    Refused.objects.create(project_id=project, hour=NOON, endpoint="/v1/models", reason="invalid_api_key", count=3)
    RawExposure.keep([Unit("org", project, "production", "dark", "on", "a1b2", NOON)])


EXPECTED: dict[str, Callable[[], int]] = {
    "usage": UsageRecord.objects.count,
    "costs": lambda: UsageRollup.objects.filter(width=86_400, cost_micro__gt=0).count(),
    "rollups": UsageRollup.objects.count,
    "refused": Refused.objects.count,
    "events": lambda: Event.objects.filter(kept=True).count(),
    "rejected": lambda: 2,
    "counts": EventCount.objects.count,
    "outcomes": EventOutcome.objects.count,
    "visits": lambda: 4,
    "exposures": RawExposure.objects.count,
}


def test_every_kind_is_written_in_both_formats_with_the_same_columns_and_only_of_the_project_that_is_named(
    project: Project,
) -> None:
    assert set(EXPECTED) == set(KINDS)
    for each in ("proj_other", project.public_id):
        add_everything(each)
    for name, expected in EXPECTED.items():
        lines, table = objects(name), cells(run(name))
        assert len(lines) == len(table) == expected() > 0, name
        for line, row in zip(lines, table, strict=True):
            assert list(line) == list(row) == list(KINDS[name].names)
        own = objects(name, "--project", project.public_id)
        assert len(own) * 2 == len(lines), name
        place = "project" if name == "exposures" else "project_id"
        assert {line[place] for line in own} == {project.public_id}, name


def test_what_is_written_is_what_is_stored() -> None:
    add_events()
    first, second = objects("events")
    assert first == {
        "event_id": "e1", "project_id": "proj_1", "name": "page_view", "at": moment(0),
        "received_at": moment(0), "session": "s", "person": "p", "browser": "Firefox", "network": "192.0.2.0/24",
        "properties": {"path": "/a"},
    }  # fmt: skip
    assert cells(run("events"))[1] == {
        **second, "session": "'=cmd", "properties": '{"path":"/b"}',
    }  # fmt: skip
    (visit, _) = objects("visits")
    assert (visit["started_at"], visit["entry_page"], visit["exit_at"]) == (moment(0), "/a", moment(0))


def test_costs_are_by_day_exact_to_the_micro_dollar_and_what_was_free_is_left_out() -> None:
    add_everything("proj_1")
    (line,) = objects("costs")
    assert (line["day"], line["cost_micro"], line["cost_usd"], line["requests"]) == (
        f"{GOOD.moment:%Y-%m-%d}", 1_500_000, "1.500000", 1,
    )  # fmt: skip


def test_of_an_event_that_is_only_counted_nothing_is_written() -> None:
    keep([seen(1, 0).bare(), seen(2, 0)])
    assert [line["event_id"] for line in objects("events")] == ["e2"]


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        ([], [1, 2, 3, 4]),
        (["--from", "2026-11-29"], [2, 3, 4]),
        (["--to", "2026-11-29"], [1, 2, 3]),
        (["--from", "2026-11-29", "--to", "2026-11-29"], [2, 3]),
        (["--from", "2026-11-29T13:00:00+01:00", "--to", "2026-11-29T12:01:00Z"], [2]),
    ],
)
def test_days_are_whole_days_of_utc_and_moments_are_from_one_on_and_before_the_other(
    arguments: list[str], found: list[int]
) -> None:
    keep([seen(1, -721), seen(2, 0), seen(3, 1), seen(4, 720)])
    assert [line["event_id"] for line in objects("events", *arguments)] == [f"e{number}" for number in found]


@pytest.mark.parametrize(
    ("kind", "widths"),
    [("rollups", {60, 3600, 86_400}), ("counts", {3600, 86_400}), ("outcomes", {3600, 86_400})],
)
def test_sums_of_one_width(kind: str, widths: set[int]) -> None:
    add_everything("proj_1")
    assert {line["width"] for line in objects(kind)} == widths
    assert {line["width"] for line in objects(kind, "--width", "day")} == {86_400}


@pytest.mark.parametrize(
    "arguments",
    [
        ["passwords"],
        ["events", "--format", "xlsx"],
        ["events", "--project", "proj_nobody"],
        ["events", "--from", "yesterday"],
        ["events", "--from", "2026-11-29T12:00:00"],
        ["events", "--width", "day"],
    ],
)
def test_what_makes_no_sense_is_refused_and_told_of_nowhere(arguments: list[str], tmp_path: Path) -> None:
    before = AuditEvent.objects.count()
    with pytest.raises(CommandError):
        run(*arguments, "--output", str(tmp_path / "out"))
    assert AuditEvent.objects.count() == before
    assert list(tmp_path.iterdir()) == []


class TestPortions:
    """However many rows there are, one portion is held at a time."""

    @pytest.fixture(autouse=True)
    def small(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(reading, "CHUNK", 3)

    @pytest.mark.parametrize("name", KINDS)
    def test_every_row_comes_once_and_in_order_also_where_many_are_of_the_same_moment(self, name: str) -> None:
        for number in range(4):
            add_everything(f"proj_{number}")
        before = objects(name)
        key = [json.dumps(line, sort_keys=True) for line in before]
        assert len(set(key)) == len(key) == EXPECTED[name]() * (2 if name in ("rejected", "visits") else 1)
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(reading, "CHUNK", 1_000)
            assert objects(name) == before

    def test_a_portion_is_asked_for_when_the_one_before_was_taken(self) -> None:
        keep([seen(number, number // 4) for number in range(8)])
        kind = KINDS["events"]
        with CaptureQueriesContext(connection) as queries:
            found = pieces(kind, kind.rows(), FORMATS["jsonl"])
            told = [(number, len(text.splitlines()), len(queries)) for number, text in found]
        assert told == [(3, 3, 1), (3, 3, 2), (2, 2, 3)]

    def test_what_divides_evenly_ends_with_an_empty_query_and_no_piece(self) -> None:
        keep([seen(number, number) for number in range(6)])
        kind = KINDS["events"]
        assert [number for number, _ in pieces(kind, kind.rows(), FORMATS["csv"])] == [3, 3]

    def test_how_far_it_is_is_drawn_on_a_terminal_only(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setattr("analytics.management.commands.export.CHUNK", 3)
        keep([seen(number, number) for number in range(7)])
        terminal, quiet = Terminal(), Terminal()
        path = tmp_path / "events.csv"
        assert run("events", "--output", str(path), stderr=terminal) == f"7 rows of events in {path}.\n"
        assert terminal.getvalue().endswith("] 3/3\n")
        assert run("events", "--output", str(path), stderr=quiet, verbosity=0) == ""
        assert quiet.getvalue() == ""
        assert len(cells(path.read_bytes().decode())) == 7


class TestFiles:
    def test_a_file_is_the_same_as_what_goes_to_the_standard_output_and_its_owners_alone(self, tmp_path: Path) -> None:
        add_events()
        path = tmp_path / "events.csv"
        path.write_text("what was there before")
        run("events", "--output", str(path))
        assert path.read_bytes().decode() == run("events")
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert list(tmp_path.iterdir()) == [path]

    def test_without_a_row_there_is_the_head_or_nothing(self) -> None:
        assert run("events") == MARK + ",".join(KINDS["events"].names) + "\r\n"
        assert run("events", "--format", "jsonl") == ""

    @pytest.mark.parametrize("error", [KeyboardInterrupt, OSError, RuntimeError])
    def test_what_is_cut_off_leaves_no_half_file_and_what_was_there(
        self, error: type[BaseException], tmp_path: Path
    ) -> None:
        path = tmp_path / "events.csv"
        path.write_text("what was there before")

        def write() -> Iterator[None]:
            with whole(path) as file:
                file.write("half")
                file.flush()
                yield
                raise error

        steps = write()
        next(steps)
        assert len(list(tmp_path.iterdir())) == 2
        with pytest.raises(error):
            next(steps)
        assert list(tmp_path.iterdir()) == [path]
        assert path.read_text() == "what was there before"

    def test_a_place_that_takes_no_file_is_told(self, tmp_path: Path) -> None:
        with pytest.raises(CommandError, match="could not be written"):
            run("events", "--output", str(tmp_path / "nowhere" / "events.csv"))


class TestAudit:
    def told(self) -> list[tuple[str, str, Any]]:
        events = AuditEvent.objects.filter(type__endswith="analytics_exported").order_by("pk")
        return list(events.values_list("type", "target_id", "after"))

    def test_who_took_what_of_a_project_is_written_down_there(self, project: Project) -> None:
        first = "2026-11-29T12:00:00Z"
        run("events", "--project", project.public_id, "--from", first, "--to", "2026-11-30", "--format", "jsonl")
        told = {"kind": "events", "format": "jsonl", "first": moment(0), "last": "2026-11-30"}
        assert self.told() == [("project.analytics_exported", project.public_id, told)]
        event = AuditEvent.objects.latest("pk")
        assert (event.organization, event.project_id) == (project.organization.public_id, project.public_id)
        assert (event.source, event.actor_kind) == ("command", "command")

    def test_what_is_of_all_projects_is_written_down_in_every_organisation(self, project: Project) -> None:
        other = Organization.objects.create(name="Other", slug="other")
        run("usage")
        told = {"kind": "usage", "format": "csv"}
        places = sorted([project.organization.public_id, other.public_id])
        assert self.told() == [("organization.analytics_exported", place, told) for place in places]

    def test_without_an_organisation_it_is_in_the_servers_chain(self) -> None:
        Project.objects.all().delete()
        Organization.objects.all().delete()
        run("usage")
        assert [(kind, target) for kind, target, _ in self.told()] == [("organization.analytics_exported", "")]

    def test_it_is_there_also_where_the_rest_is_cut_off(self, project: Project, tmp_path: Path) -> None:
        with pytest.raises(CommandError):
            run("events", "--project", project.public_id, "--output", str(tmp_path / "nowhere" / "events.csv"))
        assert len(self.told()) == 1
