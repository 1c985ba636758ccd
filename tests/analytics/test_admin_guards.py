"""The staff pages of rollout guards, and of what they turned back."""

from typing import Any

import pytest
from django.test import Client

from accounts.alerts.signing import secret_of
from analytics.models import RolloutGuard, TurnBack
from analytics.rollout_guard import Guarding, watch
from features.models import FlagState
from tests.accounts.test_alerts_admin import secrets_in
from tests.analytics.guarded import KEY, NEXT, NOON, NOW, make_guard, make_state, used
from tests.features.staff import As, as_role, owner, text, told

__all__ = ["as_role", "owner"]


@pytest.fixture
def state(database: None) -> FlagState:
    return make_state()


def path(page: str, *parts: object) -> str:
    return "/admin/analytics/" + "".join(f"{part}/" for part in (page, *parts))


def fields(state: FlagState, **other: Any) -> dict[str, Any]:
    known = {"state": state.pk, "minutes": 5, "min_requests": 100, "error_rate_most": "5", "recipients": ""}
    return {**known, **other}


def test_a_guard_is_set_changed_and_taken_away_by_hand(owner: Client, state: FlagState) -> None:
    assert f"{KEY} in production" in text(owner.get(path("rolloutguard", "add")))
    assert owner.post(path("rolloutguard", "add"), fields(state)).status_code == 302
    guard = RolloutGuard.objects.get()
    assert "error_rate_most 5" in text(owner.get(path("rolloutguard")))
    change = path("rolloutguard", guard.pk, "change")
    assert owner.post(change, fields(state, minutes=10, latency_p95_times="1.5")).status_code == 302
    guard.refresh_from_db()
    assert (guard.minutes, guard.limits().thresholds) == (10, {"error_rate_most": 5, "latency_p95_times": 1.5})
    assert owner.post(path("rolloutguard", guard.pk, "delete"), {"post": "yes"}).status_code == 302
    assert not RolloutGuard.objects.exists()


def test_what_is_wrong_is_told_and_nothing_set(owner: Client, state: FlagState) -> None:
    for other, why in (
        ({"error_rate_most": ""}, "Set a threshold."),
        ({"control": "gone"}, "It must be one of the flag's variants."),
        ({"minutes": ""}, "This field is required."),
    ):
        answer = owner.post(path("rolloutguard", "add"), fields(state, **other))
        assert why in text(answer)
    assert not RolloutGuard.objects.exists()


def test_the_secret_of_a_webhook_is_shown_once_and_exchanged(owner: Client, state: FlagState) -> None:
    made = owner.post(path("rolloutguard", "add"), fields(state, webhook_url="https://hooks.example.com/x"))
    former = secret_of(RolloutGuard.objects.get())
    assert secrets_in(made) == [former]
    asked = {"action": "exchange_secret", "_selected_action": [RolloutGuard.objects.get().pk]}
    shown = owner.post(path("rolloutguard"), {**asked, "post": "yes"})
    assert secrets_in(shown) == [secret_of(RolloutGuard.objects.get())] != [former]


def test_what_it_turned_back_is_listed_and_told_again(
    owner: Client, as_role: As, state: FlagState, monkeypatch: pytest.MonkeyPatch, mailoutbox: list[Any]
) -> None:
    guard = make_guard(state, recipients=["ann@example.com"])
    used(NEXT, 30, failed=30)
    watch(RolloutGuard.objects.with_flags().get(pk=guard.pk), NOW)
    TurnBack.objects.update(error="ann@example.com: not sent", given_up_at=NOON)
    page = text(owner.get(path("turnback")))
    assert "the error rate of next was 100.0 % in 150 requests" in page
    assert "given up" in page
    turned = TurnBack.objects.get()
    assert owner.get(path("turnback", turned.pk, "change")).status_code == 200
    again = {"action": "try_again", "_selected_action": [turned.pk]}
    assert "try_again" not in text(as_role("viewer").get(path("turnback")))
    assert told(owner.post(path("turnback"), again, follow=True)) == ["Tried again within ten seconds: 1."]
    Guarding().round()
    assert len(mailoutbox) == 1


def test_the_page_of_a_flag_tells_what_its_guard_saw(owner: Client, state: FlagState) -> None:
    page = f"/admin/features/flag/{state.flag_id}/change/"
    assert f"/admin/analytics/rolloutguard/add/?state={state.pk}" in text(owner.get(page))
    guard = make_guard(state)
    assert "It has not looked yet." in text(owner.get(page))
    watch(RolloutGuard.objects.with_flags().get(pk=guard.pk), NOW)
    shown = text(owner.get(page))
    assert "Nobody got a variant other than current." in shown
    assert f"/admin/analytics/rolloutguard/{guard.pk}/change/" in shown
    used(NEXT, 30, failed=30)
    for _ in range(2):  # once more, when it is off
        watch(RolloutGuard.objects.with_flags().get(pk=guard.pk), NOW)
    assert "Turned back: Rollout guard: the error rate of next was 100.0 %" in text(owner.get(page))
