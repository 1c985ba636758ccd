"""manage.py revoke_api_key."""

from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from accounts.models import ApiKey
from tests.accounts.conftest import Issue


def revoke(*arguments: str) -> str:
    out = StringIO()
    call_command("revoke_api_key", *arguments, stdout=out)
    return out.getvalue()


@pytest.mark.parametrize("by", ["id", "text"])
def test_a_key_is_revoked_by_its_id_or_its_text(issue: Issue, by: str) -> None:
    key, token = issue(name="laptop")
    issue()
    out = revoke(key.public_id if by == "id" else token)
    assert out == f"{key.public_id} laptop ({token[:14]}…{token[-4:]}) of robot is revoked.\n"
    assert [row.revoked_at is not None for row in ApiKey.objects.order_by("id")] == [True, False]


def test_a_key_stored_under_a_former_secret_key_is_found(issue: Issue, settings: Any) -> None:
    settings.SECRET_KEY = "old"
    key, token = issue()
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "new", ["old"]
    revoke(token)
    key.refresh_from_db()
    assert key.revoked_at is not None


def test_revoking_again_changes_nothing_and_says_so(issue: Issue) -> None:
    key, _ = issue()
    revoke(key.public_id)
    key.refresh_from_db()
    at = key.revoked_at
    assert at is not None
    for arguments in ([], ["--dry-run"]):
        assert f"has been revoked since {at:%Y-%m-%d %H:%M} UTC" in revoke(key.public_id, *arguments)
    key.refresh_from_db()
    assert key.revoked_at == at


def test_a_dry_run_changes_nothing(issue: Issue) -> None:
    key, _ = issue()
    assert "would be revoked" in revoke(key.public_id, "--dry-run")
    key.refresh_from_db()
    assert key.revoked_at is None


def test_parts_of_a_key_are_not_enough_and_are_not_repeated(issue: Issue) -> None:
    key, token = issue()
    for wrong in (token[:-1], key.prefix, key.last_four, key.masked, key.name, "key_unknown", ""):
        with pytest.raises(CommandError, match="There is no key") as refusal:
            revoke(wrong)
        assert not wrong or wrong not in str(refusal.value)
    key.refresh_from_db()
    assert key.revoked_at is None
