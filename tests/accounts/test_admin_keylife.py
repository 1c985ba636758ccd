"""The staff page of keys: rotating, expiring, scoping down."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.utils import timezone

from accounts.authentication import look_up
from accounts.models import ApiKey, AuditEvent, Membership, ServiceAccount, User
from tests.accounts.conftest import Issue
from tests.accounts.test_admin import path, staff_as, text


def post(staff: Client, action: str, *keys: ApiKey, **fields: Any) -> Any:
    """What the list answers when an action is chosen for keys; with `fields`, when its question is answered."""
    answered = {"post": "yes", **fields} if fields else {}
    data = {"action": action, "_selected_action": [key.pk for key in keys], **answered}
    return staff.post(path("apikey"), data, follow=True)


def latest() -> AuditEvent:
    return AuditEvent.objects.latest("pk")


# --- Rotating --------------------------------------------------------------------------------------------------


def test_rotating_asks_and_then_shows_the_new_key_once(staff: Client, issue: Issue) -> None:
    old, _ = issue(name="shop")
    question = text(post(staff, "rotate_selected", old))
    assert old.masked in question
    assert re.search(r'name="overlap" value="7"', question)
    assert ApiKey.objects.count() == 1
    shown = post(staff, "rotate_selected", old, overlap="2", lifetime="")
    token = re.search(r"sk-lukhas-[A-Za-z0-9]{43}", text(shown))
    assert token is not None
    assert "no-store" in shown["Cache-Control"]
    found = look_up(token[0])
    assert found is not None
    assert found.principal.key_family == old.public_id
    old.refresh_from_db()
    assert old.expires_at is not None
    assert abs(old.expires_at - timezone.now() - timedelta(days=2)) < timedelta(minutes=1)
    assert token[0] not in text(staff.get(path("apikey")))
    assert (latest().type, latest().source, latest().actor_name) == ("api_key.updated", "admin", "root@example.com")
    assert {entry.get_change_message() for entry in LogEntry.objects.all()} == {
        f"Replaced by {found.principal.key_id}.",
        f"In place of {old.public_id}.",
    }
    assert str(old.replaced_by) in text(staff.get(path("apikey", old.pk, "change")))


def test_the_new_key_may_be_given_days_of_its_own(staff: Client, issue: Issue) -> None:
    post(staff, "rotate_selected", issue()[0], overlap="0", lifetime="30")
    new = ApiKey.objects.latest("pk")
    assert new.expires_at is not None
    assert abs(new.expires_at - timezone.now() - timedelta(days=30)) < timedelta(minutes=1)


def test_one_key_is_rotated_at_a_time(staff: Client, issue: Issue) -> None:
    answer = post(staff, "rotate_selected", issue()[0], issue()[0], overlap="7", lifetime="")
    assert "Choose one key to rotate" in text(answer)
    assert ApiKey.objects.count() == 2


@pytest.mark.parametrize(("overlap", "lifetime"), [("-1", ""), ("366", ""), ("", ""), ("1", "0")])
def test_days_out_of_range_are_asked_for_again(staff: Client, issue: Issue, overlap: str, lifetime: str) -> None:
    key, _ = issue()
    answer = post(staff, "rotate_selected", key, overlap=overlap, lifetime=lifetime)
    assert 'name="overlap"' in text(answer)
    assert "errorlist" in text(answer)
    assert ApiKey.objects.count() == 1


def test_what_cannot_be_rotated_is_told(staff: Client, issue: Issue) -> None:
    key, _ = issue()
    key.revoke()
    assert "has been revoked since" in text(post(staff, "rotate_selected", key, overlap="7", lifetime=""))
    assert ApiKey.objects.count() == 1


@pytest.mark.parametrize(
    ("role", "of", "status"), [("admin", "admin", 2), ("admin", "owner", 1), ("member", "member", 1)]
)
def test_a_key_is_rotated_by_who_may_do_as_much_as_its_owner(
    issue: Issue, account: ServiceAccount, role: str, of: str, status: int
) -> None:
    key, _ = issue()
    account.role = of
    account.save()
    clerk = staff_as("member", key.organization, project=account.project, project_role=role)
    shown = text(post(clerk, "rotate_selected", key, overlap="7", lifetime=""))
    assert ApiKey.objects.count() == status
    assert ("This service account may do more than you" in shown) is (of == "owner")


def test_of_people_everybody_rotates_their_own_key_only(issue: Issue, account: ServiceAccount) -> None:
    clerk = staff_as("member", account.project.organization, project=account.project, project_role="member")
    mine, _ = issue(user=User.objects.get(username="clerk"))
    theirs, _ = issue(user=User.objects.create_user("ada", "ada@example.com"))
    Membership.objects.filter(user__username="clerk").update(role="owner")
    refused = text(post(clerk, "rotate_selected", theirs, overlap="7", lifetime=""))
    assert "Only a user makes keys of their own." in refused
    Membership.objects.filter(user__username="clerk").update(role="member")
    assert re.search(r"sk-lukhas-[A-Za-z0-9]{43}", text(post(clerk, "rotate_selected", mine, overlap="7", lifetime="")))


# --- Expiring --------------------------------------------------------------------------------------------------


def test_expiring_asks_and_then_ends_the_chosen_keys(staff: Client, issue: Issue) -> None:
    (chosen, token), (ended, _), (_, kept) = issue(), issue(), issue()
    ended.revoke()
    assert 'name="days" value="0"' in text(post(staff, "expire_selected", chosen, ended))
    assert look_up(token) is not None
    done = text(post(staff, "expire_selected", chosen, ended, days="0"))
    assert "Expiry brought forward: 1." in done
    assert "has been revoked since" in done
    assert look_up(token) is None
    assert look_up(kept) is not None
    assert (latest().type, latest().changed()) == ("api_key.updated", ["expires_at"])


def test_no_life_is_made_longer(staff: Client, issue: Issue) -> None:
    until = timezone.now() + timedelta(days=3)
    key, _ = issue(expires_at=until)
    assert "never made longer" in text(post(staff, "expire_selected", key, days="4"))
    assert ApiKey.objects.get().expires_at == until
    post(staff, "expire_selected", key, days="2")
    assert ApiKey.objects.get().expires_at < until


# --- Scopes ----------------------------------------------------------------------------------------------------


def test_scoping_down_offers_what_is_held_and_leaves_what_is_ticked(staff: Client, issue: Issue) -> None:
    one, _ = issue(scopes=["model.read", "model.request"])
    other, _ = issue(scopes=["model.read", "usage.read"])
    question = text(post(staff, "narrow_selected", one, other))
    ticked = re.findall(r'<input type="checkbox" name="scopes" value="([^"]+)"[^>]*checked', question)
    assert ticked == ["model.read", "model.request", "usage.read"]
    done = text(post(staff, "narrow_selected", one, other, scopes=["model.read", "model.request"]))
    assert "Scopes taken away: 2." in done
    assert [key.scopes for key in ApiKey.objects.order_by("pk")] == [["model.read", "model.request"], ["model.read"]]
    assert (latest().type, latest().changed()) == ("api_key.updated", ["scopes"])


def test_more_scopes_are_refused_by_name(staff: Client, issue: Issue) -> None:
    key, _ = issue(scopes=["model.read"])
    answer = text(post(staff, "narrow_selected", key, scopes=["model.read", "flags.write"]))
    assert "flags.write is not one of the available choices" in answer
    assert ApiKey.objects.get().scopes == ["model.read"]


def test_a_key_that_would_keep_none_is_told_and_left(staff: Client, issue: Issue) -> None:
    one, _ = issue(scopes=["model.read"])
    other, _ = issue(scopes=["usage.read", "model.read"])
    answer = text(post(staff, "narrow_selected", one, other, scopes=["usage.read"]))
    assert "No scope would be left" in answer
    assert [key.scopes for key in ApiKey.objects.order_by("pk")] == [["model.read"], ["usage.read"]]
