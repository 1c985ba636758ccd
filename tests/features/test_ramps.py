"""Ramps: a share that only grows, at given times, once each, and stands where somebody else stepped in."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from django.db import models

from accounts.audit.restoring import CannotRestore, restore
from accounts.exceptions import Conflicting, NotThere
from accounts.models import AuditEvent
from features import ramping
from features.compiling import compile_ruleset
from features.models import Environment, Flag, FlagState, Ramp
from features.models.ramps import mark_of
from features.problems import Invalid
from features.ramps import Step, steps_of_data, steps_of_text
from features.turning_back import turn_back
from tests.features.conftest import MakeFlag
from tests.features.ramped import NOON, STEPS, advanced, ramped, share, two_models

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def flag(make_flag: MakeFlag) -> Flag:
    return two_models(make_flag)


def the_ramp() -> Ramp:
    return Ramp.objects.with_flags().get()


def told(refused: Any) -> list[str]:
    return [str(problem) for problem in refused.value.problems]


# --- Steps as text and as data -------------------------------------------------------------------------------------


def test_steps_are_read_from_a_text() -> None:
    assert steps_of_text("5@now, 25%@+90m\n50@+1w 99.999@2026-12-01T09:00Z,100@2026-12-01T12:00", NOON) == [
        Step(NOON, 5_000),
        Step(NOON + timedelta(minutes=90), 25_000),
        Step(NOON + timedelta(weeks=1), 50_000),
        Step(datetime(2026, 12, 1, 9, tzinfo=UTC), 99_999),
        Step(datetime(2026, 12, 1, 12, tzinfo=UTC), 100_000),
    ]
    assert [str(step) for step in steps_of_text("12.5@+1h", NOON)] == ["12.5@2026-03-02T13:00:00Z"]


@pytest.mark.parametrize(
    "text",
    ["5", "@now", "5@", "x@now", "0@now", "-1@now", "101@now", "1.2345@now", "NaN@now", "sNaN@now", "Infinity@now",
     "1e999999@now", "5@later", "5@+1y", "5@+999999w", "5@2026-13-01"],
)  # fmt: skip
def test_a_text_that_is_no_step_is_refused_with_its_place(text: str) -> None:
    with pytest.raises(Invalid) as refused:
        steps_of_text(f"1@now,{text}", NOON)
    assert [problem.place for problem in refused.value.problems] == ["steps[1]"]


def test_steps_are_read_from_data() -> None:
    at = int(NOON.timestamp())
    assert steps_of_data([{"percent": 5}, {"percent": 12.5, "at": at + 3600}], NOON) == [
        Step(NOON, 5_000), Step(NOON + HOUR, 12_500),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("data", "places"),
    [
        (None, ["steps"]),
        ({}, ["steps"]),
        ([], ["steps"]),
        ([{"percent": 1}] * 51, ["steps"]),
        ([7], ["steps[0]"]),
        ([{}], ["steps[0].percent"]),
        ([{"percent": True}], ["steps[0].percent"]),
        ([{"percent": "5"}], ["steps[0].percent"]),
        ([{"percent": None}], ["steps[0].percent"]),
        ([{"percent": [5]}], ["steps[0].percent"]),
        ([{"percent": 5, "at": "now"}], ["steps[0].at"]),
        ([{"percent": 5, "at": True}], ["steps[0].at"]),
        ([{"percent": 5, "at": 10**30}], ["steps[0].at"]),
        ([{"percent": 5, "at": None, "colour": 1}], ["steps[0].colour", "steps[0].at"]),
        ([{"percent": 5}, {"percent": 6}], ["steps[1].at"]),
    ],
)
def test_data_that_is_no_steps_is_refused_with_its_place(data: Any, places: list[str]) -> None:
    with pytest.raises(Invalid) as refused:
        steps_of_data(data, NOON)
    assert [problem.place for problem in refused.value.problems] == places


# --- Setting up ----------------------------------------------------------------------------------------------------


def test_the_first_step_is_taken_at_once_and_the_others_when_they_are_due(flag: Flag) -> None:
    ramp = ramped(flag)
    assert (share(), ramp.status, ramp.next_at, str(ramp)) == (5, "running", NOON + HOUR, "Ramp of model in production")
    assert advanced(minutes=59) == []
    assert advanced(hours=1) == [("25", "")]
    assert (share(), the_ramp().next_at) == (25, NOON + DAY)
    assert advanced(hours=1) == []
    assert advanced(days=1) == [("50", "")]
    assert advanced(days=2) == [("100", "")]
    assert (share(), the_ramp().status, the_ramp().next_at) == (100, "finished", None)
    assert advanced(days=9) == []


def test_after_a_time_in_which_nobody_did_only_the_latest_step_is_taken_once(flag: Flag) -> None:
    ramped(flag)
    events = AuditEvent.objects.filter(type="flag.state.updated")
    before = events.count()
    assert advanced(days=1, hours=3) == [("50", "")]
    assert (share(), the_ramp().reached, events.count()) == (50, 3, before + 1)


def test_nobody_falls_out_as_the_share_grows(make_flag: MakeFlag) -> None:
    weights = [{"variant": "current", "weight": 97}, {"variant": "next", "weight": 3}]
    flag = two_models(make_flag, rules=[{"name": "own", "split": {"weights": weights}}])

    def having() -> set[int]:
        known = compile_ruleset([flag.definition()], [], "production")
        contexts = ({"targetingKey": f"user-{number}"} for number in range(2000))
        return {place for place, who in enumerate(contexts) if known.evaluate("model", who).variant == "next"}

    held = [having()]
    ramped(flag)
    held.append(having())
    for later in (1, 24, 48):
        advanced(hours=later)
        held.append(having())
    assert held == sorted(held, key=len)
    assert all(fewer < more for fewer, more in pairwise(held))
    assert len(held[-1]) == 2000


def test_each_step_is_on_the_audit_log_with_its_reason(flag: Flag) -> None:
    ramped(flag)
    advanced(hours=1)
    event = AuditEvent.objects.filter(type="flag.state.updated").latest("pk")
    assert (event.actor_kind, event.actor_name, event.source) == ("system", "ramp", "code")
    assert (event.after or {})["reason"] == "Ramp: step 2 of 4, 25 % next"
    kinds = list(AuditEvent.objects.filter(type__startswith="ramp.").order_by("pk").values_list("type", flat=True))
    assert kinds == ["ramp.created", "ramp.updated", "ramp.updated"]


@pytest.mark.parametrize(
    ("steps", "problem"),
    [
        ("5@now,5@+1h", "steps[1]: must be more than the 5 % before: a ramp only grows"),
        ("5@+2h,25@+1h", "steps[1]: must be later than the step before"),
        ("5@2026-03-02T11:00Z", "steps[0]: lies in the past"),
        ("5@now,25@2028-01-01", "steps[1]: is more than a year ahead"),
        ("", "steps: must be 1 to 50 steps"),
    ],
)
def test_steps_that_make_no_ramp_are_refused_and_change_nothing(flag: Flag, steps: str, problem: str) -> None:
    with pytest.raises(Invalid) as refused:
        ramped(flag, steps)
    assert told(refused) == [problem]
    assert not Ramp.objects.exists()
    assert FlagState.objects.get().rules == []


SPLIT = [{"variant": "next", "weight": 1}, {"variant": "current", "weight": 1}]
FIXED = [{"conditions": [{"attribute": "a", "operator": "in", "values": ["b"]}], "variant": "next"}]


@pytest.mark.parametrize(
    ("state", "variant", "rest", "problem"),
    [
        ({"enabled": False}, "next", None, "environment: is one in which the flag is off: switch it on first"),
        ({}, "gone", None, "variant: must be one of the flag's variants"),
        ({}, "next", "gone", "rest: must be one of the flag's variants"),
        ({}, "next", "next", "rest: must be another variant, which the others get"),
        ({"default_variant": ""}, "next", None, "rest: must be another variant, which the others get"),
        ({"rules": [{"split": {"weights": SPLIT}}]}, "next", "current", "steps[0]: must be more than the 50 % before"),
        ({"rules": [{"variant": "next"}]}, "next", "current", "steps[0]: must be more than the 100 % before"),
        ({"default_variant": "next"}, "next", "current", "steps[0]: must be more than the 100 % before"),
        ({"rules": [{"split": {"weights": SPLIT}}]}, "next", "third", "rest: is not what the others get now"),
        ({"rules": [{"split": {"weights": [*SPLIT, SPLIT[0]]}}]}, "next", "current", "rest: is not what the others"),
        ({"rules": [{"variant": "third"}]}, "next", "current", "rest: is not what the others get now"),
    ],
)
def test_a_ramp_that_cannot_be_is_refused_with_its_place(
    make_flag: MakeFlag, state: dict[str, Any], variant: str, rest: str | None, problem: str
) -> None:
    made = two_models(make_flag, **state)
    with pytest.raises(Invalid) as refused:
        ramping.set_up(made.states.get(), variant, rest, steps_of_text(STEPS, NOON), NOON)
    assert told(refused)[0].startswith(problem)


@pytest.mark.parametrize("rules", [FIXED, [{"variant": "current"}], [{"split": {"weights": [SPLIT[1]]}}]])
def test_rules_for_some_stay_and_those_for_all_make_way(make_flag: MakeFlag, rules: list[Any]) -> None:
    ramped(two_models(make_flag, rules=rules))
    stored = FlagState.objects.get().rules
    assert (share(), stored[:-1]) == (5, FIXED if rules is FIXED else [])


def test_another_ramp_takes_the_place_of_the_first(flag: Flag) -> None:
    ramped(flag)
    ramped(flag, "10@now,20@+1h")
    assert (share(), Ramp.objects.count(), the_ramp().reached) == (10, 1, 1)


def test_a_ramp_that_begins_later_leaves_the_flag_as_it_is_until_then(flag: Flag) -> None:
    ramp = ramped(flag, "5@+1h,100@+2h")
    assert (FlagState.objects.get().rules, ramp.weight, ramp.status) == ([], 0, "running")
    assert advanced(hours=1) == [("5", "")]


def test_where_the_flag_has_no_state_there_is_no_ramp(flag: Flag, environment: Environment) -> None:
    elsewhere = Environment.objects.create(organization=environment.organization, key="staging")
    with pytest.raises(Invalid, match="is one in which the flag is off"):
        ramping.set_up(flag.state_in(elsewhere), "next", None, steps_of_text(STEPS, NOON), NOON)


# --- What halts it -------------------------------------------------------------------------------------------------

CHANGED = "The flag was changed since the last step, not by the ramp."


def by_hand(**values: Any) -> Any:
    def change() -> None:
        state = FlagState.objects.get()
        for name, value in values.items():
            setattr(state, name, value)
        state.save()

    return change


def moved(variant: str, weight: int) -> None:
    state = FlagState.objects.get()
    state.roll_out(variant, weight, "current")
    state.save()


def off_and_on() -> None:
    by_hand(enabled=False)()
    by_hand(enabled=True)()


HALTS: dict[str, tuple[Any, str]] = {
    "killed": (lambda: FlagState.objects.get().kill("It hurts."), "The flag is off."),
    "the share moved": (lambda: moved("next", 7_000), CHANGED),
    "switched off and on": (off_and_on, CHANGED),
    "another default": (by_hand(default_variant="third"), CHANGED),
    "other values": (lambda: Flag.objects.update(variants={"current": "a", "next": "c", "third": "c"}), CHANGED),
    "archived": (lambda: Flag.objects.update(archived=True), CHANGED),
}


@pytest.mark.parametrize("case", HALTS)
def test_a_flag_that_somebody_changed_is_left_alone(case: str, flag: Flag) -> None:
    change, why = HALTS[case]
    ramped(flag)
    change()
    before = FlagState.objects.get().to_data()
    assert advanced(hours=1) == [("", why)]
    assert FlagState.objects.get().to_data() == before
    assert (the_ramp().status, the_ramp().why) == ("halted", why)
    assert advanced(days=3) == []


def test_words_about_the_flag_halt_nothing(flag: Flag) -> None:
    ramped(flag)
    Flag.objects.update(description="New words.", owner="ann", tags=["model"])
    assert advanced(hours=1) == [("25", "")]


def test_a_flag_that_cannot_be_saved_halts_it_and_says_why(flag: Flag) -> None:
    ramp = ramped(flag)
    broken = {"name": "broken", "conditions": [{"segment": "gone"}], "variant": "next"}
    state = FlagState.objects.get()
    models.QuerySet(FlagState).update(rules=[broken, *state.rules])
    seen = mark_of(FlagState.objects.select_related("flag").get())
    Ramp.objects.filter(pk=ramp.pk).update(seen=seen)
    ((percent, why),) = advanced(hours=1)
    assert (percent, why.startswith("The flag cannot be changed: ")) == ("", True)
    assert (the_ramp().status, the_ramp().reached, share()) == ("halted", 1, 5)


def test_turning_back_halts_it_whether_it_runs_or_stands(flag: Flag) -> None:
    ramp = ramped(flag)
    ramping.pause(ramp, "")
    assert turn_back(FlagState.objects.get(), "It hurts.", variant="next")
    assert (the_ramp().status, the_ramp().why) == ("halted", "It hurts.")
    assert not turn_back(FlagState.objects.get(), "It hurts.", variant="next")
    assert advanced(days=3) == []


# --- Pausing and resuming ------------------------------------------------------------------------------------------


def test_it_stands_until_it_is_resumed_and_goes_on_as_much_later(flag: Flag, monkeypatch: pytest.MonkeyPatch) -> None:
    ramp = ramped(flag)
    monkeypatch.setattr("django.utils.timezone.now", lambda: NOON + HOUR / 2)
    ramping.pause(ramp, "Over the weekend.")
    assert (the_ramp().status, the_ramp().why) == ("paused", "Over the weekend.")
    assert advanced(days=2) == []
    ramping.resume(the_ramp(), NOON + HOUR / 2 + 2 * DAY)
    assert (the_ramp().status, the_ramp().why, the_ramp().next_at) == ("running", "", NOON + HOUR + 2 * DAY)
    assert advanced(days=2, minutes=59) == []
    assert advanced(days=2, hours=1) == [("25", "")]
    reasons = [(event.after or {}).get("reason") for event in AuditEvent.objects.filter(type="ramp.updated")]
    assert "Over the weekend." in reasons


def test_what_runs_is_not_resumed_what_stands_is_not_paused_and_what_is_gone_is_neither(flag: Flag) -> None:
    ramp = ramped(flag)
    with pytest.raises(Conflicting, match="is running, and does not stand"):
        ramping.resume(ramp, NOON)
    ramping.pause(ramp, "")
    with pytest.raises(Conflicting, match="is paused, and not running"):
        ramping.pause(ramp, "")
    the_ramp().delete()
    for act in (lambda: ramping.pause(ramp, ""), lambda: ramping.resume(ramp, NOON)):
        with pytest.raises(NotThere):
            act()


def test_after_a_halt_staff_resume_it_once_the_flag_is_on_and_nobody_falls_out(flag: Flag) -> None:
    ramp = ramped(flag)
    FlagState.objects.get().kill("It hurts.")
    advanced(hours=1)
    with pytest.raises(Conflicting, match="The flag is off"):
        ramping.resume(ramp, NOON + HOUR)
    by_hand(enabled=True)()
    for variant, weight in (("next", 30_000), ("third", 1_000)):
        moved(variant, weight)
        with pytest.raises(Conflicting, match="somebody would fall out"):
            ramping.resume(ramp, NOON + HOUR)
    FlagState.objects.update(rules=[])
    ramping.resume(ramp, NOON + HOUR)
    assert the_ramp().status == "running"


def test_a_change_of_a_ramp_cannot_be_put_back_and_taking_it_away_leaves_the_share(flag: Flag) -> None:
    ramp = ramped(flag)
    ramping.pause(ramp, "")
    with pytest.raises(CannotRestore, match="changed for good"):
        restore(AuditEvent.objects.filter(type="ramp.updated").latest("pk"))
    assert Ramp.audit_action({}, ()) == "organization.flags.update"
    the_ramp().delete()
    assert (share(), Ramp.objects.count()) == (5, 0)
    assert AuditEvent.objects.latest("pk").type == "ramp.deleted"
