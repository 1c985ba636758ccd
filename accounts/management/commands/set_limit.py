"""manage.py set_limit: the most that a project, an organisation or a key may use."""

from argparse import ArgumentTypeError
from typing import Any

from django.core.management.base import CommandParser

from accounts.management.limiting import NONE, LimitingCommand
from accounts.models import RateLimit

KINDS = {
    "requests/minute": ("requests", "minute"),
    "requests/day": ("requests", "day"),
    "tokens/minute": ("tokens", "minute"),
    "tokens/day": ("tokens", "day"),
    "in-flight": ("in_flight", ""),
}


class Command(LimitingCommand):
    help = "Set a rate limit, change it, or take it away. A running server knows it within two seconds."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("kind", choices=KINDS, help="what is limited")
        parser.add_argument("value", metavar="N", type=whole_or_none, help=f"how many; {NONE} takes the limit away")
        parser.add_argument(
            "--model", metavar="M", default="", help="of this model or alias; else of all models together"
        )
        super().add_arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        unit, period = KINDS[options["kind"]]
        values = {} if options["value"] is None else {"value": options["value"]}
        what = options["kind"] + (f" of {options['model']}" if options["model"] else "")
        self.put(RateLimit.objects.all(), values, options, what, model=options["model"], unit=unit, period=period)


def whole_or_none(text: str) -> int | None:
    """A whole number for argparse, or None for `none`."""
    if text == NONE:
        return None
    if not (text.isascii() and text.isdigit()):
        raise ArgumentTypeError(f"neither a whole number nor {NONE}: {text!r}")
    return int(text)
