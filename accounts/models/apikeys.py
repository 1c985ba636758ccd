"""What authenticates: service accounts and API keys."""

import logging
from datetime import datetime, timedelta
from typing import Any, Literal

from django.core.exceptions import ValidationError
from django.db import DatabaseError, models, transaction
from django.utils import timezone

from accounts import keys, publicids
from accounts.models.organizations import Organization, Project
from accounts.models.remembered import Remembered, RememberedQuerySet
from accounts.models.users import User
from accounts.principal import Principal
from accounts.scopes import ADMIN_SCOPES, DEFAULT_SCOPES, unknown

logger = logging.getLogger(__name__)

USE_RECORDED_EVERY = timedelta(minutes=1)


class ServiceAccount(Remembered):
    """A program that owns keys of one project. Deleting it deletes its keys."""

    public_id = models.CharField(
        "public id", max_length=publicids.MAX_LENGTH, unique=True, default=publicids.service_account_id, editable=False
    )
    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="service_accounts")
    name = models.CharField(max_length=200)
    created_at = models.DateTimeField("created", default=timezone.now, editable=False)

    objects = RememberedQuerySet["ServiceAccount"].as_manager()

    class Meta:
        constraints = (
            models.UniqueConstraint(
                name="accounts_serviceaccount_name_once",
                fields=["project", "name"],
                violation_error_message="The project has a service account of this name already.",
            ),
        )

    def __str__(self) -> str:
        return self.name


class ApiKeyQuerySet(RememberedQuerySet["ApiKey"]):
    def with_owners(self) -> "ApiKeyQuerySet":
        """Returns the keys with everything that tells who calls, read in the same query."""
        return self.select_related("organization", "project", "user", "service_account")

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

    It is owned by exactly one user or service account and falls with it; a key of a project falls with the project.
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
    created_at = models.DateTimeField("created", default=timezone.now, editable=False)
    expires_at = models.DateTimeField("expires", null=True, blank=True)
    revoked_at = models.DateTimeField("revoked", null=True, blank=True, editable=False)
    last_used_at = models.DateTimeField("last used", null=True, blank=True, editable=False)

    objects = ApiKeyQuerySet.as_manager()

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
        token = key.write(keys.generate(admin=key.is_admin))
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
        if isinstance(self.scopes, list) and any((scope in ADMIN_SCOPES) != self.is_admin for scope in self.scopes):
            raise ValidationError("Admin keys hold admin scopes only, and no other key holds one.")
        if self._state.adding:
            self.clean_new()

    def clean_new(self) -> None:
        """Raises ValidationError where the key would be born expired or fallen."""
        if self.project is not None and self.project.archived_at is not None:
            raise ValidationError("The project is archived: the key would not work.")
        if self.user is not None and not self.user.is_active:
            raise ValidationError("The user is not active: the key would not work.")
        if self.expires_at is not None and self.expires_at <= timezone.now():
            raise ValidationError("The key would have expired already.")

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

    def state(self, now: datetime) -> Literal["active", "revoked", "expired", "fallen"]:
        """Returns whether the key works at `now`, and if not, why: `fallen` with its owner or its project."""
        if self.revoked_at is not None:
            return "revoked"
        if self.expires_at is not None and self.expires_at <= now:
            return "expired"
        if (self.user is not None and not self.user.is_active) or (
            self.project is not None and self.project.archived_at is not None
        ):
            return "fallen"
        return "active"

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
        """Returns who calls with this key. Reads nothing more where the key was read `with_owners`."""
        owner = self.owner
        return Principal(
            key_id=self.public_id,
            key_name=self.name,
            organization_id=self.organization.public_id,
            organization=self.organization.slug,
            project_id=self.project.public_id if self.project else None,
            project=self.project.name if self.project else None,
            owner_kind="user" if isinstance(owner, User) else "service_account",
            owner_id=owner.public_id,
            scopes=frozenset(self.scopes),
            is_admin=self.is_admin,
        )
