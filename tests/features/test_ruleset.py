"""The flags as requests see them: current within two seconds, at once where they were changed, without SQL, and also
while the database is away."""

import asyncio
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import DatabaseError, OperationalError, models
from django.db.backends.utils import CursorWrapper

from accounts.models import Organization, Project
from features import loading, ruleset
from features.changes import Changes, changes
from features.compiling import Ruleset
from features.loading import NOTHING, Rulesets, read
from features.models import Environment, Flag, FlagState, FlagsVersion, ProjectEnvironment, Segment
from features.models.flags import FlagQuerySet
from features.ruleset import FRESH, Watch
from tests.features.conftest import MakeFlag
from tests.processes import eventually
from tests.threads import in_thread


def answer(rulesets: Rulesets, flag: Flag, key: str = "") -> Any:
    return (
        rulesets.of_environment(flag.organization.public_id, "production").ruleset.evaluate(key or flag.key, {}).value
    )


@pytest.fixture
def watch() -> Iterator[Watch]:
    """One of another process, as it were: nobody tells it what changes here."""
    watch = Watch(told=Changes())
    yield watch
    watch.stop()


@pytest.fixture
def away(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Once this is set, whoever looks at the version finds no database."""
    gone, real = threading.Event(), FlagsVersion.current

    def look() -> int:
        if gone.is_set():
            raise OperationalError("the server closed the connection unexpectedly")
        return real()

    monkeypatch.setattr(FlagsVersion, "current", look)
    return gone


# --- Reading ---------------------------------------------------------------------------------------------------


def test_what_is_read_is_everybodys_flags_apart(
    organization: Organization, project: Project, stranger: Organization, make_flag: MakeFlag
) -> None:
    make_flag("a")
    make_flag("b", archived=True, default_variant="off")
    make_flag("a", environment=Environment.objects.production(stranger), default_variant="off")
    rulesets = read()
    own = rulesets.of_project(organization.public_id, project.public_id)
    assert {key: found.value for key, found in own.ruleset.evaluate_all({}).items()} == {"a": True, "b": False}
    assert rulesets.of_project(stranger.public_id, None).ruleset.evaluate("a", {}).value is False
    assert rulesets.of_project("org-none", project.public_id) is NOTHING
    assert rulesets.of_environment("org-none", "production") is NOTHING
    assert rulesets.version == FlagsVersion.current()


def test_a_project_sees_the_flags_of_its_environment(project: Project, make_flag: MakeFlag) -> None:
    flag = make_flag()
    staging = Environment.objects.create(organization=project.organization, key="staging")
    FlagState.objects.create(flag=flag, environment=staging, off_variant="off")
    home = project.organization.public_id

    def value() -> Any:
        return read().of_project(home, project.public_id).ruleset.evaluate(flag.key, {}).value

    assert value() is True
    ProjectEnvironment.objects.create(project=project, environment=staging)
    assert value() is False
    assert read().of_environment(home, "production").ruleset.evaluate(flag.key, {}).value is True


def test_an_environment_that_no_project_is_in_is_compiled_when_it_is_asked_for(make_flag: MakeFlag) -> None:
    flag = make_flag()
    staging = Environment.objects.create(organization=flag.organization, key="staging")
    FlagState.objects.create(flag=flag, environment=staging, enabled=True, default_variant="on")
    compiled = read().organizations[flag.organization.public_id]
    assert set(compiled.stages) == {"production"}
    found = compiled.stage("staging")
    assert found.ruleset.evaluate(flag.key, {}).value is True
    assert compiled.stage("staging") is found


def test_an_empty_variant_is_no_value(make_flag: MakeFlag) -> None:
    flag = make_flag(default_variant="")
    found = read().of_environment(flag.organization.public_id, "production").ruleset.evaluate(flag.key, {})
    assert (found.value, found.variant, found.reason) == (None, None, "STATIC")


def test_only_organisations_in_which_something_changed_are_compiled_anew(
    make_flag: MakeFlag, stranger: Organization
) -> None:
    flag = make_flag()
    make_flag("other", environment=Environment.objects.production(stranger))
    before = read()
    FlagState.objects.filter(flag=flag).update(enabled=False)
    after = read(before)
    own, other = flag.organization.public_id, stranger.public_id
    assert after.organizations[other] is before.organizations[other]
    assert after.organizations[own] is not before.organizations[own]
    assert (after.version, answer(after, flag)) == (before.version + 1, False)


def test_a_flag_that_did_not_change_is_not_read_again(make_flag: MakeFlag, organization: Organization) -> None:
    make_flag("a")
    make_flag("b")
    before = read()
    FlagState.objects.filter(flag__key="a").update(enabled=False)
    after = read(before)
    found = [each.of_environment(organization.public_id, "production").ruleset.flags for each in (before, after)]
    assert found[0]["b"] is found[1]["b"]
    assert found[0]["a"] != found[1]["a"]


def test_segments_are_compiled_with_the_rules_that_name_them(organization: Organization, make_flag: MakeFlag) -> None:
    conditions = [{"attribute": "plan", "operator": "equals", "values": ["pro"]}]
    Segment.objects.create(organization=organization, key="paying", conditions=conditions)
    make_flag(default_variant="off", rules=[{"variant": "on", "conditions": [{"segment": "paying"}]}])
    found = read().of_environment(organization.public_id, "production").ruleset
    assert [found.evaluate("dark-mode", {"plan": plan}).value for plan in ("pro", "free")] == [True, False]


def test_a_flag_that_was_damaged_from_outside_is_an_error_and_keeps_no_other_from_answering(
    make_flag: MakeFlag, organization: Organization
) -> None:
    make_flag("sound")
    damaged = make_flag("damaged")
    models.QuerySet(FlagState).filter(flag=damaged).update(rules=[{"colour": "blue"}])
    Segment.objects.create(organization=organization, key="staff")
    models.QuerySet(Segment).update(conditions={})
    found = read().of_environment(organization.public_id, "production").ruleset.evaluate_all({})
    assert found["sound"].value is True
    error = found["damaged"].error
    assert error is not None
    assert (found["damaged"].value, error.code) == (None, "GENERAL")


def test_a_change_while_reading_is_read_whole(make_flag: MakeFlag, monkeypatch: pytest.MonkeyPatch) -> None:
    flag, real, times, here = make_flag(), loading._rows, list[int](), threading.current_thread()

    def rows() -> Any:
        found = real()
        if threading.current_thread() is not here:  # the server's own
            return found
        times.append(FlagsVersion.current())
        if len(times) == 1:
            FlagState.objects.update(enabled=False)
        return found

    monkeypatch.setattr(loading, "_rows", rows)
    found = read()
    assert (len(times), found.version, answer(found, flag)) == (2, FlagsVersion.current(), False)


def test_whoever_changes_without_end_does_not_keep_reading_from_its_end(
    make_flag: MakeFlag, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_flag()
    real, here = loading._rows, threading.current_thread()

    def rows() -> Any:
        if threading.current_thread() is here:
            FlagsVersion.bump()
        return real()

    monkeypatch.setattr(loading, "_rows", rows)
    assert read().version == FlagsVersion.current()


def test_a_state_of_a_flag_that_came_in_between_waits_for_the_next_reading(
    make_flag: MakeFlag, organization: Organization, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_flag("early")
    real = FlagQuerySet.order_by
    monkeypatch.setattr(FlagQuerySet, "order_by", lambda rows, *names: real(rows, *names).none())
    assert read().of_environment(organization.public_id, "production").ruleset.flags == {}


# --- Watching --------------------------------------------------------------------------------------------------


async def test_a_change_in_this_process_is_seen_by_the_next_evaluation(make_flag: MakeFlag) -> None:
    flag = await in_thread(make_flag)
    for enabled in (True, False, True, False):
        await in_thread(FlagState.objects.update, enabled=enabled)
        assert answer(await ruleset.current(), flag) is enabled


async def test_an_evaluation_makes_no_sql(
    make_flag: MakeFlag, organization: Organization, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    await in_thread(make_flag, "needed")
    needs = [{"flag": "needed", "variants": ["on"]}]
    split = {"weights": [{"variant": "on", "weight": 1}, {"variant": "off", "weight": 1}]}
    await in_thread(make_flag, rules=[{"split": split}], prerequisites=needs)
    first, real, asked = await ruleset.current(), CursorWrapper.execute, list[str]()

    def execute(self: Any, *arguments: Any) -> Any:
        asked.append(threading.current_thread().name)
        return real(self, *arguments)

    monkeypatch.setattr(CursorWrapper, "execute", execute)
    for _ in range(100):
        rulesets = await ruleset.current()
        home = rulesets.of_project(organization.public_id, project.public_id).ruleset
        assert home.evaluate("dark-mode", {"targetingKey": "ada"}).reason == "SPLIT"
        assert len(home.evaluate_all({"targetingKey": "ada"})) == 2
        assert rulesets is first
    assert set(asked) <= {"flags-watch"}
    await in_thread(Flag.objects.count)
    assert not set(asked) <= {"flags-watch"}


def test_a_change_elsewhere_is_seen_within_two_seconds(watch: Watch, make_flag: MakeFlag) -> None:
    flag = make_flag()
    assert answer(watch.look().result(30), flag) is True
    FlagState.objects.update(enabled=False)
    eventually(lambda: watch.rulesets and answer(watch.rulesets, flag) is False, 10, "the change is seen")


def test_nothing_is_read_where_nothing_changed(watch: Watch, make_flag: MakeFlag) -> None:
    make_flag()
    first = watch.look().result(30)
    assert watch.look().result(30) is first
    FlagsVersion.bump()
    assert watch.look().result(30) is not first


def test_windows_open_and_close_without_a_write(make_flag: MakeFlag, organization: Organization) -> None:
    opens = datetime(2030, 1, 1, tzinfo=UTC)
    closes = opens + timedelta(hours=1)
    window = {"from": opens.isoformat(), "until": closes.isoformat()}
    make_flag(default_variant="off", rules=[{"variant": "on", **window}])
    found: Ruleset = read().of_environment(organization.public_id, "production").ruleset
    moments = (opens - timedelta(seconds=1), opens, closes - timedelta(seconds=1), closes)
    assert [found.evaluate("dark-mode", {}, now).value for now in moments] == [False, True, True, False]
    assert found.next_change(opens - timedelta(seconds=1)) == opens


async def test_while_the_database_is_away_the_last_ruleset_goes_on_answering(
    watch: Watch, make_flag: MakeFlag, away: threading.Event
) -> None:
    flag = await in_thread(make_flag)
    first = await watch.current()
    away.set()
    with pytest.raises(OperationalError):
        await asyncio.to_thread(watch.look().result, 30)
    assert watch.failed == "OperationalError"
    assert await watch.current() is first
    assert await watch.at_least(first.version + 1) is first
    assert answer(first, flag) is True
    away.clear()
    await asyncio.to_thread(watch.look().result, 30)
    assert (watch.failed, watch.age < FRESH) == ("", True)


async def test_a_change_that_cannot_be_read_any_more_does_not_fail_the_caller(
    make_flag: MakeFlag, away: threading.Event
) -> None:
    watch = Watch()
    await in_thread(make_flag)
    first = await watch.current()
    away.set()
    changes.announce()
    assert await watch.current() is first
    assert watch.failed == "OperationalError"
    await asyncio.to_thread(watch.stop)


async def test_where_flags_were_never_read_a_database_that_is_away_is_told(
    watch: Watch, database: None, away: threading.Event
) -> None:
    away.set()
    with pytest.raises(DatabaseError):
        await watch.current()


def test_code_that_is_not_async_gets_the_same(make_flag: MakeFlag, away: threading.Event) -> None:
    flag = make_flag()
    watch = Watch()
    try:
        away.set()
        with pytest.raises(OperationalError):
            watch.current_blocking()
        away.clear()
        changes.announce()
        assert answer(watch.current_blocking(), flag) is True
        known = watch.rulesets
        assert watch.current_blocking() is known
        away.set()
        changes.announce()
        assert watch.current_blocking() is known
    finally:
        watch.stop()
        changes.listeners.remove(watch.changed)


async def test_a_change_here_proves_that_the_database_is_back(make_flag: MakeFlag, away: threading.Event) -> None:
    watch = Watch()
    flag = await in_thread(make_flag)
    await watch.current()
    away.set()
    with pytest.raises(OperationalError):
        await asyncio.to_thread(watch.look().result, 30)
    away.clear()
    await in_thread(FlagState.objects.update, enabled=False)
    assert answer(await watch.current(), flag) is False
    await asyncio.to_thread(watch.stop)


async def test_who_knows_of_a_newer_version_gets_it(watch: Watch, make_flag: MakeFlag) -> None:
    flag = await in_thread(make_flag)
    first = await watch.current()
    await in_thread(FlagState.objects.update, enabled=False)
    assert answer(await watch.at_least(first.version + 1), flag) is False
    assert (await watch.at_least(1)).version == first.version + 1


async def test_a_caller_who_gives_up_takes_the_look_from_nobody(watch: Watch, database: None) -> None:
    waiting = [asyncio.create_task(watch.current()) for _ in range(2)]
    await asyncio.sleep(0)
    waiting[0].cancel()
    assert (await waiting[1]).version == 0
    with pytest.raises(asyncio.CancelledError):
        await waiting[0]


def test_what_was_forgotten_while_it_was_read_is_read_anew(
    watch: Watch, make_flag: MakeFlag, monkeypatch: pytest.MonkeyPatch
) -> None:
    ruleset.watch.stop()  # the server's own would count, too
    flag, times = make_flag(), list[int]()

    def forgetting(known: Rulesets | None) -> Rulesets:
        found = read(known)
        times.append(found.version)
        if len(times) == 1:
            models.QuerySet(FlagState).update(enabled=False)
            watch.forget()
        return found

    monkeypatch.setattr(ruleset, "read", forgetting)
    assert answer(watch.look().result(30), flag) is False
    assert len(times) == 2


def test_it_can_be_stopped_and_started_again(watch: Watch, database: None) -> None:
    watch.stop()
    for _ in range(2):
        watch.start()
        watch.start()
        assert watch.look().result(30).version == 0
        before = threading.active_count()
        watch.stop()
        assert threading.active_count() < before
