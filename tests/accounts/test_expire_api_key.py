"""manage.py expire_api_key."""

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from accounts.authentication import look_up
from accounts.models import ApiKey, AuditEvent
from tests.accounts.conftest import Issue


def expire(*arguments: str) -> str:
    out = StringIO()
    call_command("expire_api_key", *arguments, stdout=out)
    return out.getvalue()


@pytest.mark.parametrize("by", ["id", "text", "start"])
def test_a_key_ends_at_once(issue: Issue, by: str) -> None:
    key, token = issue(name="laptop")
    issue()
    out = expire({"id": key.public_id, "text": token, "start": key.prefix}[by])
    key.refresh_from_db()
    assert out == f"{key.public_id} {key} of robot expires on {key.expires_at:%Y-%m-%d %H:%M} UTC.\n"
    assert look_up(token) is None
    assert ApiKey.objects.filter(expires_at__isnull=True).count() == 1
    event = AuditEvent.objects.latest("pk")
    assert (event.type, event.actor_name) == ("api_key.updated", "manage.py expire_api_key")


def test_an_end_is_brought_forward_and_never_put_off(issue: Issue) -> None:
    key, token = issue(expires_at=timezone.now() + timedelta(days=30))
    assert expire(key.public_id, "--in", "7d", "-v0") == ""
    key.refresh_from_db()
    assert key.expires_at is not None
    assert abs(key.expires_at - timezone.now() - timedelta(days=7)) < timedelta(minutes=1)
    with pytest.raises(CommandError, match="its life is never made longer"):
        expire(key.public_id, "--in", "8d")
    assert look_up(token) is not None


def test_a_dry_run_changes_nothing(issue: Issue) -> None:
    key, token = issue()
    assert "would expire on" in expire(key.public_id, "--dry-run")
    assert look_up(token) is not None
    assert ApiKey.objects.get().expires_at is None


@pytest.mark.parametrize("how", ["revoked", "expired"])
def test_a_key_that_has_ended_is_left_as_it_is(issue: Issue, how: str) -> None:
    key, _ = issue()
    key.revoke() if how == "revoked" else key.expire()
    before = AuditEvent.objects.count()
    with pytest.raises(CommandError, match=f"has been {how} since"):
        expire(key.public_id)
    assert AuditEvent.objects.count() == before


def test_an_unknown_key_is_refused(database: None) -> None:
    with pytest.raises(CommandError, match="There is no key"):
        expire("key_unknown")
