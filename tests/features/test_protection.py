"""Protected environments: keys and members change nothing there, people who may do, and anybody switches off."""

from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest
from django.core.exceptions import ValidationError
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.audit.context import Actor, Source, acting, because, command_acting
from accounts.audit.restoring import restore
from accounts.models import AuditEvent, Membership, Organization, Project, Role, User
from features.models import Environment, Flag, FlagState, FlagsVersion, ProjectEnvironment, Segment
from features.models.ruling import Unfit
from features.protection import EnvironmentProtected
from tests.features.commands import flag as command
from tests.features.conftest import BOOLEAN, MakeFlag

CONDITIONS = [{"attribute": "plan", "operator": "equals", "values": ["pro"]}]
KEY = Actor("user", "user-1", "ann@example.com", "key_1")


@pytest.fixture
def protected(environment: Environment) -> Environment:
    """`production`, protected."""
    environment.protected = True
    environment.save()
    return environment


def by_key() -> AbstractContextManager[None]:
    return acting(KEY, "api")


def by_person(organization: Organization, role: Role | None, source: Source = "api") -> AbstractContextManager[None]:
    """Somebody with this role who signed in."""
    user = User.objects.create_user(f"u{User.objects.count()}", f"u{User.objects.count()}@example.com")
    if role is not None:
        Membership.objects.create(user=user, organization=organization, role=role)
    return acting(Actor("user", user.public_id, user.email, "sess_1"), source)


def refused(change: Callable[[], object]) -> None:
    """The change is refused to a key, and nothing is left of it."""
    version, events = FlagsVersion.current(), AuditEvent.objects.count()
    with by_key(), pytest.raises(EnvironmentProtected) as caught:
        change()
    assert "production" in caught.value.message
    assert (FlagsVersion.current(), AuditEvent.objects.count()) == (version, events)


def state_of(flag: Flag) -> FlagState:
    return flag.states.select_related("flag", "environment").get()


def test_a_key_changes_no_state_there_however_it_tries(protected: Environment, make_flag: MakeFlag) -> None:
    state = state_of(make_flag())
    other = Flag.objects.create(organization=protected.organization, key="b", kind="boolean", variants=BOOLEAN)
    state.default_variant = "off"
    refused(state.save)
    refused(lambda: state.save(update_fields=["default_variant"]))
    refused(lambda: FlagState.objects.update(enabled=False))
    refused(lambda: FlagState.objects.all().delete())
    refused(state.delete)
    refused(lambda: FlagState.objects.create(flag=other, environment=protected))
    refused(lambda: FlagState.objects.bulk_create([FlagState(flag=other, environment=protected)]))
    refused(lambda: FlagState.objects.filter(pk=state.pk).update(environment=protected, enabled=False))
    assert state.pk is not None


def test_a_key_changes_no_answer_of_a_flag_that_has_a_state_there(protected: Environment, make_flag: MakeFlag) -> None:
    flag = make_flag()
    flag.variants = {"on": False, "off": True}
    refused(flag.save)
    refused(lambda: Flag.objects.update(salt="other"))
    refused(flag.delete)
    refused(lambda: Flag.objects.all().delete())


def test_words_about_a_flag_are_no_answers(protected: Environment, make_flag: MakeFlag) -> None:
    flag = make_flag()
    with by_key():
        flag.description, flag.tags, flag.archived = "New.", ["ui"], True
        flag.save()
        Flag.objects.update(owner="ann")
    flag.refresh_from_db()
    assert (flag.description, flag.tags, flag.archived, flag.owner) == ("New.", ["ui"], True, "ann")


def test_what_is_not_there_yet_a_key_may_make_and_change(protected: Environment) -> None:
    with by_key():
        flag = Flag.objects.create(organization=protected.organization, key="a", kind="boolean", variants=BOOLEAN)
        flag.variants = {**BOOLEAN, "also": True}
        flag.save()
        staging = Environment.objects.create(organization=protected.organization, key="staging")
        FlagState.objects.create(flag=flag, environment=staging)
        FlagState.objects.update(enabled=True)
        staging.delete()
        flag.delete()
    assert not Flag.objects.exists()


def test_a_key_changes_no_segment_that_a_flag_there_names(protected: Environment, make_flag: MakeFlag) -> None:
    segment = Segment.objects.create(organization=protected.organization, key="pros", conditions=CONDITIONS)
    unused = Segment.objects.create(organization=protected.organization, key="unused", conditions=CONDITIONS)
    make_flag(rules=[{"conditions": [{"segment": "pros"}], "variant": "on"}])
    segment.conditions = unused.conditions = []
    refused(segment.save)
    with by_key():
        unused.save()
        Segment.objects.filter(key="pros").update(description="Who pays.")
    segment.refresh_from_db()
    assert (segment.conditions, segment.description) == (CONDITIONS, "Who pays.")


def test_a_key_neither_ends_the_protection_nor_walks_around_it(protected: Environment, project: Project) -> None:
    protected.protected = False
    refused(protected.save)
    refused(protected.delete)
    protected.refresh_from_db()
    home = ProjectEnvironment(project=project, environment=protected)
    refused(home.save)
    staging = Environment.objects.create(organization=protected.organization, key="staging")
    home.save()
    home.environment = staging
    refused(home.save)


def test_a_key_does_not_protect_either(environment: Environment) -> None:
    environment.protected = True
    refused(environment.save)


def test_a_key_restores_nothing_there(protected: Environment, make_flag: MakeFlag) -> None:
    state = state_of(make_flag())
    state.kill("It hurts.")
    event = AuditEvent.objects.latest("pk")
    refused(lambda: restore(event))
    restore(event)
    assert state_of(state.flag).enabled


@pytest.mark.parametrize("role", [Role.MEMBER, Role.VIEWER, None])
def test_people_below_admin_change_nothing_there(
    protected: Environment, make_flag: MakeFlag, role: Role | None
) -> None:
    state = state_of(make_flag())
    state.enabled = False
    with by_person(protected.organization, role), pytest.raises(EnvironmentProtected):
        state.save()
    assert state_of(state.flag).enabled


def test_an_owner_of_another_organisation_changes_nothing_there(
    protected: Environment, make_flag: MakeFlag, stranger: Organization
) -> None:
    state = state_of(make_flag())
    state.enabled = False
    with by_person(stranger, Role.OWNER), pytest.raises(EnvironmentProtected):
        state.save()


@pytest.mark.parametrize("role", [Role.ADMIN, Role.OWNER])
def test_admins_who_signed_in_change_what_is_there(protected: Environment, make_flag: MakeFlag, role: Role) -> None:
    state = state_of(make_flag())
    state.enabled = False
    with by_person(protected.organization, role):
        state.save()
        state.flag.delete()
    assert not Flag.objects.exists()


def test_staff_and_whoever_has_the_server_change_what_is_there(protected: Environment, make_flag: MakeFlag) -> None:
    state = state_of(make_flag())
    state.enabled = False
    with by_person(protected.organization, None, "admin"):
        state.save()
    with command_acting("flag"):
        state.enabled = True
        state.save()
    assert state_of(state.flag).enabled


def test_nobody_else_pays_for_the_protection(environment: Environment, make_flag: MakeFlag) -> None:
    state = state_of(make_flag())

    def queries(who: AbstractContextManager[None]) -> int:
        with (
            who,
            CaptureQueriesContext(
                connection,
            ) as made,
        ):
            state.save()
        return len(made)

    assert queries(command_acting("flag")) < queries(by_key())


# --- Killing ---------------------------------------------------------------------------------------------------


def test_anybody_switches_a_flag_off_there_and_says_why(protected: Environment, make_flag: MakeFlag) -> None:
    state = state_of(make_flag())
    with by_key():
        assert state.kill("  Checkout fails.  ")
    assert not state_of(state.flag).enabled
    event = AuditEvent.objects.latest("pk")
    assert (event.type, event.key_id) == ("flag.state.updated", "key_1")
    assert (event.before or {})["enabled"] is True
    assert ((event.after or {})["enabled"], (event.after or {})["reason"]) == (False, "Checkout fails.")


def test_killing_keeps_nothing_else_that_was_changed_in_memory(protected: Environment, make_flag: MakeFlag) -> None:
    state = state_of(make_flag())
    state.default_variant = "off"
    with by_key():
        state.kill("It hurts.")
    assert state_of(state.flag).default_variant == "on"


def test_what_is_off_is_not_killed_again(protected: Environment, make_flag: MakeFlag) -> None:
    state = state_of(make_flag(enabled=False))
    events = AuditEvent.objects.count()
    assert not state.kill("It hurts.")
    assert AuditEvent.objects.count() == events


@pytest.mark.parametrize("reason", ["", "  \n", "\x00", "\ud800", "x" * 501])
def test_a_kill_without_a_reason_that_can_be_kept_does_nothing(make_flag: MakeFlag, reason: str) -> None:
    state = state_of(make_flag())
    with pytest.raises(Unfit) as caught:
        state.kill(reason)
    assert caught.value.problems[0][1].place == "reason"
    assert state_of(state.flag).enabled


def test_the_protection_is_back_after_a_kill(protected: Environment, make_flag: MakeFlag) -> None:
    state = state_of(make_flag())
    with by_key():
        state.kill("It hurts.")
    state.enabled = True
    refused(state.save)


def test_a_kill_undone_is_told_without_its_reason(make_flag: MakeFlag) -> None:
    state = state_of(make_flag())
    state.kill("It hurts.")
    restore(AuditEvent.objects.latest("pk"))
    event = AuditEvent.objects.latest("pk")
    assert event.changed() == ["enabled"]
    assert "reason" not in (event.after or {})


def test_what_is_deleted_for_a_reason_leaves_nothing_behind(make_flag: MakeFlag) -> None:
    flag = make_flag()
    with because("It is over."):
        flag.delete()
    assert AuditEvent.objects.latest("pk").after is None


def test_the_command_says_why(make_flag: MakeFlag) -> None:
    make_flag("dark")
    assert command("off", "dark", "--reason", "It hurts.") == "dark is off in production.\n"
    assert (AuditEvent.objects.latest("pk").after or {})["reason"] == "It hurts."
    command("on", "dark")
    assert "reason" not in (AuditEvent.objects.latest("pk").after or {})


# --- In use ----------------------------------------------------------------------------------------------------


def test_a_flag_that_another_app_needs_is_not_deleted(make_flag: MakeFlag, monkeypatch: pytest.MonkeyPatch) -> None:
    from features.needs import Needs

    needs = Needs()
    monkeypatch.setattr("features.models.flags.needs", needs)
    flag, other = make_flag("models"), make_flag("other")

    def rolls_out(flag: Flag) -> list[str]:
        return ["rolls out the alias smart"] if flag.key == "models" else []

    needs.tell(rolls_out)
    needs.tell(rolls_out)
    for delete in (flag.delete, Flag.objects.all().delete):
        with pytest.raises(ValidationError) as caught:
            delete()
        assert caught.value.messages == ["models rolls out the alias smart"]
    assert Flag.objects.count() == 2
    assert flag.pk is not None
    other.delete()


def test_a_flag_that_another_needs_is_not_deleted(make_flag: MakeFlag) -> None:
    flag = make_flag("base")
    make_flag("top", prerequisites=[{"flag": "base", "variants": ["on"]}])
    with pytest.raises(Unfit) as caught:
        flag.delete()
    assert caught.value.messages == ["top needs it in production: there is no flag base"]
