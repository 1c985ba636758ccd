"""manage.py rotate_api_key."""

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from accounts.authentication import look_up
from accounts.models import ApiKey, AuditEvent
from tests.accounts.conftest import Issue


def rotate(*arguments: str) -> tuple[str, str]:
    """Returns what the command wrote on standard output and on standard error."""
    out, err = StringIO(), StringIO()
    call_command("rotate_api_key", *arguments, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


@pytest.mark.parametrize("by", ["id", "text", "start", "masked"])
def test_a_key_is_named_by_its_id_its_text_or_the_start_that_is_shown(issue: Issue, by: str) -> None:
    key, token = issue()
    issue()
    rotate({"id": key.public_id, "text": token, "start": key.prefix, "masked": key.masked}[by])
    key.refresh_from_db()
    assert key.replaced_by is not None
    assert ApiKey.objects.filter(replaced_by__isnull=False).count() == 1


def test_standard_output_is_the_new_key_and_a_line_end(issue: Issue) -> None:
    key, _ = issue()
    out, err = rotate(key.public_id)
    fresh = out.strip()
    assert out == f"{fresh}\n"
    assert look_up(fresh) is not None
    key.refresh_from_db()
    assert key.expires_at is not None
    assert fresh not in err
    assert f"works until {key.expires_at:%Y-%m-%d %H:%M} UTC" in err
    assert "It is not shown again." in err
    assert rotate(fresh, "-v0")[1] == ""


@pytest.mark.parametrize(("given", "overlap"), [([], timedelta(days=7)), (["--overlap", "2h"], timedelta(hours=2))])
def test_the_overlap_is_a_week_unless_told(issue: Issue, given: list[str], overlap: timedelta) -> None:
    key, _ = issue()
    before = timezone.now()
    rotate(key.public_id, *given)
    key.refresh_from_db()
    assert before + overlap <= key.expires_at <= timezone.now() + overlap


def test_no_overlap_ends_the_old_key_at_once(issue: Issue) -> None:
    key, token = issue()
    rotate(key.public_id, "--overlap", "0")
    assert look_up(token) is None


def test_the_new_key_may_be_given_an_end_of_its_own(issue: Issue) -> None:
    key, _ = issue(expires_at=timezone.now() + timedelta(days=1))
    rotate(key.public_id, "--expires-in", "90d")
    new = ApiKey.objects.latest("pk")
    assert new.expires_at is not None
    assert abs(new.expires_at - timezone.now() - timedelta(days=90)) < timedelta(minutes=1)


def test_a_dry_run_prints_no_key_and_changes_nothing(issue: Issue) -> None:
    key, _ = issue()
    before = AuditEvent.objects.count()
    out, err = rotate(key.public_id, "--dry-run")
    assert (out, err) == ("", f"{key.public_id} {key} of robot would be replaced.\n")
    assert AuditEvent.objects.count() == before
    assert ApiKey.objects.get().replaced_by is None


def test_the_log_says_which_command_did_it(issue: Issue) -> None:
    key, _ = issue()
    rotate(key.public_id)
    assert {event.actor_name for event in AuditEvent.objects.order_by("-pk")[:2]} == {"manage.py rotate_api_key"}


def test_what_cannot_be_is_told_and_changes_nothing(issue: Issue) -> None:
    key, _ = issue()
    key.revoke()
    before = AuditEvent.objects.count()
    for arguments, complaint in (
        ([key.public_id], "has been revoked since"),
        ([key.public_id, "--overlap", "soon"], "not a length of time"),
        ([key.public_id, "--overlap", "-1d"], "expected one argument"),
        ([key.public_id, "--expires-in", "0"], "not a length of time"),
        (["sk-lukhas-none"], "There is no key"),
        (["…"], "There is no key"),
        ([""], "There is no key"),
    ):
        with pytest.raises(CommandError, match=complaint):
            rotate(*arguments)
    assert AuditEvent.objects.count() == before


def test_a_start_that_two_keys_share_is_refused_and_their_ids_are_told(issue: Issue) -> None:
    one, other = issue()[0], issue()[0]
    ApiKey.objects.update(prefix="sk-lukhas-same")
    with pytest.raises(CommandError, match=f"{one.public_id}, {other.public_id}"):
        rotate("sk-lukhas-same")
    rotate(f"sk-lukhas-same…{one.last_four}")
    one.refresh_from_db()
    assert one.replaced_by is not None
