"""manage.py set_budget: the most that a project, an organisation or a key may spend."""

from argparse import ArgumentTypeError
from decimal import Decimal, InvalidOperation
from typing import Any

from django.core.management.base import CommandParser

from accounts.management.limiting import NONE, LimitingCommand
from accounts.models import Budget


class Command(LimitingCommand):
    help = (
        "Set a budget in US dollars, change it, or take it away. Days and months are those of UTC. A running server "
        "knows it within two seconds."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("period", choices=("day", "month"), help="for each day, or for each month")
        parser.add_argument("amount", metavar="USD", type=dollars_or_none, help=f"{NONE} takes the budget away")
        super().add_arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        values = {} if options["amount"] is None else {"amount": options["amount"]}
        what = f"spending in a {options['period']}"
        self.put(Budget.objects.all(), values, options, what, period=options["period"])


def dollars_or_none(text: str) -> Decimal | None:
    """An amount for argparse, or None for `none`."""
    if text == NONE:
        return None
    try:
        amount = Decimal(text)
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite():
        raise ArgumentTypeError(f"neither an amount of dollars nor {NONE}: {text!r}")
    return amount
