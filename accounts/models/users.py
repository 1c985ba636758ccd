"""People."""

from collections.abc import Sequence
from typing import Any, ClassVar

from django.contrib.auth.models import AbstractUser
from django.contrib.auth.models import UserManager as DjangoUserManager
from django.db import models
from django.db.models.functions import Lower

from accounts import publicids
from accounts.models.remembered import Remembered, RememberedQuerySet


class UserManager(DjangoUserManager["User"]):
    """Django's manager of users, over the query set that forgets callers."""

    use_in_migrations = False

    def get_queryset(self) -> RememberedQuerySet["User"]:
        return RememberedQuerySet(self.model, using=self._db)


class User(Remembered, AbstractUser):
    """A person who signs in, or owns keys. The e-mail is required, unique, and kept in lower case.

    A user who is no longer active takes every key along.
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
        super().save(*args, **kwargs)

    def audited_in(self) -> Sequence[str]:
        """A person's account is written down in every organisation that the person is a member of."""
        return tuple(self.memberships.values_list("organization__public_id", flat=True))

    def audit_name(self) -> str:
        return self.email
