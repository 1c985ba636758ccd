"""The list of flags on the staff pages."""

from datetime import timedelta

from django.db import connection, models
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import Organization
from features.models import Environment, ExposureCount, Flag, FlagState
from features.models.exposures import Exposure
from tests.features.conftest import MakeFlag
from tests.features.staff import As, as_role, counted, owner, path, text, told

__all__ = ["as_role", "owner"]


def switch(flag: Flag, state: FlagState | None = None) -> str:
    return path("flag", flag.pk, "switch", (state or flag.states.get()).pk)


def keys(client: Client, **query: str) -> list[str]:
    return [flag.key for flag in client.get(path("flag"), query).context["cl"].result_list]


def age(flag: Flag, days: int) -> None:
    """Makes it look as if nothing of the flag was changed for so long."""
    then = timezone.now() - timedelta(days=days)
    models.QuerySet(Flag).filter(pk=flag.pk).update(changed_at=then)
    models.QuerySet(FlagState).filter(flag=flag).update(changed_at=then)


def test_a_switch_stands_in_the_list_for_each_environment_of_a_flag(owner: Client, make_flag: MakeFlag) -> None:
    flag = make_flag("dark-mode")
    staging = Environment.objects.create(organization=flag.organization, key="staging")
    other = FlagState.objects.create(flag=flag, environment=staging)
    page = text(owner.get(path("flag")))
    first = switch(flag, flag.states.exclude(pk=other.pk).get())
    assert f'title="Switch dark-mode off in production" name="enabled" value="no" formaction="{first}"' in page
    assert (
        f'title="Switch dark-mode on in staging" name="enabled" value="yes" formaction="{switch(flag, other)}"' in page
    )


def test_viewers_see_the_switches_and_cannot_use_them(as_role: As, make_flag: MakeFlag) -> None:
    flag, viewer = make_flag("dark-mode"), as_role("viewer")
    page = text(viewer.get(path("flag")))
    assert "dark-mode is on in production" in page
    assert "formaction" not in page
    with counted():
        assert viewer.post(switch(flag), {"enabled": "no"}).status_code == 403
    assert flag.states.get().enabled


def test_a_flag_without_a_state_is_switched_nowhere(owner: Client, make_flag: MakeFlag) -> None:
    make_flag("dark-mode").states.all().delete()
    assert "nowhere yet" in text(owner.get(path("flag")))


def test_a_click_switches_a_flag_off_and_another_one_on_and_leads_back_to_the_list_as_it_was(
    owner: Client, make_flag: MakeFlag
) -> None:
    flag = make_flag("dark-mode")
    with counted("flag.state.updated"):
        answer = owner.post(f"{switch(flag)}?kind=boolean&o=1", {"enabled": "no"})
    assert (answer.status_code, answer["Location"]) == (302, "/admin/features/flag/?kind=boolean&o=1")
    assert not flag.states.get().enabled
    with counted("flag.state.updated"):
        answer = owner.post(switch(flag), {"enabled": "yes"}, follow=True)
    assert flag.states.get().enabled
    assert told(answer)[-1:] == ["dark-mode is on in production."]


def test_switching_to_what_it_is_changes_nothing(owner: Client, make_flag: MakeFlag) -> None:
    flag = make_flag("dark-mode")
    with counted():
        assert owner.post(switch(flag), {"enabled": "yes"}).status_code == 302


def test_a_switch_is_used_by_post_only_and_is_of_its_own_flag(
    owner: Client, make_flag: MakeFlag, stranger: Organization
) -> None:
    flag, other = make_flag("dark-mode"), make_flag("new-ui")
    foreign = make_flag("theirs", environment=Environment.objects.production(stranger))
    with counted():
        assert owner.get(switch(flag)).status_code == 404
        assert owner.post(switch(flag, other.states.get()), {"enabled": "no"}).status_code == 404
        assert owner.post(switch(foreign), {"enabled": "no"}).status_code == 404
        assert Client().post(switch(flag), {"enabled": "no"}).status_code == 302


def test_a_switch_tells_why_a_flag_cannot_be_switched(owner: Client, make_flag: MakeFlag) -> None:
    flag = make_flag("dark-mode", enabled=False)
    models.QuerySet(FlagState).filter(flag=flag).update(default_variant="gone")
    with counted():
        answer = owner.post(switch(flag), {"enabled": "yes"}, follow=True)
    assert told(answer) == ["dark-mode: default_variant: gone is no variant of this flag"]


def test_flags_are_found_by_what_they_are_called_and_by_the_filters(
    owner: Client, make_flag: MakeFlag, environment: Environment
) -> None:
    make_flag("blue", owner="Ada")
    make_flag("green", kind="string", variants={"a": "x"}, ticket="T-7", enabled=False)
    make_flag("old", archived=True)
    age(make_flag("long-there"), 100)
    age(make_flag("kept", permanent=True), 100)
    assert keys(owner) == ["blue", "green", "kept", "long-there"]
    assert keys(owner, q="ada") == ["blue"]
    assert keys(owner, q="T-7") == ["green"]
    assert keys(owner, archived="yes") == ["old"]
    assert keys(owner, archived="all") == ["blue", "green", "kept", "long-there", "old"]
    assert keys(owner, kind="string") == ["green"]
    assert keys(owner, on_in="production") == ["blue", "kept", "long-there"]
    assert keys(owner, on_in="staging") == []
    assert keys(owner, changed="long_ago") == ["long-there"]


def test_badges_tell_what_is_stale_permanent_and_archived(owner: Client, make_flag: MakeFlag) -> None:
    age(make_flag("stale"), 91)
    age(make_flag("kept", permanent=True), 91)
    age(make_flag("young"), 89)
    age(make_flag("put-away", archived=True), 91)
    age(make_flag("differs", rules=[{"variant": "on", "conditions": [{"attribute": "a", "operator": "exists"}]}]), 91)
    changes = owner.get(path("flag"), {"archived": "all"}).context["cl"]
    page = {flag.key: changes.model_admin.badges(flag) for flag in changes.result_list}
    told = {
        key: [word for word in ("stale", "permanent", "archived") if f"\n{word}\n" in badges]
        for key, badges in page.items()
    }
    assert told == {"stale": ["stale"], "kept": ["permanent"], "young": [], "put-away": ["archived"], "differs": []}


def test_a_badge_tells_which_flags_nobody_ever_asked_for(
    owner: Client, make_flag: MakeFlag, stranger: Organization
) -> None:
    flag = make_flag("asked")
    make_flag("never")
    make_flag("theirs", environment=Environment.objects.production(stranger))
    hour = timezone.now().replace(minute=0, second=0, microsecond=0)
    for home, key in ((flag.organization, "asked"), (stranger, "never")):
        ExposureCount.add({Exposure(home.public_id, "production", key, "on", "STATIC", hour): 1})
    changes = owner.get(path("flag")).context["cl"]
    unused = [flag.key for flag in changes.result_list if "never evaluated" in changes.model_admin.badges(flag)]
    assert unused == ["never"]


def test_the_list_costs_the_same_queries_for_few_flags_and_for_many(owner: Client, make_flag: MakeFlag) -> None:
    def queries() -> int:
        with CaptureQueriesContext(
            connection,
        ) as asked:
            assert owner.get(path("flag")).status_code == 200
        return len(asked)

    make_flag("first")
    queries()
    few = queries()
    flag = Flag.objects.get()
    for number in range(30):
        make_flag(f"flag-{number}")
        place = Environment.objects.create(organization=flag.organization, key=f"stage-{number}")
        FlagState.objects.create(flag=flag, environment=place)
    assert queries() == few
    assert few <= 20
