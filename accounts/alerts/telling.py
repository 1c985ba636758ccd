"""Telling what was reached: to one destination after the other, each once.

A notice is claimed for a while by one process, which renews the claim with everything that it writes down. A process
that dies leaves a claim that lapses, and somebody else goes on. What took it is written down before the next is told.
The one thing that cannot be known is whether a destination took what a process sent as it died: it may be told again
then, under the same Message-ID and the same `webhook-id`.
"""

from datetime import datetime, timedelta
from smtplib import SMTPException
from typing import Any

import structlog
from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError
from django.utils import timezone

from accounts.alerts import messages, webhooks
from accounts.alerts.webhooks import NotTaken
from accounts.models import SpendNotice
from accounts.models.telling import Notice

CLAIM = timedelta(minutes=5)
"""For how long one process tells alone; one destination takes far less."""
PAUSES = [
    timedelta(seconds=10),
    timedelta(minutes=1),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    *[timedelta(hours=6)] * 5,
]
"""After each failed try; after one more it is given up."""
MOST_AT_ONCE = 100

log = structlog.get_logger(__name__)


class Teller:
    """Tells the notices of one model, for one process. `unwritten` is what it told and could not write down yet, by
    notice: nothing of that is told again by this process, and it is written as soon as the database is there."""

    def __init__(self, notices: type[Notice] = SpendNotice) -> None:
        self.notices: Any = notices
        self.unwritten: dict[int, Notice] = {}

    def tell_due(self) -> None:
        """Tells everything that is due. Raises DatabaseError."""
        self.catch_up()
        for notice in self.notices.objects.due(timezone.now())[:MOST_AT_ONCE]:
            if notice.claim(timezone.now() + CLAIM):
                self.tell(notice)

    def catch_up(self) -> None:
        """Writes down what could not be before. Raises DatabaseError."""
        for key, notice in list(self.unwritten.items()):
            notice.renew(timezone.now())  # so that it is due, and goes on
            del self.unwritten[key]

    def tell(self, notice: Notice) -> None:
        """Tells every destination that was not told yet, by a notice that this process has claimed."""
        failures = []
        for destination in notice.alert.destinations():
            if destination in notice.told:
                continue
            try:
                hand_over(notice, destination)
            except NotTaken as error:
                failures.append(f"{shown(destination)}: {error}")
                continue
            notice.told.append(destination)
            if not self._written(notice):
                return
        self._end(notice, "; ".join(failures), timezone.now())

    def _written(self, notice: Notice) -> bool:
        """Writes down who was told, and holds on to the claim. Returns False where that has been lost."""
        try:
            return notice.renew(timezone.now() + CLAIM)
        except DatabaseError:
            self.unwritten[notice.pk] = notice
            raise

    @staticmethod
    def _end(notice: Notice, failure: str, now: datetime) -> None:
        told, given_up, not_told = (f"{notice.kind}_{outcome}" for outcome in ("told", "given_up", "not_told"))
        facts = {"alert": notice.alert.public_id, "notice": notice.public_id, "attempts": notice.attempts}
        if not failure:
            notice.end(told_at=now, error="")
            log.info(told, **facts)
        elif notice.attempts > len(PAUSES):
            notice.end(given_up_at=now, error=failure[:500])
            log.error(given_up, **facts, error=failure)
        else:
            notice.end(next_try_at=now + PAUSES[notice.attempts - 1], error=failure[:500])
            log.warning(not_told, **facts, error=failure)


def hand_over(notice: Notice, destination: str) -> None:
    """Sends a notice to one destination. Raises NotTaken."""
    if destination == notice.alert.webhook_url:
        webhooks.post(notice, destination)
        return
    try:
        messages.mail(notice, destination).send()
    except (SMTPException, OSError, ValueError, ImproperlyConfigured) as error:
        raise NotTaken(f"not sent: {type(error).__name__}") from error


def shown(destination: str) -> str:
    """A destination as staff and the log may see it: the path of a webhook may be all that it takes to post there."""
    return destination if "://" not in destination else "webhook"
