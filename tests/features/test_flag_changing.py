"""manage.py flag create, on, off, rollout and archive."""

from typing import Any

import pytest
from django.core.management import CommandError

from accounts.audit.context import operator
from accounts.models import AuditEvent, Organization
from features.loading import read
from features.models import Environment, Flag, FlagState, FlagsVersion
from tests.features.commands import as_json, both, flag
from tests.features.conftest import BOOLEAN, MakeFlag

PRO = [{"attribute": "plan", "operator": "equals", "values": ["pro"]}]


def untouched(*arguments: str) -> tuple[str, str]:
    """What the command says while it changes nothing."""
    version, before = FlagsVersion.current(), AuditEvent.objects.count()
    said = both(*arguments)
    assert (FlagsVersion.current(), AuditEvent.objects.count()) == (version, before)
    return said


def refused(*arguments: str) -> str:
    version = FlagsVersion.current()
    with pytest.raises(CommandError) as caught:
        flag(*arguments)
    assert FlagsVersion.current() == version
    return str(caught.value)


# --- create ----------------------------------------------------------------------------------------------------


def test_a_flag_is_made_and_off(environment: Environment) -> None:
    assert flag("create", "dark") == "dark is made, and off in production.\n"
    made = Flag.objects.get()
    assert (made.kind, made.variants, made.salt, made.organization) == (
        "boolean", BOOLEAN, "dark", environment.organization
    )  # fmt: skip
    assert made.states.get().to_data() == {
        "enabled": False, "off_variant": "off", "default_variant": "on", "rules": [], "prerequisites": []
    }  # fmt: skip


def test_everything_can_be_said_at_once(organization: Organization) -> None:
    Environment.objects.create(organization=organization, key="staging")
    told = as_json(
        "create", "limits", "--kind", "object", "--variant", 'low={"rps": 1}', "--variant", 'high={"rps": 9.5}',
        "--default", "high", "--off", "low", "--on", "--description", "How much.", "--owner", "ann", "--ticket", "T-1",
        "--tag", "ops", "--tag", "api", "--permanent", "--raw-exposures", "--environment", "staging",
    )  # fmt: skip
    assert told == {
        "key": "limits", "environment": "staging", "changed": True, "enabled": True, "off_variant": "low",
        "default_variant": "high", "rules": [], "prerequisites": [],
    }  # fmt: skip
    made = Flag.objects.get()
    assert made.variants == {"low": {"rps": 1}, "high": {"rps": 9.5}}
    assert (made.description, made.owner, made.ticket, made.tags, made.permanent, made.raw_exposures) == (
        "How much.", "ann", "T-1", ["ops", "api"], True, True
    )  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "variants", "expected"),
    [
        ("string", ["a=x=y", "b="], {"a": "x=y", "b": ""}),
        ("number", ["a=1", "b=2.5"], {"a": 1, "b": 2.5}),
        ("boolean", ["yes=true", "no=false"], {"yes": True, "no": False}),
    ],
)
def test_values_are_json_unless_they_are_texts(
    environment: Environment, kind: str, variants: list[str], expected: dict[str, Any]
) -> None:
    flag("create", "f", "--kind", kind, *(part for each in variants for part in ("--variant", each)))
    made = Flag.objects.get()
    assert made.variants == expected
    assert made.states.get().default_variant == next(iter(expected))
    assert made.states.get().off_variant == ""


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["a b"], "must be 1 to 100 letters"),
        (["f", "--kind", "colour"], "invalid choice"),
        (["f", "--kind", "string"], "A string flag needs a --variant NAME=VALUE."),
        (["f", "--kind", "number", "--variant", "a=x"], "The value of a --variant is not JSON."),
        (["f", "--kind", "number", "--variant", "a"], "not of the form NAME=VALUE"),
        (["f", "--kind", "number", "--variant", "a=true"], "variants.a: must be a number"),
        (["f", "--default", "blue"], "default_variant: blue is no variant of this flag"),
        (["there"], "The organisation has a flag with this key already."),
    ],
)
def test_a_flag_that_cannot_be_is_refused(make_flag: MakeFlag, arguments: list[str], told: str) -> None:
    make_flag("there")
    assert told in refused("create", *arguments)
    assert Flag.objects.count() == 1


def test_a_dry_run_says_what_it_would_do_and_does_nothing(make_flag: MakeFlag) -> None:
    make_flag("there")
    for arguments, told in (
        (["create", "dark", "--on"], "dark would be made, and on in production."),
        (["off", "there"], "there would be off in production."),
        (["rollout", "there", "on", "10"], "there would be on for 10 % in production."),
        (["archive", "there"], "there would be archived."),
    ):
        assert untouched(*arguments, "--dry-run")[0] == f"{told}\n"
    assert list(Flag.objects.values_list("key", "archived")) == [("there", False)]


# --- on and off ------------------------------------------------------------------------------------------------


def test_a_flag_is_switched_on_and_off(make_flag: MakeFlag) -> None:
    make_flag("dark")
    assert flag("off", "dark") == "dark is off in production.\n"
    assert not FlagState.objects.get().enabled
    assert untouched("off", "dark")[0] == "dark is off in production already.\n"
    assert flag("on", "dark") == "dark is on in production.\n"
    assert FlagState.objects.get().enabled
    assert as_json("on", "dark")["changed"] is False


def test_a_flag_is_switched_in_one_environment(make_flag: MakeFlag, organization: Organization) -> None:
    make_flag("dark")
    Environment.objects.create(organization=organization, key="staging")
    assert untouched("off", "dark", "--environment", "staging")[0] == "dark is off in staging already.\n"
    flag("on", "dark", "--environment", "staging")
    flag("off", "dark")
    assert dict(FlagState.objects.values_list("environment__key", "enabled")) == {"production": False, "staging": True}


def test_what_a_command_changes_is_written_down_as_done_by_it(make_flag: MakeFlag) -> None:
    make_flag("dark")
    flag("off", "dark")
    event = AuditEvent.objects.order_by("pk").last()
    assert event is not None
    assert (event.type, event.source, event.actor_kind) == ("flag.state.updated", "command", "command")
    assert (event.actor_id, event.actor_name) == (operator(), "manage.py flag")


def test_quietly_it_says_nothing(make_flag: MakeFlag) -> None:
    make_flag("dark")
    assert flag("off", "dark", "-v", "0") == ""
    assert flag("--verbosity", "0", "on", "dark") == ""
    assert FlagState.objects.get().enabled


# --- rollout ---------------------------------------------------------------------------------------------------


def weights() -> list[tuple[str, int]]:
    return [(each["variant"], each["weight"]) for each in FlagState.objects.get().rules[-1]["split"]["weights"]]


def test_a_share_grows_and_nobody_falls_out_of_it(make_flag: MakeFlag) -> None:
    made = make_flag("dark", default_variant="off")

    def those_with_it() -> set[int]:
        ruleset = read().of_environment(made.organization.public_id, "production").ruleset
        return {user for user in range(2_000) if ruleset.evaluate("dark", {"targetingKey": str(user)}).value}

    before: set[int] = set()
    for percent, told in (("0", "0"), ("5", "5"), ("33.333", "33.333"), ("50%", "50"), ("100", "100")):
        assert flag("rollout", "dark", "on", percent) == f"dark is on for {told} % in production.\n"
        now = those_with_it()
        assert before <= now
        assert abs(len(now) - 20 * float(told)) < 3 * 23
        before = now
    assert len(before) == 2_000
    assert flag("rollout", "dark", "off", "40").startswith("dark is off for 40 %")
    assert weights() == [("on", 60_000), ("off", 40_000)]
    assert those_with_it() < before
    assert untouched("rollout", "dark", "on", "60")[0].endswith("already.\n")


def test_other_rules_stay_before_the_rollout(make_flag: MakeFlag) -> None:
    first = {"conditions": PRO, "variant": "on"}
    make_flag("dark", default_variant="off", rules=[first])
    flag("rollout", "dark", "on", "10")
    flag("rollout", "dark", "on", "20")
    rules = FlagState.objects.get().rules
    assert [rules[0], len(rules)] == [first, 2]
    assert weights() == [("on", 20_000), ("off", 80_000)]


def test_how_callers_are_spread_stays_as_it_was(make_flag: MakeFlag) -> None:
    split = {
        "weights": [{"variant": "off", "weight": 9}, {"variant": "on", "weight": 1}],
        "attribute": "company", "algorithm": "unleash", "salt": "old",
    }  # fmt: skip
    make_flag("dark", default_variant="off", rules=[{"name": "ours", "split": split}])
    flag("rollout", "dark", "on", "10")
    rule = FlagState.objects.get().rules[0]
    assert rule["name"] == "ours"
    assert {name: rule["split"][name] for name in ("attribute", "algorithm", "salt")} == {
        "attribute": "company", "algorithm": "unleash", "salt": "old"
    }  # fmt: skip
    assert weights() == [("off", 90_000), ("on", 10_000)]


def test_a_plain_answer_for_everybody_gives_way_to_a_rollout(make_flag: MakeFlag) -> None:
    make_flag("dark", default_variant="off", rules=[{"name": "all", "variant": "on"}])
    flag("rollout", "dark", "on", "10")
    assert [rule["name"] for rule in FlagState.objects.get().rules] == ["rollout"]


def test_a_rule_with_a_window_is_no_default_rule(make_flag: MakeFlag) -> None:
    make_flag("dark", default_variant="off", rules=[{"variant": "on", "from": "2030-01-01T00:00:00+00:00"}])
    flag("rollout", "dark", "on", "10")
    assert len(FlagState.objects.get().rules) == 2


def test_who_the_others_are_is_the_default_or_said(make_flag: MakeFlag) -> None:
    make_flag("three", kind="string", variants={"a": "1", "b": "2", "c": "3"}, default_variant="a")
    flag("rollout", "three", "b", "10")
    assert weights() == [("b", 10_000), ("a", 90_000)]
    flag("rollout", "three", "b", "20", "--rest", "c")
    assert weights() == [("b", 20_000), ("c", 80_000)]
    assert refused("rollout", "three", "a", "10") == "Which variant do the others get? Say so with --rest."
    flag("rollout", "three", "a", "30", "--rest", "a")
    assert weights() == [("a", 100_000)]


def test_the_only_other_variant_is_for_the_others(make_flag: MakeFlag) -> None:
    make_flag("dark", default_variant="on")
    flag("rollout", "dark", "on", "10")
    assert weights() == [("on", 10_000), ("off", 90_000)]


def test_a_rollout_of_a_flag_that_is_off_says_so(make_flag: MakeFlag) -> None:
    make_flag("dark", enabled=False)
    assert flag("rollout", "dark", "on", "10").splitlines()[1] == (
        "It is off there. To switch it on: manage.py flag on dark"
    )


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["blue", "10"], "blue is no variant of this flag"),
        (["on", "many"], "not a percentage"),
        (["on", "101"], "not a percentage from 0 to 100"),
        (["on", "0.0001"], "up to three decimals"),
        (["on", "NaN"], "not a percentage"),
        (["on", "10", "--rest", "blue"], "blue is no variant of this flag"),
    ],
)
def test_a_rollout_that_cannot_be_is_refused(make_flag: MakeFlag, arguments: list[str], told: str) -> None:
    make_flag("dark")
    assert told in refused("rollout", "dark", *arguments)
    assert FlagState.objects.get().rules == []


# --- archive ---------------------------------------------------------------------------------------------------


def test_a_flag_is_archived_and_brought_back(make_flag: MakeFlag) -> None:
    make_flag("dark")
    assert flag("archive", "dark") == "dark is archived.\n"
    assert Flag.objects.get().archived
    assert untouched("archive", "dark")[0] == "dark is archived already.\n"
    assert flag("archive", "dark", "--undo") == "dark is in sight.\n"
    assert not Flag.objects.get().archived
