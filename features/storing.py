"""Keeps flags that came as data: all of them, or none."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.core.exceptions import ValidationError
from django.db import transaction

from accounts.models import Organization
from features.definitions import FlagDefinition, prerequisites_to_data, rules_to_data
from features.models import Environment, Flag, FlagState
from features.models.fitting import Fitting
from features.models.flags import WORDS
from features.problems import Invalid, Problem


@dataclass(frozen=True, slots=True)
class Stored:
    """The keys of the flags that were made, were changed, and were so before."""

    created: tuple[str, ...]
    changed: tuple[str, ...]
    unchanged: tuple[str, ...]


def store(organization: Organization, environment: Environment, flags: Sequence[FlagDefinition]) -> Stored:
    """Makes the organisation's flags with these keys what these definitions say, in this environment; their states in
    others stay. Raises Invalid with every problem and its place, such as `flags.new-ui.rules[0]`, and keeps nothing."""
    with transaction.atomic():
        known = {flag.key: flag for flag in organization.flags.filter(key__in=[flag.key for flag in flags])}
        fresh = [flag for flag in flags if flag.key not in known]
        problems = _make(organization, environment, fresh)
        changed = []
        for definition in flags:
            if definition.key in known:
                try:
                    if _change(known[definition.key], environment, definition):
                        changed.append(definition.key)
                except ValidationError as error:
                    problems += [Problem(("flags", definition.key), message) for message in error.messages]
        if problems:
            raise Invalid(problems)
    unchanged = [key for key in known if key not in changed]
    return Stored(tuple(flag.key for flag in fresh), tuple(changed), tuple(unchanged))


def _make(organization: Organization, environment: Environment, flags: Sequence[FlagDefinition]) -> list[Problem]:
    """Makes flags that are not there yet. Returns what is wrong with them."""
    rows = [Flag(organization=organization, **flag_fields(flag)) for flag in flags]
    Flag.objects.bulk_create(rows)
    states = [
        FlagState(flag=row, environment=environment, **state_fields(flag, environment))
        for row, flag in zip(rows, flags, strict=True)
    ]
    fitting = Fitting(list(states))
    problems = [
        Problem(("flags", state.flag.key, *problem.path), problem.message)
        for state in states
        for problem in state.problems(fitting)
    ]
    if not problems:
        FlagState.objects.bulk_create(states)
    return problems


def _change(flag: Flag, environment: Environment, definition: FlagDefinition) -> bool:
    """Makes a flag that is there what the definition says. Returns whether that changed anything."""
    state = flag.state_in(environment)
    state.flag = flag
    before = (flag.to_data(), state.pk and state.to_data())
    for row, fields in ((flag, flag_fields(definition)), (state, state_fields(definition, environment))):
        for name, value in fields.items():
            setattr(row, name, value)
    if (flag.to_data(), state.to_data()) == before:
        return False
    with transaction.atomic():
        # The state first: the flag is checked against the states that are in the database.
        state.save()
        flag.save()
    return True


def flag_fields(flag: FlagDefinition) -> dict[str, object]:
    """What the row of a flag has, by field."""
    words = {name: getattr(flag, name) for name in WORDS}
    words |= {"tags": list(flag.tags), "metadata": dict(flag.metadata)}
    return {"key": flag.key, "kind": flag.kind, "variants": dict(flag.variants), **words}


def state_fields(flag: FlagDefinition, environment: Environment) -> dict[str, object]:
    """What the row of its state in an environment has, by field."""
    state = flag.environments[environment.key]
    return {
        "enabled": state.enabled,
        "off_variant": state.off_variant or "",
        "default_variant": state.default_variant or "",
        "rules": rules_to_data(state.rules),
        "prerequisites": prerequisites_to_data(state.prerequisites),
    }
