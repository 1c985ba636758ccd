"""Who is told when an organisation or a project has spent so much in a month.

The wire knows alerts of a month that are told by mail. Those of a day, and those that only a webhook is told of, are
set on the staff pages and by command, and are not there for it. A webhook beside the mail stays as it is.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from accounts.models import Organization, Project, SpendAlert
from accounts.models.alerts import SpendAlertQuerySet
from accounts.models.limits import BudgetPeriod, field_of
from api.administration.projects import check_open
from api.administration.rows import find, saved
from api.administration.spend_limits import CENTS

FIELDS = ("threshold", "recipients", "subject_prefix", "changed_at")


@dataclass(frozen=True, slots=True)
class AskedAlert:
    """The threshold is in whole cents."""

    cents: int
    recipients: Sequence[str]
    subject_prefix: str


def alerts_of(scope: Organization | Project) -> SpendAlertQuerySet:
    """The alerts of an organisation by itself, or of a project, that the wire knows."""
    return SpendAlert.objects.of(scope).filter(period=BudgetPeriod.MONTH).exclude(recipients=[])


def find_alert(scope: Organization | Project, alert_id: str) -> SpendAlert:
    """The alert. Raises NotFound."""
    return find(alerts_of(scope).with_scopes(), alert_id, "spend alert")


def create_alert(scope: Organization | Project, asked: AskedAlert) -> SpendAlert:
    """A new alert. Raises InvalidRequest for an archived project."""
    _check_open(scope)
    return saved(_filled(SpendAlert(**{field_of(scope): scope}), asked))


def change_alert(alert: SpendAlert, asked: AskedAlert) -> None:
    """Makes an alert what is asked. Another threshold is told of again. Raises InvalidRequest for an archived
    project."""
    _check_open(alert.scope)
    saved(_filled(alert, asked), *FIELDS)


def _check_open(scope: Organization | Project) -> None:
    if isinstance(scope, Project):
        check_open(scope)


def _filled(alert: SpendAlert, asked: AskedAlert) -> SpendAlert:
    alert.threshold = Decimal(asked.cents) / CENTS
    alert.recipients = list(asked.recipients)
    alert.subject_prefix = asked.subject_prefix
    return alert
