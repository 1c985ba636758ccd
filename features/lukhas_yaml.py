"""LUKHAS's own flag files of before, version 1: read with identical answers, and written.

A flag has one type: boolean, percentage, user_targeting, time_based or environment. It becomes a boolean flag with the
variants `on` and `off`, and its rules say what the type said. Asked for the same context, where `targetingKey` is the
user's id, `email` and `environment` are what they were, it answers the same.
"""

import math
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any

import yaml

from features.conditions import AnyOf, Condition, Test
from features.definitions import TARGETING_KEY, FlagDefinition, FlagState, Rule, Split
from features.importing import Imported, Importer, each_flag, file_problem
from features.problems import Invalid, Problem

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""libyaml, where it is there, is ten times as fast."""
TYPES = ("boolean", "percentage", "user_targeting", "time_based", "environment")
ABOUT = ("type", "enabled", "description", "owner", "created_at", "jira_ticket", "fallback")
OF_TYPE = {
    "percentage": ("percentage",),
    "user_targeting": ("allowed_domains", "allowed_user_hashes"),
    "time_based": ("enable_after", "disable_after"),
    "environment": ("allowed_environments",),
}
FIELDS = (*ABOUT, *(name for names in OF_TYPE.values() for name in names))
VARIANTS = {"on": True, "off": False}
PER_CENT = 100
A_USER: tuple[Test, ...] = (
    Condition(TARGETING_KEY, "exists"),
    Condition(TARGETING_KEY, "equals", ("",), negate=True, otherwise=True),
)
"""There is a user: an empty id was none."""


def read(content: bytes, environment: str, *, approximate: bool = False) -> Imported:
    """The flags of a file, with their state in `environment`; raises Invalid."""
    if too_large := file_problem(content):
        raise too_large
    try:
        data = LOADER(content).get_single_data()
    except (yaml.YAMLError, UnicodeError, ValueError, RecursionError) as error:
        raise Invalid([Problem((), f"is not YAML: {error}")]) from None
    reader = Importer(approximate)
    table = reader.table(data, ("version", "flags", "metadata"), ("flags",))
    if not str(table.get("version", 1)).startswith("1"):
        reader.wrong("must be 1", "version")
    return each_flag(reader, table.get("flags", {}), lambda key, flag: Old(reader, key, flag).flag(environment))


class Old:
    """A flag of such a file."""

    def __init__(self, reader: Importer, key: str, data: Mapping[str, Any]) -> None:
        self.reader, self.key = reader, key
        self.data = reader.table(data, FIELDS)
        self.fallback = reader.flag(data, "fallback")

    def flag(self, environment: str) -> FlagDefinition | None:
        reader, data = self.reader, self.data
        kind = data.get("type", "boolean")
        if kind not in TYPES:
            reader.inexact(f"{kind} is no type of flag; the fallback answers", "type")
            state = self.always(self.fallback)
        else:
            state = getattr(self, f"of_{kind}")()
        metadata: dict[str, Any] = {}
        if data.get("created_at"):
            metadata["created_at"] = str(data["created_at"])
        if self.fallback:
            metadata["fallback"] = True
        return reader.proven(
            FlagDefinition(
                self.key,
                "boolean",
                VARIANTS,
                {environment: state},
                description=reader.text(data, "description", 2000),
                owner=reader.text(data, "owner"),
                ticket=reader.text(data, "jira_ticket"),
                algorithm="lukhas-v1" if kind == "percentage" else "flagd-v2",
                metadata=metadata,
            )
        )

    def chosen(self, answer: bool) -> str:
        return "on" if answer else "off"

    def always(self, answer: bool) -> FlagState:
        return self.unless_matched(default=answer)

    def unless_matched(self, *rules: Rule, default: bool = False) -> FlagState:
        """What no rule answers is off, and so is all of it when the flag is switched off."""
        return FlagState(self.reader.flag(self.data, "enabled"), "off", self.chosen(default), rules)

    def of_boolean(self) -> FlagState:
        return self.always(True)

    def of_percentage(self) -> FlagState:
        """A user's number, a whole one from 0 to 99, is below the percentage."""
        given = self.data.get("percentage", 0)
        if isinstance(given, bool) or not isinstance(given, int | float):
            self.reader.inexact("is no number; the fallback answers", "percentage")
            return self.always(self.fallback)
        share = 0 if math.isnan(given) else math.ceil(min(max(given, 0), PER_CENT))
        split = Split((("on", share), ("off", PER_CENT - share)))
        return self.unless_matched(Rule(A_USER, split=split, name="percentage"))

    def of_user_targeting(self) -> FlagState:
        rules = []
        if domains := self.names("allowed_domains"):
            if self.fallback:
                rules.append(self.faulty("email"))
            rules.append(Rule((Condition("email", "domain_in", domains),), "on", name="domain"))
        if hashes := self.names("allowed_user_hashes"):
            if self.fallback:
                rules.append(self.faulty(TARGETING_KEY))
            user = (Condition(TARGETING_KEY, "sha256_in", hashes), A_USER[1])
            rules.append(Rule(user, "on", name="user"))
        return self.unless_matched(*rules)

    def faulty(self, attribute: str) -> Rule:
        """A number, or true, where a text was expected, made the old service fall back."""
        numbers = [(Condition(attribute, operator, (0,)),) for operator in ("gt", "lt")]
        return Rule((AnyOf((*numbers, (Condition(attribute, "equals", (True,)),))),), "on", name="fallback")

    def of_time_based(self) -> FlagState:
        starts, ends = self.moment("enable_after"), self.moment("disable_after")
        if starts is None and ends is None:
            return self.always(True)
        if starts and ends and starts >= ends:
            return self.always(False)
        return self.unless_matched(Rule((), "on", starts=starts, ends=ends, name="window"))

    def of_environment(self) -> FlagState:
        names = self.names("allowed_environments")
        if not names:
            return self.always(True)
        return self.unless_matched(Rule((Condition("environment", "in", names),), "on", name="environment"))

    def names(self, name: str) -> tuple[str, ...]:
        given = self.data.get(name)
        if given is None:
            return ()
        return tuple(self.reader.word(item) for item in self.reader.items({name: given}, name, 10_000))

    def moment(self, name: str) -> datetime | None:
        """A date and time; YAML makes one of a text that looks like it."""
        given = self.data.get(name)
        if not given:
            return None
        try:
            found = given if isinstance(given, date) else datetime.fromisoformat(str(given))
        except ValueError:
            self.reader.wrong("must be a date and time, such as 2026-01-31T12:00:00Z", name)
            return None
        if not isinstance(found, datetime):
            found = datetime.fromisoformat(found.isoformat())
        if found.tzinfo is None:
            self.reader.inexact("has no offset; taken as UTC", name)
            return found.replace(tzinfo=UTC)
        return found
