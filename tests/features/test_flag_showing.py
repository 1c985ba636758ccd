"""manage.py flag list, show, explain and stale."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core.management import CommandError
from django.db import models
from django.utils import timezone

from accounts.models import Organization, Project
from features.models import Environment, ExposureCount, Flag, FlagState, ProjectEnvironment
from features.models.exposures import Exposure
from tests.features.commands import as_json, flag
from tests.features.conftest import MakeFlag
from tests.features.test_ofrep_flag import SPLIT

PRO = [{"attribute": "plan", "operator": "equals", "values": ["pro"]}]


def aged(key: str, days: int) -> None:
    """Makes a flag look as if nothing of it had been changed for so long."""
    moment = timezone.now() - timedelta(days=days)
    models.QuerySet(Flag).filter(key=key).update(changed_at=moment)
    models.QuerySet(FlagState).filter(flag__key=key).update(changed_at=moment)


# --- list ------------------------------------------------------------------------------------------------------


def test_flags_are_listed_as_a_table(make_flag: MakeFlag) -> None:
    make_flag("theme", kind="string", variants={"a": "x"}, default_variant="a", tags=["ui", "web"], owner="ann")
    make_flag("dark", enabled=False, rules=[{"variant": "on"}])
    today = timezone.now().date().isoformat()
    assert flag("list").splitlines() == [
        "key    kind     enabled  default  rules  owner  tags     changed",
        f"dark   boolean  no       on       1      -               {today}",
        f"theme  string   yes      a        0      ann    ui, web  {today}",
    ]


def test_archived_flags_are_listed_only_where_they_are_asked_for(make_flag: MakeFlag) -> None:
    make_flag("old", archived=True)
    assert flag("list") == "There are no flags in default.\n"
    assert [(each["key"], each["archived"]) for each in as_json("list", "--archived")] == [("old", True)]
    assert "archived" in flag("list", "--archived").splitlines()[0]


def test_flags_are_listed_for_programs(make_flag: MakeFlag) -> None:
    make_flag("dark", permanent=True)
    found = as_json("list")
    assert found[0].pop("changed")
    assert found == [
        {
            "key": "dark", "kind": "boolean", "enabled": True, "default": "on", "rules": 0, "owner": "", "tags": [],
            "permanent": True, "archived": False,
        }
    ]  # fmt: skip


def test_a_place_is_found_by_what_people_know_of_it(
    make_flag: MakeFlag, project: Project, organization: Organization, stranger: Organization
) -> None:
    made = make_flag("own")
    staging = Environment.objects.create(organization=organization, key="staging")
    FlagState.objects.create(flag=made, environment=staging)
    make_flag("theirs", environment=Environment.objects.production(stranger))
    other = Project.objects.create(organization=organization, name="Other")
    ProjectEnvironment.objects.create(project=other, environment=staging)

    def found(*arguments: str) -> list[tuple[str, bool]]:
        return [(each["key"], each["enabled"]) for each in as_json("list", *arguments)]

    assert found() == found("--project", project.public_id) == found("--project", project.name) == [("own", True)]
    assert found("--organization", "default") == [("own", True)]
    assert found("--environment", "staging") == found("--project", "Other") == [("own", False)]
    assert found("--organization", "elsewhere") == found("--organization", stranger.public_id) == [("theirs", True)]
    assert found("--organization", "default", "--project", "Other") == [("own", False)]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--organization", "nobody"], "There is no organisation 'nobody'."),
        (["--project", "nothing"], "There is no project 'nothing'."),
        (["--project", "twin"], "More than one project is named 'twin': give its id."),
        (["--organization", "elsewhere", "--project", "twin"], "There is no project 'twin'."),
        (["--environment", "moon"], "There is no environment 'moon'. There is: production."),
        (
            ["--organization", "elsewhere", "--environment", "moon"],
            "There is no environment 'moon'. There is none yet.",
        ),
    ],
)
def test_a_place_that_there_is_not_is_told(
    organization: Organization, environment: Environment, stranger: Organization, arguments: list[str], told: str
) -> None:
    for _ in range(2):
        Project.objects.create(organization=organization, name="twin")
    with pytest.raises(CommandError) as caught:
        flag("list", *arguments)
    assert str(caught.value) == told


# --- show ------------------------------------------------------------------------------------------------------


def test_a_flag_is_shown_whole(make_flag: MakeFlag, organization: Organization) -> None:
    made = make_flag(rules=SPLIT, description="Ünder test")
    FlagState.objects.create(
        flag=made, environment=Environment.objects.create(organization=organization, key="staging")
    )
    found = as_json("show", "dark-mode")
    assert found == {**made.to_data(made.states.order_by("pk")), "exposures": {}}
    assert list(found["environments"]) == ["production", "staging"]
    assert "Ünder" in flag("show", "dark-mode")


def test_a_flag_is_shown_with_how_often_it_was_evaluated(make_flag: MakeFlag, organization: Organization) -> None:
    make_flag("dark")
    home, hour = organization.public_id, datetime(2026, 3, 1, 9, tzinfo=UTC)
    on = Exposure(home, "production", "dark", "on", "STATIC", hour)
    later = on._replace(variant="", reason="DISABLED", hour=hour + timedelta(hours=1))
    ExposureCount.add({on: 2, later: 3, on._replace(flag="other"): 9, on._replace(organization="org-other"): 9})
    assert as_json("show", "dark")["exposures"] == {
        "production": {"number": 5, "last": "2026-03-01T10:00:00+00:00", "variants": {"": 3, "on": 2}}
    }


@pytest.mark.parametrize("action", ["show", "explain", "on", "off", "archive"])
def test_a_flag_that_there_is_not_is_told(environment: Environment, action: str) -> None:
    with pytest.raises(CommandError, match="There is no flag 'nothing' in default"):
        flag(action, "nothing")


# --- explain ---------------------------------------------------------------------------------------------------


def test_an_answer_is_explained_step_by_step(make_flag: MakeFlag) -> None:
    make_flag("dark", default_variant="off", rules=[{"variant": "on", "conditions": PRO}])
    said = flag("explain", "dark", "--context", '{"plan": "free"}').splitlines()
    assert said[:3] == ["value:   false", 'variant: "off"', 'reason:  "DEFAULT"']
    assert said[4].split() == ["held", "place", "why"]
    assert [line.split()[:2] for line in said[5:]] == [
        ["yes", "enabled"], ["no", "rules[0].conditions[0]"], ["yes", "default_variant"]
    ]  # fmt: skip
    found = as_json("explain", "dark", "--context", '{"plan": "pro"}')
    assert (found["value"], found["variant"], found["reason"]) == (True, "on", "TARGETING_MATCH")
    assert [step["held"] for step in found["trace"]] == [True, True, True]


def test_who_is_asking_can_be_said_apart(make_flag: MakeFlag) -> None:
    make_flag("dark", rules=SPLIT)
    assert as_json("explain", "dark", "--targeting-key", "ada")["reason"] == "SPLIT"
    nobody = as_json("explain", "dark")
    assert (nobody["reason"], nobody["value"]) == ("ERROR", None)
    assert nobody["error"] == "targetingKey is missing, and dark spreads callers by it"


def test_it_is_explained_where_it_was_asked_for(make_flag: MakeFlag, organization: Organization) -> None:
    made = make_flag("dark")
    staging = Environment.objects.create(organization=organization, key="staging")
    FlagState.objects.create(flag=made, environment=staging, off_variant="off")
    assert as_json("explain", "dark", "--environment", "staging")["reason"] == "DISABLED"


@pytest.mark.parametrize("context", ["{", "[]", '"ada"'])
def test_a_context_is_a_json_object(make_flag: MakeFlag, context: str) -> None:
    make_flag("dark")
    with pytest.raises(CommandError, match="--context"):
        flag("explain", "dark", "--context", context)


# --- stale -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "stale"),
    [
        ({}, True),
        ({"enabled": False, "rules": [{"variant": "on", "conditions": PRO}]}, True),
        ({"rules": [{"variant": "on"}, {"variant": "off", "conditions": PRO}]}, True),
        ({"rules": [{"split": {"weights": [{"variant": "on", "weight": 9}, {"variant": "off", "weight": 0}]}}]}, True),
        ({"rules": SPLIT}, False),
        ({"rules": [{"variant": "on", "conditions": PRO}]}, False),
        ({"rules": [{"variant": "on", "from": "2030-01-01T00:00:00Z"}]}, False),
        ({"permanent": True}, False),
        ({"archived": True}, False),
    ],
)
def test_a_flag_is_stale_once_it_has_answered_the_same_to_everybody_for_long(
    make_flag: MakeFlag, fields: dict[str, Any], stale: bool
) -> None:
    make_flag("dark", **fields)
    assert as_json("stale") == []
    aged("dark", 91)
    assert [each["key"] for each in as_json("stale")] == (["dark"] if stale else [])


def test_how_long_is_long_can_be_said(make_flag: MakeFlag) -> None:
    make_flag("dark")
    aged("dark", 10)
    assert flag("stale") == "No flag is stale.\n"
    assert [each["key"] for each in as_json("stale", "--days", "9")] == ["dark"]
    assert flag("stale", "--days", "9").splitlines()[1].startswith("dark  boolean  yes")
    for days in ("-1", "x", "²", "100000"):
        with pytest.raises(CommandError, match="not a number of days"):
            flag("stale", f"--days={days}")


def test_a_stale_flag_is_listed_with_how_often_and_when_it_was_evaluated(
    make_flag: MakeFlag, organization: Organization
) -> None:
    hour = timezone.now().replace(minute=0, second=0, microsecond=0) - timedelta(days=3)
    counts = {}
    for key in ("asked", "long-ago", "never"):
        make_flag(key)
        aged(key, 30)
    for key, days, number in (("asked", 0, 2), ("asked", 20, 40), ("long-ago", 20, 5)):
        at = hour - timedelta(days=days)
        counts[Exposure(organization.public_id, "production", key, "on", "STATIC", at)] = number
    counts[Exposure(organization.public_id, "staging", "never", "on", "STATIC", hour)] = 9
    ExposureCount.add(counts)
    recent, old = (hour - timedelta(days=days) for days in (0, 20))
    assert [(each["key"], each["evaluations"], each["evaluated"]) for each in as_json("stale", "--days", "10")] == [
        ("asked", 2, recent.date().isoformat()),
        ("long-ago", 0, old.date().isoformat()),
        ("never", 0, None),
    ]
    lines = flag("stale", "--days", "10").splitlines()
    assert lines[0].split()[-2:] == ["evaluations", "evaluated"]
    assert [line.split()[-2:] for line in lines[2:]] == [["0", old.date().isoformat()], ["0", "-"]]


def test_any_change_makes_a_flag_fresh_again(make_flag: MakeFlag) -> None:
    for number, change in enumerate(
        (
            lambda key: FlagState.objects.filter(flag__key=key).update(off_variant="on"),
            lambda key: Flag.objects.get(key=key).states.get().save(update_fields=["enabled"]),
            lambda key: Flag.objects.filter(key=key).update(description="x"),
            lambda key: Flag.objects.get(key=key).save(),
        )
    ):
        make_flag(f"f{number}")
        aged(f"f{number}", 100)
        assert [each["key"] for each in as_json("stale")] == [f"f{number}"]
        change(f"f{number}")
        assert as_json("stale") == []


def test_a_flag_that_needs_others_is_not_stale(make_flag: MakeFlag) -> None:
    make_flag("needed")
    make_flag("needy", prerequisites=[{"flag": "needed", "variants": ["on"]}])
    aged("needy", 100)
    assert as_json("stale") == []
