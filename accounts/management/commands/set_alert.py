"""manage.py set_alert: who is told when a project or an organisation has spent so much."""

from argparse import ArgumentTypeError
from decimal import Decimal
from typing import Any

from django.core.management.base import CommandError, CommandParser

from accounts.management.commands.set_budget import dollars_or_none
from accounts.management.limiting import find_home
from accounts.management.telling import TellingCommand
from accounts.models import SpendAlert
from accounts.models.limits import field_of, kind_of


class Command(TellingCommand):
    kind, done, undone = "alert", "Set for ", "Would be set for "
    help = (
        "Have somebody told, once a day or month of UTC, when spending has reached an amount of US dollars; change who "
        "is told of it, or take it away. A running server knows it within ten seconds."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("period", choices=("day", "month"), help="of each day, or of each month")
        parser.add_argument("amount", metavar="USD", type=dollars, help="the threshold")
        self.add_telling_arguments(parser)
        scope = parser.add_mutually_exclusive_group()
        scope.add_argument("--project", metavar="P", help="id or name of a project; else the default project")
        scope.add_argument("--organization", metavar="O", help="id or slug of an organisation")

    def change(self, options: dict[str, Any]) -> tuple[str, str]:
        scope = find_home(options)
        where = f"{kind_of(type(scope))} {scope}"
        amount = f"${options['amount']:,.2f} a {options['period']}"
        found = SpendAlert.objects.of(scope).filter(period=options["period"], threshold=options["amount"])
        if len(found) > 1:
            raise CommandError(f"More than one alert of {where} is set for {amount}: change them in the admin.")
        alert = found.first() or SpendAlert(period=options["period"], threshold=options["amount"])
        if options["remove"]:
            if alert.pk is None:
                raise CommandError(f"No alert of {where} is set for {amount}.")
            alert.delete()
            return f"{where}: no alert at {amount}.", ""
        setattr(alert, field_of(scope), scope)
        secret = self.write(alert, options)
        return f"{where}: an alert at {amount}, to {alert.told()}.", secret


def dollars(text: str) -> Decimal:
    """An amount for argparse."""
    amount = dollars_or_none(text)
    if amount is None:
        raise ArgumentTypeError(f"not an amount of dollars: {text!r}")
    return amount
