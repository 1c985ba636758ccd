"""People."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from django.apps import apps
from django.contrib.auth.models import AbstractUser
from django.contrib.auth.models import UserManager as DjangoUserManager
from django.db import models
from django.db.models.functions import Lower

from accounts import publicids
from accounts.audit.snapshots import State
from accounts.models.owners import owners_kept
from accounts.models.remembered import Remembered, RememberedQuerySet
from accounts.sessions.ending import EVERY, end_sessions, sparing

if TYPE_CHECKING:
    from accounts.models.organizations import Membership


def memberships_of(users: "models.QuerySet[User]") -> "models.QuerySet[Membership]":
    members: models.QuerySet[Membership] = apps.get_model("accounts", "Membership").objects.all()
    return members.filter(user__in=users.order_by().values("pk"))


class UserQuerySet(RememberedQuerySet["User"]):
    """Raises LastOwner, and changes nothing, for what would leave an organisation without an owner."""

    def update(self, **kwargs: Any) -> int:
        if "is_active" not in kwargs:
            return super().update(**kwargs)
        with owners_kept(memberships_of(self)):
            return super().update(**kwargs)

    def delete(self) -> tuple[int, dict[str, int]]:
        with owners_kept(memberships_of(self)):
            return super().delete()


class UserManager(DjangoUserManager["User"]):
    """Django's manager of users, over the query set that forgets callers."""

    use_in_migrations = False

    def get_queryset(self) -> UserQuerySet:
        return UserQuerySet(self.model, using=self._db)


class User(Remembered, AbstractUser):
    """A person who signs in, or owns keys. The e-mail is required, unique, and kept in lower case.

    A user who is no longer active takes every key along. A new password, other rights and deactivation end the user's
    sessions. The last owner of an organisation can neither be deactivated nor deleted: that raises LastOwner, and
    changes nothing.
    """

    public_id = models.CharField(
        "public id", max_length=publicids.MAX_LENGTH, unique=True, default=publicids.user_id, editable=False
    )
    email = models.EmailField("e-mail address", unique=True)

    objects: ClassVar[UserManager] = UserManager()

    audit_kind = "account"
    audit_fields = (
        "public_id", "username", "email", "first_name", "last_name", "is_active", "is_staff", "is_superuser",
    )  # fmt: skip
    audit_secrets = ("password",)
    audit_final = ("public_id", "is_staff", "is_superuser")

    class Meta(AbstractUser.Meta):
        constraints = (
            models.CheckConstraint(
                name="accounts_user_email_is_lower_case",
                condition=models.Q(email=Lower("email")),
                violation_error_message="An e-mail address is kept in lower case.",
            ),
            models.CheckConstraint(
                name="accounts_user_has_email",
                condition=~models.Q(email=""),
                violation_error_message="A user needs an e-mail address.",
            ),
        )

    def clean(self) -> None:
        super().clean()
        self.email = self.email.lower()

    def save(self, *args: Any, **kwargs: Any) -> None:
        self.email = self.email.lower()
        names = kwargs.get("update_fields")
        if names is not None and "is_active" not in names:  # signing in writes the time of it
            super().save(*args, **kwargs)
            return
        with owners_kept(memberships_of(User.objects.filter(pk=self.pk))):
            super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        with owners_kept(memberships_of(User.objects.filter(pk=self.pk)), self):
            return super().delete(*args, **kwargs)

    def get_full_name(self) -> str:
        """Returns the name, or the e-mail of somebody who has told none."""
        return super().get_full_name() or self.email

    def audited_in(self) -> Sequence[str]:
        """A person's account is written down in every organisation that the person is a member of."""
        return tuple(self.memberships.values_list("organization__public_id", flat=True))

    def audit_name(self) -> str:
        return self.email

    def check_password(self, raw_password: str | None) -> bool:
        """As Django's, which stores a right password anew where the hasher has changed: that is no new password."""
        with sparing(EVERY):
            return super().check_password(raw_password)

    def follow_change(self, before: State | None, after: State | None) -> None:
        """Ends the sessions of a user who was made inactive, or whose password or rights on the staff pages changed."""
        if before is None or after is None:
            return
        if after.shown["is_active"] is False:
            end_sessions(self, "deactivated")
        elif before.secret["password"] != after.secret["password"]:
            end_sessions(self, "password")
        elif any(before.shown[name] != after.shown[name] for name in ("is_staff", "is_superuser")):
            end_sessions(self, "role")
