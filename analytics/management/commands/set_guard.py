"""manage.py set_guard: when a rollout is turned back by itself, and who is told."""

from argparse import ArgumentTypeError
from decimal import Decimal, InvalidOperation
from typing import Any

from django.core.management.base import CommandError, CommandParser

from accounts.management.limiting import NONE
from accounts.management.telling import TellingCommand
from analytics.models import RolloutGuard
from analytics.thresholds import THRESHOLDS
from features.management.flagging.base import Place

HELP = {
    "error_rate_most": "per cent of its requests that may fail",
    "error_rate_above": "percentage points above the control",
    "latency_p95_most": "seconds, 95 of 100 requests",
    "latency_p95_times": "times that of the control",
    "first_token_p95_most": "seconds to the first token, 95 of 100 streams",
    "first_token_p95_times": "times that of the control",
    "cost_most": "US dollars a request",
    "cost_times": "times that of the control",
}


class Command(TellingCommand):
    kind, done, undone = "guard", "", "Would be: "
    help = (
        "Have a rollout turned back once a variant is over a threshold for so many minutes; change that, or take it "
        "away. What is not named stays. A running server knows it within ten seconds."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("key", metavar="KEY", help="the flag that chooses the model")
        for name in THRESHOLDS:
            parser.add_argument(
                f"--{name.replace('_', '-')}", metavar="N", type=number, help=f"{HELP[name]}; {NONE} takes it away"
            )
        parser.add_argument("--minutes", metavar="N", type=int, help="for how long; 5 at first")
        parser.add_argument("--min-requests", metavar="N", type=int, help="with fewer it is not judged; 100 at first")
        parser.add_argument("--control", metavar="VARIANT", help="what others are compared to; else the default")
        self.add_telling_arguments(parser)
        parser.add_argument("--organization", metavar="O", help="id or slug; else the default organisation")
        parser.add_argument("--project", metavar="P", help="id or name; else the default project")
        parser.add_argument("--environment", metavar="E", help="key; else the one that the project is in")

    def change(self, options: dict[str, Any]) -> tuple[str, str]:
        state = Place.of(options).state(options["key"])
        guard = RolloutGuard.objects.filter(state=state).first() if state.pk else None
        if options["remove"]:
            if guard is None:
                raise CommandError(f"There is no guard of {state}.")
            guard.delete()
            return f"{state} is not guarded.", ""
        if state.pk is None:
            raise CommandError(f"The flag has no state in {state.environment}: switch it on first.")
        guard = guard or RolloutGuard(state=state)
        self.fill(guard, options)
        secret = self.write(guard, options)
        return f"{state} is guarded: {', '.join(told(guard))}, for {guard.minutes} minutes.", secret

    @staticmethod
    def fill(guard: RolloutGuard, options: dict[str, Any]) -> None:
        """Gives the guard what was told of when it turns back."""
        for name in THRESHOLDS:
            if options[name] is not None:
                setattr(guard, name, None if options[name] == NONE else options[name])
        for name in ("minutes", "min_requests", "control"):
            if options[name] is not None:
                setattr(guard, name, options[name])


def told(guard: RolloutGuard) -> list[str]:
    """Its thresholds, in words."""
    return [f"{name} {value:g}" for name, value in guard.limits().thresholds.items()]


def number(text: str) -> Decimal | str:
    """A threshold, or none, for argparse."""
    if text == NONE:
        return NONE
    try:
        return Decimal(text)
    except InvalidOperation as error:
        raise ArgumentTypeError(f"not a number: {text!r}") from error
