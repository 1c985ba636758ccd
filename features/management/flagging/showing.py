"""manage.py flag list, show, explain and stale: what there is, and why it answers as it does."""

import json
from argparse import ArgumentTypeError
from datetime import timedelta
from typing import Any

from django.core.management.base import CommandParser
from django.utils import timezone

from features.explaining import explain
from features.loading import read
from features.management.flagging.base import Place, Subcommand, dumped, table
from features.models import ExposureCount, Flag, FlagState
from features.models.exposures import Use
from features.staleness import DAYS


def row(flag: Flag, state: FlagState) -> dict[str, Any]:
    """A flag in one environment, on one line."""
    return {
        "key": flag.key,
        "kind": flag.kind,
        "enabled": state.enabled,
        "default": state.default_variant,
        "rules": len(state.rules),
        "owner": flag.owner,
        "tags": flag.tags,
        "permanent": flag.permanent,
        "archived": flag.archived,
        "changed": max(flag.changed_at, state.changed_at).date().isoformat(),
    }


def rows(flags: Any, place: Place) -> list[tuple[Flag, FlagState]]:
    """The flags with their state in the environment; a new one where they have none."""
    found = flags.filter(organization=place.organization).order_by("key").prefetch_related("states")
    return [
        (flag, {state.environment_id: state for state in flag.states.all()}.get(place.environment.pk, FlagState()))
        for flag in found
    ]


class List(Subcommand):
    name = "list"
    help = "list the flags, with their state in one environment"

    @classmethod
    def add_arguments(cls, parser: CommandParser) -> None:
        parser.add_argument("--archived", action="store_true", help="those that are archived, too")

    def run(self, place: Place) -> None:
        flags = Flag.objects.all() if self.options["archived"] else Flag.objects.live()
        columns = ["key", "kind", "enabled", "default", "rules", "owner", "tags", "changed"]
        columns += ["archived"] if self.options["archived"] else []
        self.show([row(*each) for each in rows(flags, place)], columns, f"There are no flags in {place.organization}.")


class Show(Subcommand):
    name = "show"
    help = "print a flag whole, with its state in every environment"

    @classmethod
    def add_arguments(cls, parser: CommandParser) -> None:
        parser.add_argument("key", metavar="KEY")

    def run(self, place: Place) -> None:
        """What cannot be read is shown as it is stored."""
        flag = place.flag(self.options["key"])
        data = flag.to_data(flag.states.select_related("environment").order_by("pk"))
        self.write(dumped({**data, "exposures": exposures(flag)}))


def exposures(flag: Flag) -> dict[str, Any]:
    """How often it answered, and in which hour it last did, in each environment in which it ever did."""
    counts = ExposureCount.objects.by_variant(flag.organization.public_id, flag.key)
    return {
        environment: {
            "number": sum(use.number for use in uses.values()),
            "last": max(use.last for use in uses.values()).isoformat(),
            "variants": {variant: use.number for variant, use in uses.items()},
        }
        for environment, uses in counts.items()
    }


def context_of(text: str) -> dict[str, Any]:
    """A JSON object, for argparse."""
    try:
        found = json.loads(text)
    except ValueError as error:
        raise ArgumentTypeError(f"not JSON: {text}") from error
    if not isinstance(found, dict):
        raise ArgumentTypeError("a context is a JSON object")
    return found


class Explain(Subcommand):
    name = "explain"
    help = "evaluate a flag for a context, and say step by step why it answers so"

    @classmethod
    def add_arguments(cls, parser: CommandParser) -> None:
        parser.add_argument("key", metavar="KEY")
        parser.add_argument("--context", metavar="JSON", type=context_of, default={}, help="a JSON object")
        parser.add_argument("--targeting-key", metavar="T", help="who is asking")

    def run(self, place: Place) -> None:
        flag = place.flag(self.options["key"])
        context = dict(self.options["context"])
        if self.options["targeting_key"] is not None:
            context["targetingKey"] = self.options["targeting_key"]
        stage = read().of_environment(place.organization.public_id, place.environment.key)
        found = explain(stage.ruleset, flag.key, context)
        steps = [step.to_data() for step in found.trace]
        told = {"value": found.value, "variant": found.variant, "reason": found.reason}
        if found.error is not None:
            told["error"] = found.error.details
        if self.options["json"]:
            self.write(dumped({**told, "trace": steps}))
            return
        self.write("\n".join(f"{name + ':':9}{json.dumps(value)}" for name, value in told.items()))
        self.write("\n" + table(steps, ("held", "place", "why")))


def days(text: str) -> int:
    """A whole number from 0, for argparse."""
    if not (text.isascii() and text.isdigit() and len(text) < 6):
        raise ArgumentTypeError(f"not a number of days: {text!r}")
    return int(text)


class Stale(Subcommand):
    name = "stale"
    help = "list the flags that have answered the same to everybody for long, and are not meant to stay"

    @classmethod
    def add_arguments(cls, parser: CommandParser) -> None:
        parser.add_argument("--days", metavar="N", type=days, default=DAYS, help=f"unchanged for so long; {DAYS} days")

    def run(self, place: Place) -> None:
        since = timezone.now() - timedelta(days=self.options["days"])
        old = Flag.objects.live().filter(permanent=False).untouched_since(since)
        uses = ExposureCount.objects.uses(place.organization.public_id, place.environment.key, since)
        found = [
            row(flag, state) | evaluated(uses.get(flag.key)) for flag, state in rows(old, place) if state.same_for_all()
        ]
        columns = ("key", "kind", "enabled", "default", "owner", "changed", "evaluations", "evaluated")
        self.show(found, columns, "No flag is stale.")


def evaluated(use: Use | None) -> dict[str, Any]:
    """How often a flag was, and when it last was: on a day, or never."""
    number, last = (0, None) if use is None else (use.number, use.last.date().isoformat())
    return {"evaluations": number, "evaluated": last}
