"""manage.py stale_keys."""

import json
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import models
from django.utils import timezone

from accounts.management.commands import stale_keys
from accounts.models import ApiKey, AuditEvent, Organization, Project, ServiceAccount, User
from tests.accounts.conftest import Issue


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


def stale(*arguments: str, err: StringIO | None = None) -> str:
    out = StringIO()
    call_command("stale_keys", *arguments, stdout=out, stderr=err or StringIO(), no_color=True)
    return out.getvalue()


def aged(key: ApiKey, *, made: int, used: int | None) -> ApiKey:
    """The key as it would be that was made, and last used, so many days ago."""
    now = timezone.now()
    at = None if used is None else now - timedelta(days=used)
    models.QuerySet(ApiKey).filter(pk=key.pk).update(created_at=now - timedelta(days=made), last_used_at=at)
    return ApiKey.objects.get(pk=key.pk)


@pytest.fixture
def old(issue: Issue, user: User) -> dict[str, ApiKey]:
    """Keys of all three kinds that nobody used for 91 days, and one that nobody ever used."""
    page = {"is_publishable": True, "origins": ["https://a.example"], "scopes": ["flags.read"]}
    return {
        "secret": aged(issue(name="secret one")[0], made=200, used=91),
        "admin": aged(issue(name="admin one", is_admin=True, user=user)[0], made=200, used=91),
        "publishable": aged(issue(name="page one", **page)[0], made=91, used=91),
        "never": aged(issue(name="never one")[0], made=91, used=None),
    }


@pytest.fixture
def fresh(issue: Issue) -> dict[str, ApiKey]:
    """Keys that are no concern: used not long ago, young, or ended."""
    ended = {"revoked": issue()[0], "expired": issue()[0]}
    ended["revoked"].revoke()
    ended["expired"].expire()
    return {
        "used": aged(issue()[0], made=200, used=89),
        "young": aged(issue()[0], made=89, used=None),
        **{name: aged(key, made=200, used=None) for name, key in ended.items()},
    }


def test_a_table_tells_of_keys_that_nobody_used_since_then(old: dict[str, ApiKey], fresh: dict[str, ApiKey]) -> None:
    heading, *rows, last = stale().splitlines()
    assert heading.split()[:4] == ["id", "name", "key", "kind"]
    assert [row.split()[0] for row in rows] == [key.public_id for key in old.values()]
    assert [kind for row in rows for kind in ("secret", "admin", "publishable") if f" {kind}  " in row] == [
        "secret", "admin", "publishable", "secret",
    ]  # fmt: skip
    assert rows[0].endswith(f"{old['secret'].last_used_at:%Y-%m-%d}")
    assert rows[3].endswith("never")
    assert old["admin"].masked in rows[1]
    assert last == "4 stale keys, none revoked."
    assert ApiKey.objects.filter(revoked_at__isnull=True).count() == 7


def test_the_number_of_days_is_for_choosing(old: dict[str, ApiKey], fresh: dict[str, ApiKey]) -> None:
    assert stale("--days", "88").endswith("6 stale keys, none revoked.\n")
    assert stale("--days", "92") == "0 stale keys, none revoked.\n"


def test_json_is_for_programs(old: dict[str, ApiKey], organization: Organization, project: Project) -> None:
    found: list[dict[str, Any]] = json.loads(stale("--json"))
    key = old["secret"]
    assert key.last_used_at is not None
    assert found[0] == {
        "id": key.public_id,
        "name": "secret one",
        "key": key.masked,
        "kind": "secret",
        "organization": organization.public_id,
        "project": project.public_id,
        "owner": key.owner.public_id,
        "created_at": key.created_at.isoformat(),
        "last_used_at": key.last_used_at.isoformat(),
        "revoked": False,
    }
    assert (found[1]["project"], found[3]["last_used_at"]) == (None, None)
    assert json.loads(stale("--json", "--days", "92")) == []


def test_they_are_revoked_each_on_the_audit_log(old: dict[str, ApiKey], fresh: dict[str, ApiKey]) -> None:
    assert stale("--revoke").endswith("4 stale keys, 4 revoked.\n")
    assert ApiKey.objects.filter(revoked_at__isnull=True).count() == 3
    gone = AuditEvent.objects.filter(type="api_key.deleted", actor_name="manage.py stale_keys")
    assert {event.target_id for event in gone} == {key.public_id for key in old.values()}
    assert stale("--revoke") == "0 stale keys, 0 revoked.\n"


def test_json_tells_what_was_revoked(old: dict[str, ApiKey]) -> None:
    assert [row["revoked"] for row in json.loads(stale("--revoke", "--json"))] == [True] * 4


def test_a_dry_run_revokes_nothing(old: dict[str, ApiKey]) -> None:
    assert stale("--revoke", "--dry-run").endswith("4 stale keys, 4 would be revoked.\n")
    assert not ApiKey.objects.filter(revoked_at__isnull=False).exists()


def test_a_key_that_is_used_meanwhile_is_not_revoked(old: dict[str, ApiKey], monkeypatch: pytest.MonkeyPatch) -> None:
    def used_meanwhile(items: Any, *args: Any, **kwargs: Any) -> Any:
        aged(old["secret"], made=200, used=0)
        return iter(items)

    monkeypatch.setattr(stale_keys, "tracked", used_meanwhile)
    assert stale("--revoke").endswith("4 stale keys, 3 revoked.\n")
    assert ApiKey.objects.get(revoked_at__isnull=True).pk == old["secret"].pk


def test_one_organisation_may_be_named(old: dict[str, ApiKey], issue: Issue) -> None:
    home = Organization.objects.create(slug="other", name="Other")
    project = Project.objects.create(organization=home, name="Theirs")
    robot = ServiceAccount.objects.create(project=project, name="theirs")
    theirs = aged(issue(organization=home, project=project, service_account=robot)[0], made=100, used=None)
    assert [row["id"] for row in json.loads(stale("--json", "--organization", "other"))] == [theirs.public_id]
    with pytest.raises(CommandError, match="There is no organisation 'nobody'"):
        stale("--organization", "nobody")


def test_on_a_terminal_the_revoking_can_be_watched(old: dict[str, ApiKey]) -> None:
    screen = Terminal()
    stale("--revoke", err=screen)
    assert screen.getvalue().split("\r")[1:] == [
        f"[{'#' * filled}{' ' * (30 - filled)}] {done}/4{end}"
        for done, filled, end in ((1, 7, ""), (2, 15, ""), (3, 22, ""), (4, 30, "\n"))
    ]


def test_quietly_and_elsewhere_nothing_is_drawn(old: dict[str, ApiKey]) -> None:
    screen, file = Terminal(), StringIO()
    assert stale("--revoke", "-v0", err=screen) == ""
    ApiKey.objects.update(revoked_at=None)
    stale("--revoke", err=file)
    assert (screen.getvalue(), file.getvalue()) == ("", "")


@pytest.mark.parametrize("days", ["0", "-1", "many", "36501", "²"])
def test_a_number_of_days_that_is_none_is_refused(database: None, days: str) -> None:
    with pytest.raises(CommandError, match="--days"):
        stale("--days", days)
