"""API keys."""

import logging
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, Literal

from django.core.exceptions import ValidationError
from django.db import DatabaseError, models, transaction
from django.utils import timezone

from accounts import keys, publicids, roles
from accounts.audit.snapshots import Json
from accounts.models import keyrules
from accounts.models.keyqueries import ApiKeyQuerySet
from accounts.models.keyrules import default_scopes, known_scopes
from accounts.models.organizations import Membership, Organization, Project
from accounts.models.remembered import Remembered
from accounts.models.serviceaccounts import ServiceAccount
from accounts.models.users import User
from accounts.origins import exact_origins
from accounts.principal import Principal
from accounts.roles import Role
from accounts.scopes import DEFAULT_ADMIN_SCOPES

logger = logging.getLogger(__name__)


class ApiKey(Remembered):
    """A key of a project, or, for an admin key, of a whole organisation. Its text is known only to whom it was given.

    Exactly one user or service account owns it. It falls with its owner, the owner's role, and its project. A
    publishable key may be public, and works on pages of its `origins`. `exposed_at` is when it was seen in a URL.

    Keys that replace each other by rotation are a `family`, named by the public id of the first of them: their calls
    are counted and charged together. See `accounts.rotation`.
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
    family = models.CharField(max_length=publicids.MAX_LENGTH, blank=True, editable=False)
    replaced_by = models.OneToOneField(
        "self", on_delete=models.SET_NULL, related_name="replaces", null=True, blank=True, editable=False
    )

    objects = ApiKeyQuerySet.as_manager()

    audit_kind = "api_key"
    audit_fields = (
        "public_id", "name", "organization", "project", "user", "service_account", "is_admin", "is_publishable",
        "scopes", "origins", "expires_at", "revoked_at", "exposed_at", "replaced_by",
    )  # fmt: skip
    audit_secrets = ("digest",)
    audit_final = (
        "public_id", "organization", "project", "user", "service_account", "is_admin", "is_publishable",
        "revoked_at", "exposed_at", "replaced_by",
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

    def save(self, *args: Any, **kwargs: Any) -> None:
        """A key that replaces none is the first of its family."""
        self.family = self.family or self.public_id
        super().save(*args, **kwargs)

    @classmethod
    def issue(cls, **fields: Any) -> tuple["ApiKey", str]:
        """Makes, saves and returns a key and its text, which nothing can show again.

        `fields` are those of the model. Scopes default to everything but `admin.*`, or to that alone for an admin
        key. Raises ValidationError, and saves nothing, where the fields do not fit together.
        """
        if fields.get("is_admin"):
            fields.setdefault("scopes", list(DEFAULT_ADMIN_SCOPES))
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
        """Raises ValidationError where the key's parts do not fit together; see `accounts.models.keyrules`."""
        super().clean()
        adding = self._state.adding
        keyrules.check(self, adding=adding, before=None if adding else ApiKey.objects.filter(pk=self.pk).first())

    @property
    def masked(self) -> str:
        """How the key is shown: `sk-lukhas-Ab3d…wxyz`."""
        return f"{self.prefix}…{self.last_four}"

    @property
    def kind(self) -> Literal["admin", "publishable", "secret"]:
        """Which of the three kinds of key this is."""
        return "admin" if self.is_admin else "publishable" if self.is_publishable else "secret"

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

    def expire(self, at: datetime | None = None) -> None:
        """Brings the end of the key forward to `at`, or to now. A key never lives longer by this.

        Raises ValidationError, and changes nothing, for a key that has ended, and for a moment after its end.
        """
        with transaction.atomic():
            key, now = self.locked(), timezone.now()
            keyrules.check_open(key, now)
            end = now if at is None else max(at, now)
            if key.expires_at is not None and end > key.expires_at:
                raise ValidationError(
                    f"The key expires on {key.expires_at:%Y-%m-%d %H:%M} UTC already: its life is never made longer.",
                    code="longer",
                )
            key.expires_at = end
            key.save(update_fields=["expires_at"])
        self.refresh_from_db(fields=["expires_at"])

    def narrow(self, scopes: Sequence[str]) -> None:
        """Leaves the key those of its scopes that are in `scopes`, all of which it must hold.

        Raises ValidationError, which names what it does not hold, and changes nothing, where that would be more than
        before, or nothing at all; and for a key that has ended.
        """
        with transaction.atomic():
            key = self.locked()
            keyrules.check_open(key, timezone.now())
            if more := [scope for scope in dict.fromkeys(scopes) if scope not in key.scopes]:
                raise ValidationError(f"The key does not hold: {', '.join(more)}.", code="more_scopes")
            if not scopes:
                raise ValidationError("No scope would be left: revoke the key instead.", code="no_scopes")
            key.scopes = [scope for scope in key.scopes if scope in scopes]
            key.save(update_fields=["scopes"])
        self.refresh_from_db(fields=["scopes"])

    def locked(self) -> "ApiKey":
        """Returns the key as it is in the database now, locked to the end of the transaction where that can be."""
        found = ApiKey.objects.with_owners().select_for_update(of=("self",), no_key=True)
        return found.get(pk=self.pk)

    def store_anew(self, digest: str) -> None:
        """Replaces a digest that was made with an older SECRET_KEY. A failed write is logged, and tried again with the
        next reading of the key: it does not fail the caller."""
        if self.digest == digest:
            return
        try:
            with transaction.atomic():
                # Not through the manager: what the key may do does not change, so nobody is to be forgotten.
                models.QuerySet(ApiKey).filter(pk=self.pk).update(digest=digest)
        except DatabaseError as error:
            logger.warning("The digest of key %s could not be stored anew: %s", self.public_id, error)

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
            key_family=self.family,
        )

    @classmethod
    def audit_action(cls, values: Json, changed: Collection[str]) -> str:
        return "organization.admin_keys.update" if values.get("is_admin") else "project.keys.delete"

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
