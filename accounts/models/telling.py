"""What alerts have in common: who is told, by mail and by a signed webhook, and what became of telling it. How it is
told: `accounts.alerts`.
"""

from abc import abstractmethod
from datetime import datetime, timedelta
from typing import Any, ClassVar, TypeVar

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import models
from django.utils import timezone

from accounts.audit.snapshots import Json
from lukhas_site.http.destinations import http_url

Row = TypeVar("Row", bound="Notice")

MOST_RECIPIENTS = 50
OVERLAP = timedelta(days=1)
"""For so long after a webhook's secret was exchanged, what is sent is signed with the former one as well."""


def mail_addresses(value: object) -> None:
    """Raises ValidationError unless `value` is a list of e-mail addresses, each once."""
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise ValidationError("A list of e-mail addresses.", code="address")
    if len(value) > MOST_RECIPIENTS:
        raise ValidationError(f"At most {MOST_RECIPIENTS} e-mail addresses.", code="too_many")
    for each in value:
        try:
            validate_email(each)
        except ValidationError as error:
            raise ValidationError(f"{each[:254]!r} is no e-mail address.", code="address") from error
    if len({each.lower() for each in value}) != len(value):
        raise ValidationError("An e-mail address is there twice.", code="twice")


def webhook_url(value: str) -> None:
    """Raises ValidationError for an address that is not called."""
    if "#" in value:
        raise ValidationError("The URL has no fragment.", code="invalid")
    http_url(value)


def one_line(value: str) -> None:
    """Raises ValidationError for what cannot stand in the subject of a mail."""
    if not value.isprintable():
        raise ValidationError("Characters that can be printed only.", code="invalid")


class Alerting(models.Model):
    """Tells people by mail, a program by a webhook, or both. Its notices say what.

    `secret_version` counts how often the webhook's secret was exchanged; see `accounts.alerts.signing`. A model has a
    `public_id` of its own, too.
    """

    public_id: Any
    recipients = models.JSONField(default=list, blank=True, validators=[mail_addresses])
    subject_prefix = models.CharField(max_length=100, blank=True, validators=[one_line])
    webhook_url = models.CharField("webhook URL", max_length=500, blank=True, validators=[webhook_url])
    secret_version = models.PositiveIntegerField(default=1, editable=False)
    secret_changed_at = models.DateTimeField("secret exchanged", null=True, blank=True, editable=False)

    class Meta:
        abstract = True

    def destinations(self) -> list[str]:
        """Returns where it is sent: addresses of mail, and the webhook's URL."""
        return [*self.recipients, *([self.webhook_url] if self.webhook_url else [])]

    def told(self) -> str:
        """Who is told, in words."""
        return ", ".join([*self.recipients, *(["a webhook"] if self.webhook_url else [])])

    def exchange_secret(self) -> None:
        """Gives the webhook another secret. The former one goes on signing as well for a day."""
        self.secret_version += 1
        self.secret_changed_at = timezone.now()
        self.save(update_fields=["secret_version", "secret_changed_at"])

    def secret_versions(self, now: datetime) -> list[int]:
        """Returns the versions of the secret that sign what is sent `now`, the current one first."""
        former = self.secret_changed_at is not None and now < self.secret_changed_at + OVERLAP
        return [self.secret_version, *([self.secret_version - 1] if former else [])]


class NoticeQuerySet(models.QuerySet[Row]):
    @abstractmethod
    def with_alerts(self) -> "NoticeQuerySet[Row]":
        """Returns the notices with what they are told by, read in the same query."""

    def due(self, now: datetime) -> "NoticeQuerySet[Row]":
        """Returns the open notices that nobody has claimed, with their alerts, those that wait longest first."""
        found = self.filter(told_at=None, given_up_at=None, next_try_at__lte=now)
        return found.with_alerts().order_by("next_try_at", "pk")

    def try_again(self) -> int:
        """Has those tried again, as often as new ones, that could not be told to everybody. Returns how many."""
        failed = self.filter(told_at=None).exclude(error="")  # without an error somebody is at it
        return failed.update(given_up_at=None, attempts=0, next_try_at=timezone.now())


class Notice(models.Model):
    """Something to be told once. It is open until everybody was told, or telling was given up. Whoever tells holds it
    until `next_try_at`; after a crash somebody else takes it from then on.

    A model says in `kind` what the log calls it, in `event_type` what the webhook does, and what is told of it; and has
    a `public_id`, and an `alert`, which knows where it is sent.
    """

    kind: ClassVar[str]
    event_type: ClassVar[str]
    public_id: Any
    alert: Any
    told = models.JSONField("told", default=list)
    attempts = models.PositiveIntegerField(default=0)
    next_try_at = models.DateTimeField("next try", default=timezone.now)
    told_at = models.DateTimeField("everybody told", null=True, blank=True)
    given_up_at = models.DateTimeField("given up", null=True, blank=True)
    error = models.CharField("last failure", max_length=500, blank=True)

    class Meta:
        abstract = True

    @abstractmethod
    def subject(self) -> str:
        """The subject of the mail; line breaks in it count as spaces."""

    @abstractmethod
    def text(self) -> str:
        """The text of the mail."""

    @abstractmethod
    def happened_at(self) -> datetime:
        """When it was that is told of."""

    @abstractmethod
    def data(self) -> Json:
        """What the webhook is told of it; the same at every try."""

    def claim(self, until: datetime) -> bool:
        """Claims it for this process, for one more attempt. Returns False where another one was faster."""
        return self._change(next_try_at=until, attempts=self.attempts + 1, error="")

    def renew(self, until: datetime) -> bool:
        """Writes down who was told, and claims it for longer. Returns False where the claim has been lost."""
        return self._change(next_try_at=until, told=self.told)

    def end(self, **outcome: Any) -> bool:
        """Gives the claim back with what came of it. Returns False where it has been lost."""
        return self._change(**outcome)

    def _change(self, **values: Any) -> bool:
        """Writes `values` unless somebody else has written since it was read: every change of a claim moves its end."""
        rows: Any = models.QuerySet(type(self))
        mine = rows.filter(pk=self.pk, told_at=None, given_up_at=None, next_try_at=self.next_try_at)
        if not mine.update(**values):
            return False
        for name, value in values.items():
            setattr(self, name, value)
        return True

    @property
    def state(self) -> str:
        """What has become of it, in a word or two."""
        if self.told_at is not None:
            return "told"
        if self.given_up_at is not None:
            return "given up"
        return "to be tried again" if self.error else "being told"
