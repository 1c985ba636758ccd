"""Flags as a LUKHAS file, version 1. It can hold what `features.lukhas_yaml` makes, and nothing else."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import yaml

from features import lukhas_yaml
from features.conditions import Condition
from features.definitions import FlagDefinition, FlagState, Rule
from features.importing import Exported, Importer
from features.problems import Invalid

NEVER = "1970-01-01T00:00:00+00:00"


def write(flags: Iterable[FlagDefinition], environment: str, *, approximate: bool = False) -> Exported:
    """The flags as they are in `environment`. A flag that the file cannot hold is a problem, told by Invalid; with
    `approximate`, it is left out."""
    reader = Importer(approximate)
    table = {}
    for flag in flags:
        state = flag.environments.get(environment, FlagState())
        entry = described(flag, state)
        if is_held(flag, state, entry):
            table[flag.key] = entry
        else:
            with reader.at("flags", flag.key):
                reader.inexact("cannot be held by a file of this kind; left out")
    approximations = reader.result([]).approximations
    text = yaml.safe_dump({"version": "1.0", "flags": table}, sort_keys=False, allow_unicode=True)
    return Exported(text, approximations)


def is_held(flag: FlagDefinition, state: FlagState, entry: dict[str, Any]) -> bool:
    """Does reading it give the same flag?"""
    content = yaml.safe_dump({"version": "1.0", "flags": {flag.key: entry}}).encode()
    try:
        found = lukhas_yaml.read(content, "e").flags[0]
    except Invalid:
        return False
    splits = any(rule.split for rule in state.rules)
    return (found.kind, dict(found.variants), found.environments["e"]) == (flag.kind, dict(flag.variants), state) and (
        not splits or (found.algorithm, found.salt) == (flag.algorithm, flag.salt)
    )


def described(flag: FlagDefinition, state: FlagState) -> dict[str, Any]:
    """The nearest entry. Whether it says the same is another question, see `is_held`."""
    about = {
        "description": flag.description,
        "owner": flag.owner,
        "created_at": flag.metadata.get("created_at"),
        "jira_ticket": flag.ticket,
        "fallback": flag.metadata.get("fallback") is True,
    }
    written = {name: value for name, value in about.items() if value not in ("", None)}
    return {"enabled": state.enabled, **of_rules(state), **written}


def of_rules(state: FlagState) -> dict[str, Any]:
    """The type, and what goes with it."""
    rules = [rule for rule in state.rules if rule.name != "fallback"]
    if not rules:
        if state.default_variant == "on":
            return {"type": "boolean"}
        return {"type": "time_based", "enable_after": NEVER, "disable_after": NEVER}
    first = rules[0]
    if first.split:
        return {"type": "percentage", "percentage": first.split.weights[0][1]}
    if first.starts or first.ends:
        window = {"enable_after": stamp(first.starts), "disable_after": stamp(first.ends)}
        return {"type": "time_based", **{name: value for name, value in window.items() if value}}
    if environments := values(rules, "in"):
        return {"type": "environment", "allowed_environments": environments}
    lists = {"allowed_domains": values(rules, "domain_in"), "allowed_user_hashes": values(rules, "sha256_in")}
    return {"type": "user_targeting", **{name: found for name, found in lists.items() if found}}


def stamp(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None


def values(rules: list[Rule], operator: str) -> list[Any]:
    """The values of the first condition with this operator."""
    tests = (test for rule in rules for test in rule.conditions)
    found = (test.values for test in tests if isinstance(test, Condition) and test.operator == operator)
    return list(next(found, ()))
