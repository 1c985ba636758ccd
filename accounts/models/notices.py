"""That the threshold of a spend alert was reached, and what became of telling it. How it is told: `accounts.alerts`."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from django.db import models, transaction
from django.utils import timezone

from accounts import publicids
from accounts.audit.snapshots import Json
from accounts.models.alerts import SpendAlert, alert_changes
from accounts.models.limits import MICRO, BudgetPeriod
from accounts.models.organizations import Organization
from accounts.models.telling import Notice, NoticeQuerySet

CENTS = 100
TEXT = """{scope} has spent ${spent} {when}.

This alert was set for ${threshold} {period}. It was reached at {reached} UTC, and is told once.

Alert: {alert}
{kind}: {id}
"""


def end_of(period: str, start: date) -> date:
    """Returns the first day after the day or month that begins with `start`."""
    if period == BudgetPeriod.DAY:
        return start + timedelta(days=1)
    return (start.replace(day=1) + timedelta(days=32)).replace(day=1)


class SpendNoticeQuerySet(NoticeQuerySet["SpendNotice"]):
    def open(self, alert: SpendAlert, period: str, start: date, micro: int) -> bool:
        """Writes down that an alert's threshold was reached. Returns False where that is known already, and where the
        alert is gone or was changed in the meantime."""
        with transaction.atomic():
            # Held, so that it cannot go while the notice is made.
            held = SpendAlert.objects.select_for_update().filter(pk=alert.pk, threshold=alert.threshold, period=period)
            if held.first() is None:
                return False
            known = self.filter(alert=alert, period=period, start=start, threshold=alert.threshold)
            if known.exists():
                return False
            self.create(alert=alert, period=period, start=start, threshold=alert.threshold, micro=micro)
            return True

    def with_alerts(self) -> "SpendNoticeQuerySet":
        return self.select_related("alert__organization", "alert__project__organization")

    def try_again(self) -> int:
        found = super().try_again()
        alert_changes.note()
        return found


class SpendNotice(Notice):
    """That a threshold was reached, once: one row an alert, a period and a threshold, whichever process sees it
    first."""

    public_id = models.CharField(
        "public id", max_length=publicids.MAX_LENGTH, unique=True, default=publicids.spend_notice_id, editable=False
    )
    alert = models.ForeignKey(SpendAlert, on_delete=models.CASCADE, related_name="notices")
    period = models.CharField(max_length=10, choices=BudgetPeriod)
    start = models.DateField("first day")
    threshold = models.DecimalField(max_digits=10, decimal_places=2)
    micro = models.BigIntegerField("micro-dollars")
    reached_at = models.DateTimeField("reached", default=timezone.now)

    objects = SpendNoticeQuerySet.as_manager()

    kind = "spend_alert"
    event_type = "spend_alert.reached"

    class Meta:
        default_permissions = ("view",)
        constraints = (
            models.UniqueConstraint(name="accounts_spendnotice_once", fields=["alert", "period", "start", "threshold"]),
        )
        indexes = (
            models.Index(
                name="accounts_spendnotice_open",
                fields=["next_try_at"],
                condition=models.Q(told_at__isnull=True, given_up_at__isnull=True),
            ),
        )

    def __str__(self) -> str:
        return f"${self.threshold:,.2f} {self.get_period_display()}, {self.start}"

    @property
    def spent(self) -> Decimal:
        """What was spent when the threshold was seen to be reached, in US dollars."""
        return Decimal(self.micro) / MICRO

    def when(self) -> str:
        """The period in words: `in November 2026 (UTC)`."""
        if self.period == BudgetPeriod.DAY:
            return f"on {self.start:%Y-%m-%d} (UTC)"
        return f"in {self.start:%B %Y} (UTC)"

    def subject(self) -> str:
        prefix = self.alert.subject_prefix or "Spend alert"
        return f"{prefix}: {self.alert.scope} has reached ${self.threshold:,.2f} {self.when()}"

    def text(self) -> str:
        alert = self.alert
        kind = "Organisation" if isinstance(alert.scope, Organization) else "Project"
        return TEXT.format(
            scope=f"{kind} {alert.scope}",
            spent=f"{self.spent:,.2f}",
            when=self.when(),
            threshold=f"{self.threshold:,.2f}",
            period=self.get_period_display(),
            reached=f"{self.reached_at.astimezone(UTC):%Y-%m-%d %H:%M:%S}",
            alert=alert.public_id,
            kind=kind,
            id=alert.scope.public_id,
        )

    def happened_at(self) -> datetime:
        return self.reached_at

    def data(self) -> Json:
        """Amounts are in whole cents, what was spent rounded down."""
        alert = self.alert
        project = alert.project
        return {
            "alert_id": alert.public_id,
            "organization": {"id": alert.home.public_id, "name": alert.home.name},
            "project": None if project is None else {"id": project.public_id, "name": project.name},
            "threshold_amount": int(self.threshold * CENTS),
            "spent_amount": self.micro * CENTS // MICRO,
            "currency": "USD",
            "interval": self.period,
            "interval_start": self.start.isoformat(),
        }
