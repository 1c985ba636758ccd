"""manage.py invite."""

from io import StringIO
from typing import Any

import pytest
from django.core import mail
from django.core.management import CommandError, call_command

from accounts import invitations
from accounts.models import AuditEvent, Invite, Membership, Organization, Project, User


def run(*arguments: str) -> tuple[str, str]:
    """What is written on standard output and on standard error."""
    out, err = StringIO(), StringIO()
    call_command("invite", *arguments, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


def test_it_prints_the_link_and_nothing_else_and_sends_no_mail(organization: Organization) -> None:
    out, err = run("Grace@Example.com")
    invite = Invite.objects.get()
    assert (invite.email, invite.role, invite.projects, invite.organization) == (
        "grace@example.com",
        "member",
        [],
        organization,
    )
    assert out.startswith("http://127.0.0.1:8000/invites/accept#")
    assert invitations.find(out.strip().partition("#")[2]) == invite
    assert out.strip().partition("#")[2] not in err
    assert "Invited: grace@example.com, member of default, until" in err
    assert mail.outbox == []


def test_roles_and_projects_are_given_by_our_names(organization: Organization, project: Project) -> None:
    other = Project.objects.create(organization=organization, name="Odd: name")
    run("a@example.com", "--role", "admin", "--project", f"{project.public_id}:owner", "--project", "Odd: name")
    invite = Invite.objects.get()
    assert invite.role == "admin"
    assert invite.projects == [{"id": project.public_id, "role": "owner"}, {"id": other.public_id, "role": "member"}]
    run("b@example.com", "--role", "reader", "--project", "Odd: name:viewer")
    assert Invite.objects.latest("pk").role == "viewer"
    assert Invite.objects.latest("pk").projects == [{"id": other.public_id, "role": "viewer"}]


@pytest.mark.parametrize("by", ["slug", "public_id"])
def test_an_organisation_is_named_by_slug_or_id(database: None, by: str) -> None:
    other = Organization.objects.create(slug="other", name="Other")
    run("a@example.com", "--organization", getattr(other, by))
    assert Invite.objects.get().organization == other


def test_a_dry_run_changes_nothing_and_shows_no_link(organization: Organization) -> None:
    out, err = run("a@example.com", "--dry-run")
    assert (out, "Would be invited: a@example.com" in err) == ("", True)
    assert not Invite.objects.exists()
    assert not AuditEvent.objects.filter(type="invite.sent").exists()


def test_quiet_it_prints_the_link_alone(organization: Organization) -> None:
    out, err = run("a@example.com", "--verbosity", "0")
    assert (out.count("\n"), err) == (1, "")


def test_what_cannot_be_is_refused_and_changes_nothing(
    organization: Organization, project: Project, user: User
) -> None:
    Membership.objects.create(user=user, organization=organization)
    run("twice@example.com")
    for _ in range(2):
        Project.objects.create(organization=organization, name="Twin")
    elsewhere = Project.objects.create(organization=Organization.objects.create(slug="o", name="O"), name="Theirs")
    cases: list[tuple[list[str], str]] = [
        ([user.email], "a member"),
        (["twice@example.com"], "an invite already"),
        (["nobody"], "valid email"),
        (["a@example.com", "--project", "Nowhere"], "no open project 'Nowhere'"),
        (["a@example.com", "--project", elsewhere.public_id], "no open project"),
        (["a@example.com", "--project", "Twin:owner"], "Several projects"),
        (["a@example.com", "--project", project.name, "--project", project.public_id], "listed twice"),
        (["a@example.com", "--organization", "nowhere"], "no organisation 'nowhere'"),
        (["a@example.com", "--role", "emperor"], "invalid choice"),
    ]
    for arguments, message in cases:
        with pytest.raises(CommandError, match=message):
            run(*arguments)
    assert Invite.objects.count() == 1


def test_it_is_written_down_as_done_by_the_command(organization: Organization) -> None:
    run("a@example.com")
    event = AuditEvent.objects.get(type="invite.sent")
    shown: dict[str, Any] = event.after or {}
    assert (event.source, event.actor_name, shown["email"]) == ("command", "manage.py invite", "a@example.com")
