"""Every change of flags, whichever way it is made, is counted once, written down, and undone whole."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, models, transaction

from accounts.audit.context import command_acting
from accounts.audit.restoring import restore
from accounts.audit.verifying import verify
from accounts.models import AuditEvent, Organization, Project
from features.changes import Changes, changes
from features.models import Environment, Flag, FlagState, FlagsVersion, ProjectEnvironment, Segment
from tests.features.conftest import BOOLEAN, MakeFlag

CONDITIONS = [{"attribute": "plan", "operator": "equals", "values": ["pro"]}]


def events() -> list[str]:
    return list(AuditEvent.objects.order_by("pk").values_list("type", flat=True))


def moved(change: Callable[[], Any], expected: int = 1) -> list[str]:
    """The events of a change that the version must have counted as so many."""
    version, count, before = FlagsVersion.current(), changes.count, len(events())
    change()
    assert FlagsVersion.current() - version == expected
    assert changes.count - count == (1 if expected else 0)
    return events()[before:]


def test_every_way_of_changing_is_counted_and_written_down(
    environment: Environment, project: Project, make_flag: MakeFlag
) -> None:
    organization = environment.organization
    flag = make_flag()
    state = flag.states.get()
    segment = Segment(organization=organization, key="staff", conditions=CONDITIONS)
    staging = Environment(organization=organization, key="staging")
    other = Flag(organization=organization, key="other", kind="boolean", variants=BOOLEAN)
    assert moved(segment.save) == ["segment.created"]
    assert moved(staging.save) == ["environment.created"]
    row = ProjectEnvironment(project=project, environment=staging)
    assert moved(row.save) == ["project.environment.created"]
    assert moved(lambda: Flag.objects.bulk_create([other])) == ["flag.created"]
    assert other.salt == "other"
    states = [FlagState(flag=each, environment=staging) for each in (flag, other)]
    assert moved(lambda: FlagState.objects.bulk_create(states)) == ["flag.state.created"] * 2
    assert moved(lambda: FlagState.objects.update(enabled=False)) == ["flag.state.updated"]
    assert (
        moved(lambda: FlagState.objects.filter(environment=staging).update(enabled=True)) == ["flag.state.updated"] * 2
    )
    state.refresh_from_db()
    state.enabled = True
    assert moved(lambda: state.save(update_fields=["enabled"])) == ["flag.state.updated"]
    assert moved(lambda: Segment.objects.update(description="Us.")) == ["segment.updated"]
    assert moved(lambda: Flag.objects.update(archived=True)) == ["flag.updated"] * 2
    assert moved(row.delete) == ["project.environment.deleted"]
    assert moved(lambda: Segment.objects.all().delete()) == ["segment.deleted"]
    assert moved(other.delete, 2) == ["flag.state.deleted", "flag.deleted"]
    assert moved(staging.delete, 2) == ["flag.state.deleted", "environment.deleted"]


def test_the_log_says_what_it_was_what_it_became_and_who_did_it(make_flag: MakeFlag) -> None:
    flag = make_flag()
    state = flag.states.get()
    with command_acting("flag"):
        state.enabled = False
        state.save()
    event = AuditEvent.objects.order_by("pk").last()
    assert event is not None
    assert (event.type, event.actor_kind, event.actor_name) == ("flag.state.updated", "command", "manage.py flag")
    assert (event.target_name, event.target_type) == ("dark-mode in production", "features.flagstate")
    assert event.organization == flag.organization.public_id
    assert event.changed() == ["enabled"]
    made = AuditEvent.objects.get(type="flag.created")
    assert made.after is not None
    assert (made.after["key"], made.after["variants"], made.before) == ("dark-mode", BOOLEAN, None)


def test_numbers_come_back_from_the_log_as_they_were(make_flag: MakeFlag) -> None:
    variants = {"tenth": 0.1, "small": 5e-324, "whole": 2.0, "large": 9999999999999998.0, "count": 3, "none": 0.0}
    rules = [{"conditions": [{"attribute": "age", "operator": "gt", "values": [17.5]}], "variant": "tenth"}]
    flag = make_flag("ratio", kind="number", variants=variants, rules=rules)
    flag.variants = {"tenth": 1}
    FlagState.objects.update(rules=[])
    made = AuditEvent.objects.latest("pk")
    flag.save()
    restore(AuditEvent.objects.latest("pk"))
    restore(made)
    flag.refresh_from_db()
    assert {name: (value, type(value)) for name, value in flag.variants.items()} == {
        name: (value, type(value)) for name, value in variants.items()
    }
    assert flag.states.get().rules == rules
    assert verify(flag.organization.public_id).problems == []


def test_a_project_put_elsewhere_is_written_down_as_the_projects(project: Project, environment: Environment) -> None:
    ProjectEnvironment.objects.create(project=project, environment=environment)
    event = AuditEvent.objects.order_by("pk").last()
    assert event is not None
    assert (event.project_id, event.organization) == (project.public_id, project.organization.public_id)


def test_what_is_undone_was_never_counted_nor_told(make_flag: MakeFlag) -> None:
    flag = make_flag()
    told = changes.count

    def undone() -> None:
        with transaction.atomic():
            flag.description = "x"
            flag.save()
            transaction.set_rollback(True)

    assert moved(undone, 0) == []

    def refused() -> None:
        flag.kind = "string"
        with pytest.raises(ValidationError):
            flag.save()

    assert moved(refused, 0) == []
    assert changes.count == told


def test_a_transaction_is_told_once_however_much_it_changes(make_flag: MakeFlag) -> None:
    told = changes.count
    with transaction.atomic():
        make_flag("a")
        make_flag("b")
        assert changes.count == told
    assert changes.count == told + 1


def test_whoever_listens_is_told(database: None) -> None:
    own, heard = Changes(), list[int]()
    own.listeners.append(lambda: heard.append(own.count))
    own.announce()
    with transaction.atomic():
        own.note()
        own.note()
    assert heard == [1, 2]


def test_there_is_one_version(database: None) -> None:
    assert FlagsVersion.current() == 0
    for number in (1, 2):
        FlagsVersion.bump()
        assert FlagsVersion.current() == number
    assert str(FlagsVersion.objects.get()) == "2"
    with pytest.raises(IntegrityError), transaction.atomic():
        FlagsVersion.objects.create(pk=2)


def count_changes_of_many_at_once(environment: Environment) -> None:
    """Eight threads make flags at the same time: each is counted, and none is refused for the other's sake."""

    def make(number: int) -> None:
        try:
            Flag.objects.create(
                organization=environment.organization, key=f"f{number}", kind="boolean", variants=BOOLEAN
            )
        finally:
            connection.close()

    before = FlagsVersion.current()
    threads = [threading.Thread(target=make, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Flag.objects.count() == 8
    assert FlagsVersion.current() == before + 8


def refuse_a_circle_of_two_at_once(environment: Environment) -> None:
    """Two threads each add the half of a circle: one of them is refused, whatever they do at the same time."""
    for key in ("a", "b"):
        flag = Flag.objects.create(organization=environment.organization, key=key, kind="boolean", variants=BOOLEAN)
        FlagState.objects.create(flag=flag, environment=environment)
    start, refused = threading.Barrier(2), list[str]()

    def need(one: str, other: str) -> None:
        try:
            state = FlagState.objects.select_related("flag__organization", "environment").get(flag__key=one)
            state.prerequisites = [{"flag": other, "variants": ["on"]}]
            start.wait(30)
            state.save()
        except ValidationError:
            refused.append(one)
        finally:
            connection.close()

    threads = [threading.Thread(target=need, args=pair) for pair in (("a", "b"), ("b", "a"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(refused) == 1
    assert models.QuerySet(FlagState).exclude(prerequisites=[]).count() == 1


def test_changes_at_the_same_time_are_all_counted(environment: Environment) -> None:
    count_changes_of_many_at_once(environment)


def test_two_who_would_close_a_circle_together_cannot(environment: Environment) -> None:
    refuse_a_circle_of_two_at_once(environment)


def test_another_organisation_has_its_own_log(stranger: Organization) -> None:
    Environment.objects.production(stranger)
    assert AuditEvent.objects.filter(organization=stranger.public_id, type="environment.created").exists()
