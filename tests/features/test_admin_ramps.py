"""The staff page of ramps, and what stands beside a flag's state."""

from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import Organization
from features import admin_ramps
from features.asides import Asides
from features.models import Environment, Flag, FlagState, Ramp
from tests.features.conftest import MakeFlag
from tests.features.ramped import STEPS, ramped, share, two_models
from tests.features.staff import As, as_role, owner, path, text, told

__all__ = ["as_role", "owner"]


@pytest.fixture
def flag(make_flag: MakeFlag) -> Flag:
    return two_models(make_flag)


def asked(flag: Flag, **other: str) -> dict[str, Any]:
    return {"state": flag.states.get().pk, "variant": "next", "rest": "", "steps": STEPS, **other}


def errors(answer: Any) -> dict[str, Any]:
    found: dict[str, Any] = answer.context["adminform"].form.errors
    return {name: list(messages) for name, messages in found.items()}


def test_a_ramp_is_set_up_looked_at_and_taken_away_by_hand(owner: Client, flag: Flag) -> None:
    assert "model in production" in text(owner.get(path("ramp", "add")))
    answer = owner.post(path("ramp", "add"), asked(flag))
    assert answer.status_code == 302
    ramp = Ramp.objects.get()
    assert (share(), ramp.rest, ramp.status) == (5, "current", "running")
    page = text(owner.get(path("ramp", ramp.pk, "change")))
    assert "(done), 25@" in page
    assert "5 %" in text(owner.get(path("ramp")))
    assert owner.post(path("ramp", ramp.pk, "delete"), {"post": "yes"}).status_code == 302
    assert not Ramp.objects.exists()


@pytest.mark.parametrize(
    ("other", "field", "why"),
    [
        ({"steps": "soon"}, "steps", "steps[0]: is not of the form"),
        ({"steps": "50@now,25@+1h"}, "steps", "[1]: must be more than the 50 % before"),
        ({"variant": "gone"}, "variant", "must be one of the flag's variants"),
        ({"rest": "gone"}, "rest", "must be one of the flag's variants"),
    ],
)
def test_what_is_wrong_stands_at_its_field(owner: Client, flag: Flag, other: Any, field: str, why: str) -> None:
    found = errors(owner.post(path("ramp", "add"), asked(flag, **other)))
    assert list(found) == [field]
    assert why in found[field][0]
    assert not Ramp.objects.exists()


def test_a_flag_that_is_off_is_told_at_the_flag(owner: Client, flag: Flag) -> None:
    FlagState.objects.get().kill("It hurts.")
    assert list(errors(owner.post(path("ramp", "add"), asked(flag)))) == ["state"]


def test_what_was_changed_meanwhile_is_told_and_nothing_saved(
    owner: Client, flag: Flag, monkeypatch: pytest.MonkeyPatch
) -> None:
    def change(*_: Any) -> None:
        FlagState.objects.get().kill("It hurts.")

    monkeypatch.setattr(admin_ramps.RampForm, "clean", lambda form: change() or form.cleaned_data)
    answer = owner.post(path("ramp", "add"), asked(flag), follow=True)
    assert told(answer)[0].startswith("Nothing was saved, for something was changed meanwhile: environment: is one in")
    assert not Ramp.objects.exists()


def test_ramps_are_paused_and_resumed_by_hand_and_what_cannot_is_told(owner: Client, flag: Flag) -> None:
    ramp = ramped(flag, now=timezone.now())

    def act(action: str) -> list[str]:
        return told(owner.post(path("ramp"), {"action": action, "_selected_action": [ramp.pk]}, follow=True))

    page = ("ramp", ramp.pk)
    assert "until it is resumed?" in text(owner.get(path(*page, "pause")))
    assert owner.get(path(*page, "resume")).status_code == 404
    assert act("pause_selected") == ["Ramp of model in production: paused."]
    assert "as much later as it stood?" in text(owner.get(path(*page, "resume")))
    assert act("pause_selected") == ["Ramp of model in production: The ramp is paused, and not running."]
    assert act("resume_selected") == ["Ramp of model in production: resumed."]
    ramp.refresh_from_db()
    assert ramp.status == "running"


def test_members_look_and_set_nothing_up(as_role: As, flag: Flag) -> None:
    member = as_role("member")
    assert member.get(path("ramp")).status_code == 200
    assert member.post(path("ramp", "add"), asked(flag)).status_code == 403
    assert not Ramp.objects.exists()


def test_flags_of_others_are_not_offered(owner: Client, flag: Flag, stranger: Organization) -> None:
    page = owner.get(path("ramp", "add"))
    offered = page.context["adminform"].form.fields["state"].queryset
    assert [str(state) for state in offered] == ["model in production"]
    theirs = Flag.objects.create(organization=stranger, key="theirs", kind="boolean", variants={"on": True})
    state = FlagState.objects.create(flag=theirs, environment=Environment.objects.production(stranger), enabled=True)
    found = errors(owner.post(path("ramp", "add"), {**asked(flag), "state": state.pk}))
    assert list(found) == ["state"]


def test_the_page_of_a_flag_leads_to_its_ramp_and_its_guard(owner: Client, flag: Flag) -> None:
    state = flag.states.get()
    page = text(owner.get(path("flag", flag.pk, "change")))
    assert f"/admin/features/ramp/add/?state={state.pk}" in page
    assert f"/admin/analytics/rolloutguard/add/?state={state.pk}" in page
    ramped(flag, now=timezone.now())
    page = text(owner.get(path("flag", flag.pk, "change")))
    assert f"/admin/features/ramp/{Ramp.objects.get().pk}/change/" in page
    assert "next 5 %, running" in page


def test_what_is_said_twice_stands_beside_a_state_once() -> None:
    asides = Asides()
    for _ in range(2):
        asides.add(admin_ramps.beside)
    assert len(asides._made) == 1
