"""The rollout guard: a bad variant is turned back, once, told and written down; a good one and a noisy few are not."""

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
import structlog
from django.core.exceptions import ValidationError
from django.db import DatabaseError, models

from accounts.models import AuditEvent, Organization, Project
from analytics import rollout_guard
from analytics.models import RolloutGuard, TurnBack
from analytics.rollout_guard import LOOK, Guarding, claim, due, look, turn, watch
from features.models import Environment, Flag, FlagState, FlagsVersion, ProjectEnvironment
from tests.accounts.alerting import hook
from tests.analytics.guarded import (
    CURRENT,
    KEY,
    NEXT,
    NOON,
    NOW,
    VARIANTS,
    make_guard,
    make_state,
    used,
)
from tests.receivers import Hook

__all__ = ["hook"]
pytestmark = pytest.mark.usefixtures("database")


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
    monkeypatch.setattr(rollout_guard, "log", structlog.get_logger("rollout_guard"))
    with structlog.testing.capture_logs() as lines:
        yield lines


@pytest.fixture
def noon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("django.utils.timezone.now", lambda: NOW)


def fresh(guard: RolloutGuard) -> RolloutGuard:
    return RolloutGuard.objects.with_flags().get(pk=guard.pk)


def said(lines: list[Any]) -> list[str]:
    """What the log says of rollouts."""
    return [line["event"] for line in lines if line["event"].startswith("rollout")]


def seen(guard: RolloutGuard, **later: float) -> str:
    """What a guard sees at noon, or later."""
    return watch(fresh(guard), NOW + timedelta(**later)).told


def is_on() -> bool:
    return FlagState.objects.get(flag__key=KEY, environment__key="production").enabled


BAD: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "fails": ({"error_rate_above": Decimal(2)}, {"failed": 10}),
    "is slow": ({"latency_p95_times": Decimal("1.5")}, {"duration_us": 20_000}),
    "begins late": ({"first_token_p95_most": Decimal("0.002")}, {"first_token_us": 3_000}),
    "is dear": ({"cost_times": Decimal("1.5")}, {"cost_micro": 84}),
}


@pytest.mark.parametrize("case", BAD)
def test_a_variant_that(case: str) -> None:
    """is turned back, and the one that is as good as the control is not."""
    thresholds, worse = BAD[case]
    guard = make_guard(**thresholds)
    used(CURRENT, 30)
    used(NEXT, 30)
    assert seen(guard) == "next is within its thresholds in 150 requests."
    assert is_on()
    used(NEXT, 60, **worse)
    seen(guard)
    assert not is_on()
    (name,) = thresholds
    assert TurnBack.objects.get().metric == name.rpartition("_")[0]


def test_turning_back_is_written_down_with_the_numbers_that_decided(lines: list[Any]) -> None:
    guard = make_guard(error_rate_above=Decimal(2))
    used(CURRENT, 30)
    used(NEXT, 30, failed=3)
    version = FlagsVersion.current()
    told = seen(guard)
    assert told == (
        "the error rate of next was 10.0 % in 150 requests; the limit was 2.0 %, 2 points above that of current. "
        "current had 0.0 % in 150 requests."
    )
    assert FlagsVersion.current() > version  # by which every process knows within two seconds
    event = AuditEvent.objects.get(type="flag.state.updated")
    assert (event.actor_kind, event.actor_name, event.source) == ("system", "rollout guard", "code")
    assert (event.after or {})["reason"] == f"Rollout guard: {told}"
    assert event.changed() == ["enabled", "reason"]
    turned = TurnBack.objects.get()
    assert turned.numbers() == {
        "variant": NEXT,
        "control": CURRENT,
        "metric": "error_rate",
        "threshold": "above",
        "value": pytest.approx(10),
        "limit": pytest.approx(2),
        "requests": 150,
        "control_value": 0,
        "control_requests": 150,
        "reason": f"Rollout guard: {told}",
        "start": int((NOON - timedelta(minutes=5)).timestamp()),
        "end": int(NOON.timestamp()),
    }
    assert said(lines) == ["rollout_turned_back"]
    assert (fresh(guard).looked, fresh(guard).looked_at) == (told, NOW)


def test_few_requests_are_noise_however_many_fail() -> None:
    guard = make_guard()
    used(CURRENT, 30)
    used(NEXT, 19, failed=19)
    assert seen(guard) == "next had 95 requests, too few to be judged."
    assert is_on()


def test_the_default_variant_is_the_control_unless_another_is_named() -> None:
    state = make_state()
    guard = make_guard(state, control=NEXT)
    used(CURRENT, 30, failed=30)
    used(NEXT, 30)
    seen(guard)
    assert not is_on()
    assert TurnBack.objects.get().variant == CURRENT


def test_of_several_variants_each_is_watched() -> None:
    guard = make_guard()
    used(CURRENT, 30)
    used(NEXT, 30)
    used("third", 30)
    used("", 30, failed=30)  # the flag said nothing
    assert seen(guard) == (
        "next is within its thresholds in 150 requests. third is within its thresholds in 150 requests."
    )
    used("third", 30, failed=30)
    seen(guard)
    assert TurnBack.objects.get().variant == "third"


def test_without_a_control_it_is_said_that_only_absolute_thresholds_count() -> None:
    guard = make_guard(error_rate_above=Decimal(2))
    used(NEXT, 30, failed=30)
    assert seen(guard).endswith("absolute thresholds only: the control had too few requests.")
    assert is_on()


def test_the_variant_does_not_answer_while_the_flag_is_off_either() -> None:
    guard = make_guard(make_state(off_variant=NEXT))
    used(NEXT, 30, failed=30)
    seen(guard)
    state = FlagState.objects.get()
    assert (state.enabled, state.off_variant) == (False, "")


def test_a_protected_environment_is_turned_back_as_well() -> None:
    guard = make_guard(make_state())
    Environment.objects.update(protected=True)
    used(NEXT, 30, failed=30)
    seen(guard)
    assert not is_on()


# --- Whose requests ------------------------------------------------------------------------------------------------


def test_only_projects_of_the_environment_count(project: Project, organization: Organization) -> None:
    staging = Environment.objects.create(organization=organization, key="staging")
    elsewhere = Project.objects.create(organization=organization, name="Elsewhere")
    ProjectEnvironment.objects.create(project=elsewhere, environment=staging)
    here, there = make_guard(make_state()), make_guard(make_state(staging))
    used(NEXT, 30, failed=30, project=elsewhere)
    assert seen(here) == "Nobody got a variant other than current."
    seen(there)
    assert dict(FlagState.objects.values_list("environment__key", "enabled")) == {"production": True, "staging": False}


def test_flags_of_others_do_not_count(stranger: Organization) -> None:
    make_state()
    theirs = Flag.objects.create(organization=stranger, key=KEY, kind="string", variants=VARIANTS)
    place = Environment.objects.production(stranger)
    state = FlagState.objects.create(flag=theirs, environment=place, enabled=True, default_variant=CURRENT)
    guard = make_guard(state)
    used(NEXT, 30, failed=30)
    assert seen(guard) == "Nobody got a variant other than current."


# --- When ----------------------------------------------------------------------------------------------------------


def test_a_minute_that_is_not_over_or_may_lack_something_waits(settings: Any) -> None:
    guard = make_guard(minutes=1)
    used(NEXT, 100, failed=100, minutes=1)
    assert seen(guard, seconds=-1) == "Nobody got a variant other than current."
    settings.LUKHAS_GUARD_LATE_SECONDS = 20
    assert is_on()
    seen(guard, seconds=9)
    assert is_on()
    seen(guard, seconds=10)
    assert not is_on()


def test_what_comes_late_still_counts() -> None:
    """So that requests which wait for an answer that never comes are seen when they fail."""
    guard = make_guard()
    used(NEXT, 30)
    seen(guard, minutes=8)
    assert is_on()
    used(NEXT, 30, failed=30)
    seen(guard, minutes=8)
    assert not is_on()


def test_what_is_longer_ago_than_that_does_not() -> None:
    guard = make_guard()
    used(NEXT, 30, failed=30)
    assert seen(guard, minutes=30) == "Nobody got a variant other than current."
    assert is_on()


def test_requests_from_before_it_was_set_do_not_count() -> None:
    guard = make_guard(since=NOON)
    used(NEXT, 30, failed=30)
    assert seen(guard) == "There was no whole minute yet."
    assert seen(guard, minutes=1) == "Nobody got a variant other than current."
    assert is_on()


def test_a_change_of_the_guard_begins_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    guard = make_guard()
    monkeypatch.setattr("django.utils.timezone.now", lambda: NOON)
    guard.minutes = 4
    guard.save()
    assert fresh(guard).watching_since == NOON


def test_once_it_is_on_again_what_made_it_go_off_does_not_count() -> None:
    guard = make_guard()
    used(NEXT, 30, failed=30)
    seen(guard)
    assert seen(guard, seconds=20) == f"{KEY} is off."
    FlagState.objects.update(enabled=True)
    assert seen(guard, seconds=120) == "Nobody got a variant other than current."
    used(NEXT, 60, failed=60, at=NOON + timedelta(minutes=5), minutes=3)
    seen(guard, minutes=5)
    assert not is_on()
    assert TurnBack.objects.count() == 2


# --- Who acts, and how often ---------------------------------------------------------------------------------------


def test_whoever_claims_looks_and_the_next_look_is_for_whoever_is_first() -> None:
    guard = make_guard()
    assert [each.pk for each in due(NOON)] == [guard.pk]
    other = fresh(guard)
    assert claim(guard, NOON)
    assert not claim(other, NOON)
    assert not due(NOON + LOOK - timedelta(seconds=1))
    assert due(NOON + LOOK)


def test_a_clock_that_was_ahead_stops_nobody() -> None:
    guard = make_guard()
    assert claim(guard, NOON + timedelta(hours=1))
    assert due(NOON)


def test_who_looked_before_somebody_else_turned_back_does_nothing() -> None:
    guard = make_guard()
    used(NEXT, 30, failed=30)
    first, second = fresh(guard), fresh(guard)
    found = look(second, NOW)
    assert found.turn is not None
    watch(first, NOW)
    assert not turn(second, found, found.turn, NOW)
    RolloutGuard.objects.update(watching_since=second.watching_since)
    assert not turn(second, found, found.turn, NOW)
    assert TurnBack.objects.count() == 1


def test_a_flag_that_cannot_be_saved_is_told_of_and_keeps_no_other_from_being_guarded(
    lines: list[Any], noon: None, organization: Organization
) -> None:
    staging = Environment.objects.create(organization=organization, key="staging")
    project = Project.objects.create(organization=organization, name="Elsewhere")
    ProjectEnvironment.objects.create(project=project, environment=staging)
    broken = make_guard(make_state())
    make_guard(make_state(staging))
    used(NEXT, 30, failed=30)
    used(NEXT, 30, failed=30, project=project)
    models.QuerySet(FlagState).filter(pk=broken.state_id).update(rules=[{"variant": "gone"}])
    Guarding().round()
    assert said(lines) == ["rollout_not_turned_back", "rollout_turned_back"]
    assert dict(FlagState.objects.values_list("environment__key", "enabled")) == {"production": True, "staging": False}


def test_a_round_looks_acts_and_tells_once(noon: None, hook: Hook, mailoutbox: list[Any], lines: list[Any]) -> None:
    guard = make_guard(recipients=["ann@example.com"], webhook_url=hook.url)
    used(NEXT, 30, failed=30)
    guarding = Guarding()
    guarding.round()
    guarding.round()
    (mail,) = mailoutbox
    assert mail.subject == f"Rollout guard: {KEY} was turned back in production: error rate of next"
    assert mail.body.startswith(
        "Rollout guard: the error rate of next was 100.0 % in 150 requests; the limit is 5.0 %."
    )
    assert "From 2026-03-02 11:55 to 2026-03-02 12:00 UTC" in mail.body
    ((_, headers, body),) = hook.posts
    turned = TurnBack.objects.get()
    assert (turned.state, headers["webhook-id"]) == ("told", turned.public_id)
    assert b'"type":"rollout_guard.turned_back"' in body
    assert f'"guard_id":"{guard.public_id}"'.encode() in body
    assert said(lines).count("rollout_turned_back") == 1


def test_a_guard_that_tells_nobody_is_done_at_once(noon: None) -> None:
    make_guard(subject_prefix="Ours")
    used(NEXT, 30, failed=30)
    Guarding().round()
    turned = TurnBack.objects.get()
    assert (turned.state, str(turned)) == ("told", f"next of {KEY} in production")
    assert turned.subject().startswith("Ours: ")


def test_while_the_database_is_away_a_round_is_skipped_and_it_is_said_once(
    noon: None, lines: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    make_guard()
    used(NEXT, 30, failed=30)
    guarding = Guarding()
    with monkeypatch.context() as patch:

        def away(now: Any) -> Any:
            raise DatabaseError

        patch.setattr(rollout_guard, "due", away)
        guarding.round()
        guarding.round()
    assert is_on()
    guarding.round()
    assert not is_on()
    assert said(lines) == [
        "rollouts_not_guarded", "rollout_turned_back", "rollouts_guarded_again",
    ]  # fmt: skip


# --- What is refused -----------------------------------------------------------------------------------------------


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"control": "gone"}, "control"),
    ({"minutes": 0}, "minutes"),
    ({"minutes": 61}, "minutes"),
    ({"min_requests": 29}, "min_requests"),
    ({"error_rate_most": Decimal(-1)}, "error_rate_most"),
    ({"cost_times": Decimal("0.9")}, "cost_times"),
    ({"recipients": ["nobody"]}, "recipients"),
    ({"webhook_url": "ftp://example.com"}, "webhook_url"),
    ({"error_rate_most": None}, "__all__"),
]


def test_a_guard_that_makes_no_sense_is_refused() -> None:
    state = make_state()
    for fields, field in REFUSED:
        with pytest.raises(ValidationError) as refused:
            make_guard(state, **{"error_rate_most": Decimal(5), **fields})
        assert set(refused.value.message_dict) == {field}
    assert not RolloutGuard.objects.exists()


def test_without_a_default_variant_the_control_is_named() -> None:
    state = make_state(default_variant="")
    with pytest.raises(ValidationError, match="Name it: the flag has no default variant there"):
        make_guard(state)
    assert make_guard(state, control=CURRENT).compared_to == CURRENT
    with pytest.raises(ValidationError):
        RolloutGuard(error_rate_most=Decimal(5)).full_clean()


def test_every_change_of_a_guard_is_written_down_and_looking_is_none() -> None:
    guard = make_guard()
    seen(guard)
    guard.webhook_url = "https://hooks.example.com/x"
    guard.save()
    guard.delete()
    events = AuditEvent.objects.filter(type__startswith="rollout_guard.").order_by("pk")
    assert [event.type for event in events] == [f"rollout_guard.{what}" for what in ("created", "updated", "deleted")]
    assert RolloutGuard.audit_action({}, ()) == "organization.flags.update"
    assert "hooks.example.com" not in str([(event.before, event.after) for event in events])
