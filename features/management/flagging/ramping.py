"""manage.py flag rollout and ramp."""

from argparse import ArgumentTypeError
from decimal import Decimal, InvalidOperation
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from accounts.exceptions import Conflicting, NotThere
from features import ramping
from features.definitions import DEFAULT_TOTAL
from features.management.flagging.base import Changing, Place, Subcommand, dumped
from features.models import FlagState, Ramp
from features.ramps import steps_of_text
from features.shares import rest_of
from features.wire import ramp_object


def thousandths(text: str) -> int:
    """A percentage with up to three decimals, in thousandths of a per cent; for argparse."""
    try:
        value = Decimal(text.removesuffix("%")) * (DEFAULT_TOTAL // 100)
    except InvalidOperation as error:
        raise ArgumentTypeError(f"not a percentage: {text!r}") from error
    if not value.is_finite() or not 0 <= value <= DEFAULT_TOTAL or value != value.to_integral_value():
        raise ArgumentTypeError(f"not a percentage from 0 to 100 with up to three decimals: {text!r}")
    return int(value)


class Rollout(Changing):
    name = "rollout"
    help = "give a share of the callers a variant, and the others another one, where no other rule answers"

    @classmethod
    def add_arguments(cls, parser: CommandParser) -> None:
        parser.add_argument("key", metavar="KEY")
        parser.add_argument("variant", metavar="VARIANT")
        parser.add_argument("percent", metavar="PERCENT", type=thousandths, nargs="?", help="from 0 to 100")
        parser.add_argument("--rest", metavar="VARIANT", help="for the others; else the default variant")
        parser.add_argument(
            "--ramp", metavar="STEPS", help="instead of PERCENT: 5@now,25@+1h,50@+1d,100@2026-12-01T09:00Z"
        )

    def change(self, place: Place) -> None:
        state = place.state(self.options["key"])
        variant, weight = self.options["variant"], self.options["percent"]
        if (weight is None) is (self.options["ramp"] is None):
            raise CommandError("Give either PERCENT or --ramp.")
        if weight is None:
            self.ramp(state, variant)
            return
        state.roll_out(variant, weight, self.options["rest"] or self.rest(state, variant))
        state.tidy()
        changed = self.save(state)
        self.report(state, changed, f"{variant} for {Decimal(weight) * 100 / DEFAULT_TOTAL:f} % in {place.environment}")
        if not state.enabled:
            self.say(f"It is off there. To switch it on: manage.py flag on {state.flag.key}")

    def ramp(self, state: FlagState, variant: str) -> None:
        """Sets a ramp up."""
        now = timezone.now()
        ramp = ramping.set_up(state, variant, self.options["rest"], steps_of_text(self.options["ramp"], now), now)
        tell(self, ramp, "Would be: " if self.dry else "")

    def rest(self, state: FlagState, variant: str) -> str:
        """What the others get. Raises CommandError where that is not clear."""
        found = rest_of(state, variant)
        if found is not None:
            return found
        raise CommandError("Which variant do the others get? Say so with --rest.")


class Ramping(Changing):
    name = "ramp"
    help = "show the ramp of a flag; pause it, resume it, or take it away"

    @classmethod
    def add_arguments(cls, parser: CommandParser) -> None:
        parser.add_argument("key", metavar="KEY")
        deeds: Any = parser.add_mutually_exclusive_group()
        deeds.add_argument("--pause", action="store_true", help="make it stand")
        deeds.add_argument("--resume", action="store_true", help="have it go on, as much later as it stood")
        deeds.add_argument("--remove", action="store_true", help="take it away; the share stays")
        parser.add_argument("--reason", metavar="TEXT", default="", help="why it is paused, for the audit log")

    def change(self, place: Place) -> None:
        ramps = Ramp.objects.with_flags().filter(state__flag=place.flag(self.options["key"]))
        ramp = ramps.filter(state__environment=place.environment).first()
        if ramp is None:
            raise CommandError(f"There is no ramp of {self.options['key']} in {place.environment}.")
        try:
            if self.options["pause"]:
                ramping.pause(ramp, self.options["reason"])
            elif self.options["resume"]:
                ramping.resume(ramp, timezone.now())
        except (Conflicting, NotThere) as error:
            raise CommandError(error.message) from error
        if self.options["remove"]:
            ramp.delete()
            self.say(f"{ramp} {'would be' if self.dry else 'is'} gone.")
            return
        doing = self.options["pause"] or self.options["resume"]
        tell(self, ramps.get(pk=ramp.pk), "Would be: " if self.dry and doing else "")


def tell(subcommand: Subcommand, ramp: Ramp, prefix: str) -> None:
    """Says how far a ramp is."""
    if subcommand.options["json"]:
        subcommand.write(dumped(ramp_object(ramp)))
    why = f" ({ramp.why})" if ramp.why else ""
    subcommand.say(f"{prefix}{ramp} is {ramp.status}{why}: {ramp.variant}, the others {ramp.rest}")
    for place, step in enumerate(ramp.way):
        subcommand.say(f"  {step}{' done' if place < ramp.reached else ''}")
