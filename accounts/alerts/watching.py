"""Seeing that a threshold was reached, and having it told, in a thread beside those that serve.

`spending` says what it has written; what that touches is compared with the alerts of this process's copy. Every ten
seconds the copy is read anew, all of it compared, and told what is due, whoever saw it. Without alerts that one query
is all.
"""

import threading
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from time import monotonic

from django.db import close_old_connections
from django.utils import timezone

from accounts.alerts.telling import Teller
from accounts.limits.keeper import Keeper
from accounts.limits.rules import Account
from accounts.models import SpendAlert, SpendNotice
from accounts.models.alerts import alert_changes
from accounts.models.limits import BudgetPeriod, Spend
from accounts.models.notices import end_of

LOOK = 10.0
"""Seconds between two looks at the database for what others did."""

Reached = tuple[int, str, date, int]
"""Alert, period, its first day, and the threshold in micro-dollars."""


class Watch:
    """What one process does for alerts, a round every second."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self.clock = clock
        self.keeper = Keeper(self.round, "alerts")
        self.teller = Teller()
        self.lock = threading.Lock()
        self.forget()

    def forget(self) -> None:
        """Knows nothing, as if the process had just begun."""
        with self.lock:
            self.alerts: Sequence[SpendAlert] = ()
            self.changes = -1
            self.looked_at = 0.0
            self.touched: set[str] = set()
            self.reached: set[Reached] = set()

    def note(self, accounts: Iterable[Account]) -> None:
        """Takes what was written of spending. Without alerts it costs nothing; never waits for the database."""
        if self.alerts:
            with self.lock:
                self.touched.update(scope for scope, _, _ in accounts)

    def round(self) -> None:
        """Compares what was touched, or everything where it is time to, and has it told. Raises DatabaseError."""
        close_old_connections()
        try:
            self._round()
        finally:
            close_old_connections()

    def _round(self) -> None:
        look = self.changes != alert_changes.count or self.clock() - self.looked_at >= LOOK
        if look:
            self._read()
        with self.lock:
            touched, self.touched = self.touched, set()
        alerts = self.alerts if look else [alert for alert in self.alerts if alert.scope_key in touched]
        opened = self.compare(alerts, timezone.now()) if alerts else 0
        if opened or (look and self.alerts):
            self.teller.tell_due()

    def _read(self) -> None:
        self.changes, self.looked_at = alert_changes.count, self.clock()  # first: what fails waits for the next look
        oldest = min(start for _, start in periods_at(timezone.now()))
        self.reached = {reached for reached in self.reached if reached[2] >= oldest}
        self.alerts = list(SpendAlert.objects.with_scopes().order_by("pk"))

    def compare(self, alerts: Sequence[SpendAlert], now: datetime) -> int:
        """Opens a notice for each of these alerts whose threshold was reached. Returns how many were opened here."""
        days = periods_at(now)
        rows = Spend.objects.filter(
            scope__in={alert.scope_key for alert in alerts}, start__in={day for _, day in days}
        ).values_list("scope", "period", "start", "micro")
        spent = {(scope, period, start): micro for scope, period, start, micro in rows}
        opened = 0
        for alert in alerts:
            for period, start in days:
                micro = spent.get((alert.scope_key, period, start), 0)
                if period == alert.period and micro and micro >= alert.threshold_micro:
                    opened += self._open(alert, period, start, micro)
        return opened

    def _open(self, alert: SpendAlert, period: str, start: date, micro: int) -> bool:
        """Opens the notice unless somebody has. What was spent before an alert was set as it is, in a period that was
        over by then, is none of its business."""
        reached = (alert.pk, period, start, alert.threshold_micro)
        over = datetime.combine(end_of(period, start), time(), UTC)
        if reached in self.reached or over <= alert.changed_at:
            return False
        opened = SpendNotice.objects.open(alert, period, start, micro)
        self.reached.add(reached)
        return opened


def periods_at(now: datetime) -> list[tuple[str, date]]:
    """Returns the days and months that spending may be booked on now: this one and the one before, which a request may
    have come in that is settled after midnight."""
    today = now.astimezone(UTC).date()
    month = today.replace(day=1)
    return [
        (BudgetPeriod.DAY.value, today),
        (BudgetPeriod.DAY.value, today - timedelta(days=1)),
        (BudgetPeriod.MONTH.value, month),
        (BudgetPeriod.MONTH.value, (month - timedelta(days=1)).replace(day=1)),
    ]


watch = Watch()
"""The one of this process."""
