"""manage.py create_api_key."""

from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from accounts.keys import digest
from accounts.models import ApiKey, Membership, Organization, Project, ServiceAccount, User
from accounts.scopes import DEFAULT_SCOPES


def create(*arguments: str) -> tuple[ApiKey, str, str]:
    """Returns the key, and what the command wrote on standard output and on standard error."""
    out, err = StringIO(), StringIO()
    call_command("create_api_key", *arguments, stdout=out, stderr=err)
    token = out.getvalue().strip()
    return ApiKey.objects.with_owners().get(digest=digest(token)), out.getvalue(), err.getvalue()


def rows() -> list[int]:
    return [model._default_manager.count() for model in (Organization, Project, ServiceAccount, ApiKey)]


def test_standard_output_is_the_key_and_a_line_end(project: Project) -> None:
    key, out, err = create("laptop")
    assert out == f"{out.strip()}\n"
    assert out.startswith("sk-lukhas-")
    assert out.strip() not in err
    assert key.public_id in err
    assert "not shown again" in err


def test_a_key_is_of_the_default_project_and_may_do_everything_but_administer(project: Project) -> None:
    key, _, _ = create("laptop")
    assert (key.project, key.organization, key.expires_at, key.user) == (project, project.organization, None, None)
    assert key.scopes == list(DEFAULT_SCOPES)
    assert not key.is_admin


def test_the_default_project_is_made_where_it_is_missing(database: None, settings: Any) -> None:
    settings.LUKHAS_ORGANIZATION = "fresh"
    key, _, _ = create("laptop")
    assert key.organization.slug == "fresh"


def test_the_service_account_of_the_name_is_made_and_used_again(project: Project) -> None:
    first, _, _ = create("robot")
    second, _, _ = create("robot")
    assert first.service_account == second.service_account == ServiceAccount.objects.get(name="robot")
    assert first.digest != second.digest


def test_a_user_may_own_the_key(project: Project, user: User) -> None:
    Membership.objects.create(user=user, organization=project.organization, role="admin")
    key, _, _ = create("laptop", "--user", "ADA@example.com")
    assert (key.user, key.service_account) == (user, None)
    assert ServiceAccount.objects.count() == 0


@pytest.mark.parametrize("by", ["public_id", "name"])
def test_the_project_is_named_by_id_or_name(organization: Organization, by: str) -> None:
    project = Project.objects.create(organization=organization, name="Mobile app")
    key, _, err = create("laptop", "--project", getattr(project, by))
    assert key.project == project
    assert "project Mobile app" in err


def test_an_archived_project_does_not_hide_an_open_one_of_its_name(organization: Organization) -> None:
    Project.objects.create(organization=organization, name="App").archive()
    project = Project.objects.create(organization=organization, name="App")
    assert create("laptop", "--project", "App")[0].project == project


def test_scopes_are_those_given_each_once(project: Project) -> None:
    key, _, _ = create("laptop", "--scope", "model.read", "--scope", "flags.read", "--scope", "model.read")
    assert key.scopes == ["model.read", "flags.read"]


def test_an_admin_key_is_of_the_whole_organisation(project: Project) -> None:
    key, out, err = create("ops", "--admin")
    assert out.startswith("sk-admin-lukhas-")
    assert (key.is_admin, key.project, key.scopes) == (True, None, ["admin.*"])
    assert key.service_account == ServiceAccount.objects.get(project=project, name="ops")
    assert f"organisation {project.organization.name}" in err


@pytest.mark.parametrize(
    ("text", "duration"),
    [
        ("90d", timedelta(days=90)),
        ("12h", timedelta(hours=12)),
        ("30m", timedelta(minutes=30)),
        ("2w", timedelta(weeks=2)),
    ],
)
def test_a_key_may_expire(project: Project, text: str, duration: timedelta) -> None:
    before = timezone.now()
    key, _, err = create("laptop", "--expires-in", text)
    assert key.expires_at is not None
    assert before + duration <= key.expires_at <= timezone.now() + duration
    assert f"until {key.expires_at:%Y-%m-%d %H:%M} UTC" in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["x", "--scope", "model.write"], "Unknown scopes: model.write"),
        (["x", "--scope", "admin.*"], "Admin keys hold admin scopes only"),
        (["x", "--admin", "--scope", "model.read"], "Admin keys hold admin scopes only"),
        (["x", "--project", "nowhere"], "no project 'nowhere'"),
        (["x", "--project", ""], "no project ''"),
        (["x", "--project", "Twins"], "Several projects are called 'Twins'"),
        (["x", "--project", "Old"], "no project 'Old'"),
        (["x", "--project", "proj_old"], "project is archived"),
        (["x", "--user", "nobody@example.com"], "no user with the e-mail 'nobody@example.com'"),
        (["x", "--user", "gone@example.com"], "user is not active"),
        (["x", "--expires-in", "soon"], "'soon' is not a length of time"),
        (["x", "--expires-in", "0d"], "out of range"),
        ([""], "cannot be blank"),
        (["x" * 201], "at most 200 characters"),
        (["x" * 201, "--user", "ada@example.com"], "at most 200 characters"),
        ([], "required: NAME"),
    ],
)
def test_a_mistake_is_told_and_changes_nothing(
    organization: Organization, user: User, settings: Any, arguments: list[str], message: str
) -> None:
    for _ in range(2):
        Project.objects.create(organization=organization, name="Twins")
    Project.objects.create(organization=organization, name="Old", public_id="proj_old").archive()
    User.objects.create_user("gone", "gone@example.com", is_active=False)
    settings.LUKHAS_ORGANIZATION = "not-made-yet"
    before = rows()
    out: Any = StringIO()
    with pytest.raises(CommandError, match=message.replace("*", r"\*")):
        call_command("create_api_key", *arguments, stdout=out)
    assert out.getvalue() == ""
    assert rows() == before
