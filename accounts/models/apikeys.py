"""API keys."""

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Literal

from django.core.exceptions import ValidationError
from django.db import DatabaseError, models, transaction
from django.utils import timezone

from accounts import keys, publicids, roles
from accounts.audit.snapshots import Json
from accounts.models.organizations import Membership, Organization, Project, ProjectMembership
from accounts.models.remembered import Remembered, RememberedQuerySet
from accounts.models.serviceaccounts import ServiceAccount
from accounts.models.users import User
from accounts.origins import exact_origins
from accounts.principal import Principal
from accounts.roles import Role
from accounts.scopes import ADMIN_SCOPES, DEFAULT_SCOPES, PUBLISHABLE_SCOPES, unknown

logger = logging.getLogger(__name__)

USE_RECORDED_EVERY = timedelta(minutes=1)


class ApiKeyQuerySet(RememberedQuerySet["ApiKey"]):
    def with_owners(self) -> "ApiKeyQuerySet":
        """Returns the keys with everything that tells who calls, read in the same query."""
        return self.select_related("organization", "project", "user", "service_account")

    def with_roles(self) -> "ApiKeyQuerySet":
        """Returns the keys with the roles of the users who own them, read in the same query."""
        member = Membership.objects.filter(user=models.OuterRef("user"), organization=models.OuterRef("organization"))
        in_project = ProjectMembership.objects.filter(
            membership__user=models.OuterRef("user"), project=models.OuterRef("project")
        )
        return self.annotate(
            held_in_organization=models.Subquery(member.values("role")[:1]),
            held_in_project=models.Subquery(in_project.values("role")[:1]),
        )

    def revoke(self) -> int:
        """Revokes those that are not revoked yet. Returns how many that were."""
        return self.filter(revoked_at__isnull=True).update(revoked_at=timezone.now())


def known_scopes(scopes: object) -> None:
    """Raises ValidationError unless `scopes` is a list of scopes that exist, each once."""
    if not isinstance(scopes, list) or not all(isinstance(scope, str) for scope in scopes):
        raise ValidationError("Scopes are a list of texts.", code="not_a_list")
    if strange := unknown(scopes):
        raise ValidationError(f"Unknown scopes: {', '.join(strange)}.", code="unknown_scope")
    if len(set(scopes)) != len(scopes):
        raise ValidationError("A scope is listed twice.", code="duplicate_scope")


def default_scopes() -> list[str]:
    return list(DEFAULT_SCOPES)


class ApiKey(Remembered):
    """A key of a project, or, for an admin key, of a whole organisation. Its text is known only to whom it was given.

    Exactly one user or service account owns it. It falls with its owner, the owner's role, and its project. A
    publishable key may be public, and works on pages of its `origins`. `exposed_at` is when it was seen in a URL.
    """

    public_id = models.CharField(
        "public id", max_length=publicids.MAX_LENGTH, unique=True, default=publicids.key_id, editable=False
    )
    name = models.CharField(max_length=200)
    organization = models.ForeignKey(
        Organization, on_delete=models.PROTECT, related_name="api_keys", verbose_name="organisation"
    )
    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="api_keys", null=True, blank=True)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="api_keys", null=True, blank=True)
    service_account = models.ForeignKey(
        ServiceAccount, on_delete=models.CASCADE, related_name="api_keys", null=True, blank=True
    )
    digest = models.CharField(max_length=64, unique=True, editable=False)
    prefix = models.CharField(max_length=24, editable=False)
    last_four = models.CharField(max_length=4, editable=False)
    scopes = models.JSONField(default=default_scopes, validators=[known_scopes])
    is_admin = models.BooleanField("admin key", default=False)
    is_publishable = models.BooleanField("publishable key", default=False)
    origins = models.JSONField(default=list, blank=True, validators=[exact_origins])
    created_at = models.DateTimeField("created", default=timezone.now, editable=False)
    expires_at = models.DateTimeField("expires", null=True, blank=True)
    revoked_at = models.DateTimeField("revoked", null=True, blank=True, editable=False)
    last_used_at = models.DateTimeField("last used", null=True, blank=True, editable=False)
    exposed_at = models.DateTimeField("exposed", null=True, blank=True, editable=False)

    objects = ApiKeyQuerySet.as_manager()

    audit_kind = "api_key"
    audit_fields = (
        "public_id", "name", "organization", "project", "user", "service_account", "is_admin", "is_publishable",
        "scopes", "origins", "expires_at", "revoked_at", "exposed_at",
    )  # fmt: skip
    audit_secrets = ("digest",)
    audit_final = (
        "public_id", "organization", "project", "user", "service_account", "is_admin", "is_publishable",
        "revoked_at", "exposed_at",
    )  # fmt: skip

    class Meta:
        verbose_name = "API key"
        constraints = (
            models.CheckConstraint(
                name="accounts_apikey_one_owner",
                condition=models.Q(user__isnull=False, service_account__isnull=True)
                | models.Q(user__isnull=True, service_account__isnull=False),
                violation_error_message="A key is owned by either a user or a service account.",
            ),
            models.CheckConstraint(
                name="accounts_apikey_project_unless_admin",
                condition=models.Q(is_admin=True, project__isnull=True)
                | models.Q(is_admin=False, project__isnull=False),
                violation_error_message="A key has a project, unless it is an admin key, which has none.",
            ),
            models.CheckConstraint(
                name="accounts_apikey_admin_or_publishable",
                condition=models.Q(is_admin=False) | models.Q(is_publishable=False),
                violation_error_message="An admin key cannot be publishable.",
            ),
        )

    def __str__(self) -> str:
        return f"{self.name} ({self.masked})"

    @classmethod
    def issue(cls, **fields: Any) -> tuple["ApiKey", str]:
        """Makes, saves and returns a key and its text, which nothing can show again.

        `fields` are those of the model. Scopes default to everything but `admin.*`, or to that alone for an admin
        key. Raises ValidationError, and saves nothing, where the fields do not fit together.
        """
        if fields.get("is_admin"):
            fields.setdefault("scopes", list(ADMIN_SCOPES))
        key = cls(**fields)
        token = key.write(keys.generate(admin=key.is_admin, publishable=key.is_publishable))
        key.full_clean()
        key.save()
        return key, token

    def write(self, token: str) -> str:
        """Makes `token` the text of this key, without saving. Returns it."""
        self.digest = keys.digest(token)
        self.prefix = keys.shown_prefix(token)
        self.last_four = token[-4:]
        return token

    def clean(self) -> None:
        """Raises ValidationError where project, owner, organisation and scopes do not belong together, and where a
        new key would not work from the start."""
        super().clean()
        if self.project is not None and self.project.organization_id != self.organization_id:
            raise ValidationError("The project is of another organisation.")
        if self.service_account is not None:
            home = self.service_account.project
            if self.project is not None and home != self.project:
                raise ValidationError("The service account is of another project.")
            if home.organization_id != self.organization_id:
                raise ValidationError("The service account is of another organisation.")
        self.clean_publishing()
        if isinstance(self.scopes, list) and any((scope in ADMIN_SCOPES) != self.is_admin for scope in self.scopes):
            raise ValidationError("Admin keys hold admin scopes only, and no other key holds one.")
        if self._state.adding:
            self.clean_new()

    def clean_publishing(self) -> None:
        """Raises ValidationError where a publishable key could do harm, and where a secret one has origins."""
        if not self.is_publishable:
            if self.origins:
                raise ValidationError("Only a publishable key has origins.")
            return
        if not self.origins:
            raise ValidationError("A publishable key needs the origins of the pages that may use it.")
        if isinstance(self.scopes, list) and not (self.scopes and set(self.scopes) <= set(PUBLISHABLE_SCOPES)):
            raise ValidationError(f"A publishable key holds {' or '.join(PUBLISHABLE_SCOPES)}, and no other scope.")

    def clean_new(self) -> None:
        """Raises ValidationError where the key would be born expired or fallen, or its owner may not have it."""
        if self.project is not None and self.project.archived_at is not None:
            raise ValidationError("The project is archived: the key would not work.")
        if self.user is not None and not self.user.is_active:
            raise ValidationError("The user is not active: the key would not work.")
        if self.expires_at is not None and self.expires_at <= timezone.now():
            raise ValidationError("The key would have expired already.")
        if self.organization_id is None or (self.user is None) == (self.service_account is None):
            return
        role = self.owner_role()
        if self.is_admin and not roles.includes(role, Role.ADMIN):
            raise ValidationError("An admin key needs an owner who is an owner or admin of the organisation.")
        if role is None:
            raise ValidationError("The owner has no role in the project: the key would not work.")

    @property
    def masked(self) -> str:
        """How the key is shown: `sk-lukhas-Ab3d…wxyz`."""
        return f"{self.prefix}…{self.last_four}"

    @property
    def owner(self) -> User | ServiceAccount:
        """The one who owns the key. Raises ValueError for a key that has not been validated yet and has none."""
        owner = self.user or self.service_account
        if owner is None:
            raise ValueError("This key has no owner.")
        return owner

    def owner_role(self) -> Role | None:
        """Returns what the owner is where the key acts: in its project, or, for an admin key, in the organisation.

        Reads nothing more where the key was read `with_owners` and `with_roles`.
        """
        if self.service_account is not None:
            account = self.service_account
            return roles.known(account.organization_role if self.is_admin else account.role)
        read = vars(self)
        if "held_in_organization" in read:
            in_organization, in_project = read["held_in_organization"], read["held_in_project"]
        else:
            in_organization, in_project = Membership.roles_of(self.user, self.organization, self.project)
        return roles.known(in_organization) if self.is_admin else roles.in_project(in_organization, in_project)

    def state(self, now: datetime) -> Literal["active", "revoked", "expired", "fallen"]:
        """Returns whether the key works at `now`, and if not, why: `fallen` with its owner, its owner's role or its
        project."""
        if self.revoked_at is not None:
            return "revoked"
        if self.expires_at is not None and self.expires_at <= now:
            return "expired"
        if (self.user is not None and not self.user.is_active) or (
            self.project is not None and self.project.archived_at is not None
        ):
            return "fallen"
        return "fallen" if self.owner_role() is None else "active"

    def revoke(self) -> bool:
        """Ends the key, at once in this process. Returns whether that changed anything."""
        changed = ApiKey.objects.filter(pk=self.pk).revoke() > 0
        self.refresh_from_db(fields=["revoked_at"])
        return changed

    def record_use(self, digest: str, now: datetime) -> None:
        """Writes `last_used_at`, at most once a minute, and `digest` where the stored one is of an older SECRET_KEY.

        A failed write is logged and tried again with the next reading of the key: it does not fail the caller.
        """
        changes: dict[str, Any] = {}
        if self.digest != digest:
            changes["digest"] = digest
        if self.last_used_at is None or now - self.last_used_at >= USE_RECORDED_EVERY:
            changes["last_used_at"] = now
        if not changes:
            return
        try:
            with transaction.atomic():
                # Not through the manager: that would forget every caller once a minute for each key.
                models.QuerySet(ApiKey).filter(pk=self.pk).update(**changes)
        except DatabaseError as error:
            logger.warning("The use of key %s could not be recorded: %s", self.public_id, error)

    def principal(self) -> Principal:
        """Returns who calls with this key. Reads nothing more where the key was read `with_owners` and `with_roles`."""
        owner, role = self.owner, self.owner_role()
        return Principal(
            key_id=self.public_id,
            key_name=self.name,
            organization_id=self.organization.public_id,
            organization=self.organization.slug,
            project_id=self.project.public_id if self.project else None,
            project=self.project.name if self.project else None,
            owner_kind="user" if isinstance(owner, User) else "service_account",
            owner_id=owner.public_id,
            scopes=roles.within(self.scopes, role),
            is_admin=self.is_admin,
            role=role,
            owner_name=owner.email if isinstance(owner, User) else owner.name,
            origins=frozenset(self.origins) if self.is_publishable else None,
        )

    def audited_in(self) -> Sequence[str]:
        return (self.organization.public_id,)

    def audited_project(self) -> tuple[str, str]:
        return (self.project.public_id, self.project.name) if self.project else ("", "")

    def audit_name(self) -> str:
        return self.name

    def audit_type(self, before: Json | None, after: Json | None) -> str:
        """A revoked key is gone for everybody, as is one that is deleted on the wire."""
        if before and after and before["revoked_at"] != after["revoked_at"]:
            return "api_key.deleted"
        if before and after and before["exposed_at"] != after["exposed_at"]:
            return "api_key.exposed"
        return super().audit_type(before, after)
