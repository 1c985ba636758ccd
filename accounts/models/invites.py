"""Invites to an organisation."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Literal

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.db.models.functions import Lower
from django.utils import timezone

from accounts import keys, publicids
from accounts.audit.snapshots import Json
from accounts.models.audited import Audited, AuditedQuerySet
from accounts.models.organizations import Membership, Organization, ProjectMembership
from accounts.models.users import User
from accounts.roles import Role

PURPOSE = b"lukhas.accounts.invites"
RANDOM_CHARACTERS = 43
"""62 ** 43 is more than 2 ** 256."""
LONGEST_EMAIL = 150
"""The e-mail of whoever accepts becomes the user name, which can be as long."""
ROLES = [role.value for role in Role]


class CannotInvite(ValidationError):
    """Why somebody is not invited; `code` is `already_member` or `already_invited`."""


def known_projects(projects: object) -> None:
    """Raises ValidationError unless `projects` is a list of `{"id": …, "role": …}`, each id once."""
    if not isinstance(projects, list) or not all(isinstance(each, dict) for each in projects):
        raise ValidationError("Projects are a list of objects.", code="not_a_list")
    if not all(set(each) == {"id", "role"} and each["role"] in ROLES for each in projects):
        raise ValidationError("A project is named by its id, with a role.", code="not_a_project")
    if len({each["id"] for each in projects}) != len(projects):
        raise ValidationError("A project is listed twice.", code="duplicate_project")


class InviteQuerySet(AuditedQuerySet["Invite"]):
    def standing(self) -> "InviteQuerySet":
        """Returns the invites that were not deleted."""
        return self.filter(deleted_at__isnull=True)

    def open(self) -> "InviteQuerySet":
        """Returns those that were neither deleted nor accepted. They may have expired."""
        return self.standing().filter(accepted_at__isnull=True)

    def with_token(self, token: str) -> "InviteQuerySet":
        """Returns the invite, if there is one, whose token this is: it is found by its whole digest."""
        return self.filter(digest__in=keys.digests(token, PURPOSE))


class Invite(Audited):
    """Somebody is asked, by e-mail, to join an organisation in a role, and some of its projects.

    The token that accepts it is known only to whom it was sent. What was deleted or accepted stays, so that whoever
    comes back with the token is told why it does not work.
    """

    public_id = models.CharField(
        "public id", max_length=publicids.MAX_LENGTH, unique=True, default=publicids.invite_id, editable=False
    )
    organization = models.ForeignKey(
        Organization, on_delete=models.CASCADE, related_name="invites", verbose_name="organisation"
    )
    email = models.EmailField("e-mail address", max_length=LONGEST_EMAIL)
    role = models.CharField(max_length=10, choices=Role.choices)
    projects = models.JSONField(default=list, blank=True, validators=[known_projects])
    digest = models.CharField(max_length=64, unique=True, editable=False)
    created_at = models.DateTimeField("sent", default=timezone.now, editable=False)
    expires_at = models.DateTimeField("expires")
    accepted_at = models.DateTimeField("accepted", null=True, blank=True, editable=False)
    deleted_at = models.DateTimeField("deleted", null=True, blank=True, editable=False)

    objects = InviteQuerySet.as_manager()

    audit_kind = "invite"
    audit_fields = (
        "public_id", "organization", "email", "role", "projects", "expires_at", "accepted_at", "deleted_at",
    )  # fmt: skip
    audit_secrets = ("digest",)
    audit_final = audit_fields

    class Meta:
        constraints = (
            models.UniqueConstraint(
                name="accounts_invite_one_open",
                fields=["organization", "email"],
                condition=models.Q(accepted_at__isnull=True, deleted_at__isnull=True),
                violation_error_message="This e-mail has an invite already.",
            ),
            models.CheckConstraint(
                name="accounts_invite_role_known", condition=models.Q(role__in=["owner", "admin", "member", "viewer"])
            ),
            models.CheckConstraint(
                name="accounts_invite_email_is_lower_case", condition=models.Q(email=Lower("email"))
            ),
        )

    def __str__(self) -> str:
        return f"{self.email}, {self.role} of {self.organization}"

    @classmethod
    def issue(
        cls, organization: Organization, email: str, role: Role, projects: Sequence[dict[str, str]] = ()
    ) -> tuple["Invite", str]:
        """Makes, saves and returns an invite and its token, which nothing can show again. It is not sent.

        Takes the place of one that has expired. Raises CannotInvite for a member, and for who has an invite that can
        still be accepted; ValidationError where the fields are not valid.
        """
        now = timezone.now()
        token = publicids.random_text(RANDOM_CHARACTERS)
        with transaction.atomic():
            Organization.objects.filter(pk=organization.pk).lock()
            if Membership.objects.filter(organization=organization, user__email=email.lower()).exists():
                raise CannotInvite("This is a member of the organisation already.", code="already_member")
            for open_one in cls.objects.open().filter(organization=organization, email=email.lower()):
                if open_one.status(now) == "pending":
                    raise CannotInvite("This e-mail has an invite already.", code="already_invited")
                open_one.withdraw()
            invite = cls(
                organization=organization,
                email=email.lower(),
                role=role,
                projects=list(projects),
                digest=keys.digest(token, purpose=PURPOSE),
                created_at=now,
                expires_at=now + timedelta(days=settings.LUKHAS_INVITE_DAYS),
            )
            invite.full_clean(validate_unique=False, validate_constraints=False)
            invite.save()
        return invite, token

    def status(self, now: datetime) -> Literal["accepted", "expired", "pending"]:
        """Returns what has become of the invite; only of one that was not deleted."""
        if self.accepted_at is not None:
            return "accepted"
        return "expired" if self.expires_at <= now else "pending"

    def withdraw(self) -> None:
        """Deletes the invite: its token is of no use any more."""
        self.deleted_at = timezone.now()
        self.save(update_fields=["deleted_at"])

    def accept(self, user: User) -> None:
        """Makes `user` what the invite promises. Roles that the user has already stay; projects that have been archived
        are left out."""
        member, _ = Membership.objects.get_or_create(
            user=user, organization=self.organization, defaults={"role": self.role}
        )
        promised = {each["id"]: each["role"] for each in self.projects}
        for project in self.organization.projects.filter(archived_at__isnull=True, public_id__in=promised):
            ProjectMembership.objects.get_or_create(
                membership=member, project=project, defaults={"role": promised[project.public_id]}
            )
        self.accepted_at = timezone.now()
        self.save(update_fields=["accepted_at"])

    def audited_in(self) -> Sequence[str]:
        return (self.organization.public_id,)

    def audit_name(self) -> str:
        return self.email

    def audit_type(self, before: Json | None, after: Json | None) -> str:
        if before is None:
            return "invite.sent"
        became: dict[str, Any] = after or {}
        if before["accepted_at"] != became.get("accepted_at"):
            return "invite.accepted"
        return (
            "invite.deleted" if before["deleted_at"] != became.get("deleted_at") else super().audit_type(before, after)
        )
