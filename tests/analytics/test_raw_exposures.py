"""Raw exposures as they are kept: as identities, once each, with the moment of the first."""

from datetime import UTC, datetime, timedelta
from threading import Barrier, Thread
from time import time
from typing import Any

import pytest
from django.db import IntegrityError, OperationalError, connection
from django.test.utils import CaptureQueriesContext

from accounts.bootstrap import ensure_defaults
from accounts.models import Project
from accounts.models.organizations import ProjectRetention
from analytics import exposures as module
from analytics.erasing import erase
from analytics.exposures import Keeping
from analytics.identities import identity, rotate
from analytics.models import AnalyticsPolicy, Erasure, RawExposure
from analytics.models.exposures import Unit
from features.units import Seen

NINE = datetime(2026, 3, 1, 9, tzinfo=UTC)


@pytest.fixture
def project(database: None) -> Project:
    return ensure_defaults()[1]


@pytest.fixture
def other(project: Project) -> Project:
    return Project.objects.create(organization=project.organization, name="Other")


def seen(project: Project, unit: str = "ada", variant: str = "on", flag: str = "dark") -> Seen:
    return Seen(project.organization.public_id, project.public_id, "production", flag, variant, unit)


def at(*units: Seen, hours: int = 0) -> dict[Seen, float]:
    return dict.fromkeys(units, (NINE + timedelta(hours=hours)).timestamp())


def rows() -> list[tuple[str, str, datetime]]:
    return list(RawExposure.objects.order_by("unit", "variant").values_list("unit", "variant", "first_seen_at"))


def test_a_unit_has_a_row_for_each_variant_with_the_moment_of_the_first(project: Project) -> None:
    keeping = Keeping()
    keeping.write(at(seen(project)))
    keeping.write(at(seen(project), seen(project, variant="off"), hours=1))
    unit = identity(project.public_id, "ada")
    assert rows() == [(unit, "off", NINE + timedelta(hours=1)), (unit, "on", NINE)]
    assert str(RawExposure.objects.earliest("first_seen_at")) == f"{unit[:8]}… got on of dark in production"


def test_nothing_that_is_stored_holds_the_text_and_projects_do_not_join(project: Project, other: Project) -> None:
    Keeping().write(at(seen(project, "grace@example.com"), seen(other, "grace@example.com")))
    found = list(RawExposure.objects.values())
    assert "grace" not in str(found)
    assert len({row["unit"] for row in found}) == 2


def test_a_batch_is_one_statement(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "AT_ONCE", 3)
    Keeping().write(at(seen(project)))
    with CaptureQueriesContext(connection) as asked:
        Keeping().write(at(*(seen(project, f"person-{number}") for number in range(5))))
    assert sum("INSERT" in each["sql"] for each in asked) == 2
    assert RawExposure.objects.count() == 6


def test_where_there_is_nothing_to_write_the_database_is_not_asked(database: None) -> None:
    with CaptureQueriesContext(connection) as asked:
        Keeping().write({})
    assert len(asked) == 0


def test_of_projects_that_keep_no_single_people_nothing_is_written(project: Project, other: Project) -> None:
    AnalyticsPolicy.objects.create(project=project, keeps_raw=False)
    Project.objects.filter(pk=other.pk).update(data_retention=ProjectRetention.NOTHING)
    Keeping().write(at(seen(project), seen(other)))
    assert rows() == []


def test_of_a_project_that_is_gone_nothing_is_written_and_it_holds_nobody_up(project: Project, other: Project) -> None:
    gone = seen(other)
    other.delete()
    Keeping().write(at(gone, seen(project)))
    assert [row[0] for row in rows()] == [identity(project.public_id, "ada")]


def test_what_the_database_does_not_take_is_kept_and_written_once_it_is_back(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise OperationalError("the server closed the connection unexpectedly")

    told: list[dict[str, Any]] = []
    monkeypatch.setattr(module.log, "warning", lambda event, **facts: told.append({"event": event, **facts}))
    monkeypatch.setattr(module, "MOST", 2)
    keeping = Keeping()
    with monkeypatch.context() as patched:
        patched.setattr(RawExposure, "keep", fail)
        keeping.write(at(seen(project)))
        keeping.write(at(seen(project), seen(project, "bob"), seen(project, "cleo"), hours=1))
    assert told == [
        {"event": "raw_exposures_not_written", "error": "OperationalError", "exposures": 1},
        {"event": "raw_exposures_dropped", "exposures": 1},
        {"event": "raw_exposures_not_written", "error": "OperationalError", "exposures": 2},
    ]
    assert rows() == []
    keeping.write({})
    moments = {identity(project.public_id, "ada"): NINE, identity(project.public_id, "bob"): NINE + timedelta(hours=1)}
    assert {unit: moment for unit, _, moment in rows()} == moments


def test_what_is_forgotten_is_never_written(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise OperationalError("database is locked")

    keeping = Keeping()
    with monkeypatch.context() as patched:
        patched.setattr(RawExposure, "keep", fail)
        keeping.write(at(seen(project)))
    keeping.forget()
    keeping.write({})
    assert rows() == []


def test_somebody_is_erased_from_one_project_and_nobody_else(project: Project, other: Project) -> None:
    keeping = Keeping()
    keeping.write(at(seen(project), seen(project, variant="off"), seen(project, "bob"), seen(other)))
    assert erase(project, {Erasure.Kind.SESSION: "ada"}).exposures == 0  # a session of that name is somebody else
    assert erase(project, {Erasure.Kind.PERSON: "ada"}).exposures == 2
    left = {identity(project.public_id, "bob"), identity(other.public_id, "ada")}
    assert {unit for unit, _, _ in rows()} == left
    assert erase(project, {Erasure.Kind.PERSON: "ada"}).exposures == 0


def test_who_is_erased_is_not_written_later_either_unless_they_come_again(project: Project) -> None:
    erase(project, {Erasure.Kind.PERSON: "ada"})
    keeping = Keeping()
    keeping.write(at(seen(project), seen(project, "bob")))  # seen before that, and held by some process until now
    assert [unit for unit, _, _ in rows()] == [identity(project.public_id, "bob")]
    keeping.write({seen(project): time() + 1})
    assert len(rows()) == 2


def test_a_new_salt_leaves_nobody_to_be_found(project: Project) -> None:
    keeping = Keeping()
    keeping.write(at(seen(project)))
    rotate(project)
    keeping.write(at(seen(project)))
    assert len({unit for unit, _, _ in rows()}) == 2


def test_an_exposure_of_nobody_is_refused(project: Project) -> None:
    with pytest.raises(IntegrityError):
        RawExposure.keep([Unit(*seen(project)[:5], "", NINE)])


def test_processes_that_write_the_same_at_once_keep_each_once(project: Project) -> None:
    people = [seen(project, f"person-{number}") for number in range(6)]
    together = Barrier(4)

    def write(number: int) -> None:
        try:
            together.wait(30)
            for turn in range(5):
                place = (number + turn) % 6
                Keeping().write(at(*people[place:], *people[:place]))
        finally:
            connection.close()

    threads = [Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert RawExposure.objects.count() == 6
