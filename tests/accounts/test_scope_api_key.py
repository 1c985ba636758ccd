"""manage.py scope_api_key."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from accounts.authentication import look_up
from accounts.models import ApiKey, AuditEvent
from tests.accounts.conftest import Issue


def scope(*arguments: str) -> str:
    out = StringIO()
    call_command("scope_api_key", *arguments, stdout=out)
    return out.getvalue()


def test_a_key_keeps_the_scopes_that_are_named(issue: Issue) -> None:
    key, token = issue(name="laptop", scopes=["model.read", "model.request", "usage.read"])
    out = scope(key.prefix, "--scope", "usage.read", "--scope", "model.read")
    assert out == f"{key.public_id} {key} of robot holds model.read, usage.read.\n"
    found = look_up(token)
    assert found is not None
    assert found.principal.scopes == {"model.read", "usage.read"}
    event = AuditEvent.objects.latest("pk")
    assert (event.type, event.actor_name) == ("api_key.updated", "manage.py scope_api_key")


def test_more_is_refused_by_name(issue: Issue) -> None:
    key, _ = issue(scopes=["model.read"])
    with pytest.raises(CommandError, match=r"does not hold: flags\.write, admin\.\*\."):
        scope(key.public_id, "--scope", "flags.write", "--scope", "model.read", "--scope", "admin.*")
    assert ApiKey.objects.get().scopes == ["model.read"]


def test_a_dry_run_changes_nothing(issue: Issue) -> None:
    key, _ = issue()
    before = list(key.scopes)
    assert "would hold model.read." in scope(key.public_id, "--scope", "model.read", "--dry-run")
    assert ApiKey.objects.get().scopes == before


def test_quietly_it_says_nothing(issue: Issue) -> None:
    assert scope(issue()[0].public_id, "--scope", "model.read", "-v0") == ""
    assert ApiKey.objects.get().scopes == ["model.read"]


def test_without_a_scope_and_without_a_key_it_is_refused(issue: Issue) -> None:
    with pytest.raises(CommandError, match="--scope"):
        scope(issue()[0].public_id)
    with pytest.raises(CommandError, match="There is no key"):
        scope("key_unknown", "--scope", "model.read")
