"""manage.py flag create, on, off and archive."""

import json
from argparse import ArgumentTypeError
from typing import Any, ClassVar

from django.core.management.base import CommandError, CommandParser

from accounts.audit.context import because
from features.definitions import KINDS
from features.editing import ON_AND_OFF
from features.management.flagging.base import Changing, Place
from features.models import Flag, FlagState


def pair(text: str) -> tuple[str, str]:
    """NAME=VALUE, for argparse."""
    name, equals, value = text.partition("=")
    if not equals:
        raise ArgumentTypeError(f"not of the form NAME=VALUE: {text!r}")
    return name, value


class Create(Changing):
    name = "create"
    help = "make a flag, switched off unless told otherwise"

    @classmethod
    def add_arguments(cls, parser: CommandParser) -> None:
        parser.add_argument("key", metavar="KEY", help="letters, digits, dots, hyphens and underscores")
        parser.add_argument("--kind", choices=KINDS, default="boolean", help="of what its values are; boolean")
        parser.add_argument(
            "--variant", metavar="NAME=VALUE", type=pair, action="append", default=[],
            help="a value with its name, JSON unless it is a text; may be repeated. A boolean flag has on and off",
        )  # fmt: skip
        parser.add_argument("--default", metavar="NAME", help="the variant while it is on; else the first")
        parser.add_argument("--off", metavar="NAME", help="the variant while it is off; else the caller's own default")
        parser.add_argument("--on", action="store_true", help="switch it on at once")
        for name in ("description", "owner", "ticket"):
            parser.add_argument(f"--{name}", default="")
        parser.add_argument("--tag", dest="tags", metavar="T", action="append", default=[], help="may be repeated")
        parser.add_argument("--permanent", action="store_true", help="it is meant to stay, and never called stale")
        parser.add_argument(
            "--raw-exposures", action="store_true", help="keep who got which variant, under names that say nothing"
        )

    def change(self, place: Place) -> None:
        options, variants = self.options, self.variants()
        names = ("key", "kind", "description", "owner", "ticket", "tags", "permanent", "raw_exposures")
        flag = Flag(organization=place.organization, variants=variants, **{name: options[name] for name in names})
        flag.full_clean(exclude=["salt"])
        flag.save()
        off = "off" if variants == ON_AND_OFF else ""
        state = FlagState(
            flag=flag,
            environment=place.environment,
            enabled=options["on"],
            default_variant=options["default"] or next(iter(variants)),
            off_variant=options["off"] or off,
        )
        state.full_clean()
        state.save()
        self.report(state, True, f"made, and {'on' if state.enabled else 'off'} in {place.environment}")

    def variants(self) -> dict[str, Any]:
        given: list[tuple[str, str]] = self.options["variant"]
        if not given and self.options["kind"] == "boolean":
            return dict(ON_AND_OFF)
        if not given:
            raise CommandError(f"A {self.options['kind']} flag needs a --variant NAME=VALUE.")
        if self.options["kind"] == "string":
            return dict(given)
        try:
            return {name: json.loads(value) for name, value in given}
        except ValueError as error:
            raise CommandError("The value of a --variant is not JSON.") from error


class Switch(Changing):
    """Switches a flag in one environment."""

    enabled: ClassVar[bool]

    @classmethod
    def add_arguments(cls, parser: CommandParser) -> None:
        parser.add_argument("key", metavar="KEY")
        parser.add_argument("--reason", metavar="TEXT", default="", help="why, for the audit log")

    def change(self, place: Place) -> None:
        state = place.state(self.options["key"])
        before, state.enabled = state.enabled and bool(state.pk), self.enabled
        with because(state.stated(self.options["reason"])):
            changed = before != self.enabled and self.save(state)
        self.report(state, changed, f"{self.name} in {place.environment}")


class On(Switch):
    name = "on"
    help = "switch a flag on"
    enabled = True


class Off(Switch):
    name = "off"
    help = "switch a flag off: the kill switch"
    enabled = False


class Archive(Changing):
    name = "archive"
    help = "put a flag out of sight; it answers as before"

    @classmethod
    def add_arguments(cls, parser: CommandParser) -> None:
        parser.add_argument("key", metavar="KEY")
        parser.add_argument("--undo", action="store_true", help="bring it back into sight")

    def change(self, place: Place) -> None:
        flag = place.flag(self.options["key"])
        flag.archived = not self.options["undo"]
        changed = self.save(flag)
        self.report(flag.state_in(place.environment), changed, "archived" if flag.archived else "in sight")
