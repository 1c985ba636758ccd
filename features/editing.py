"""Flags made and changed from plain JSON: all of what is asked for, or nothing."""

from collections.abc import Collection, Mapping
from typing import Any

from accounts.exceptions import Conflicting
from features.definitions import KINDS, FlagDefinition
from features.models import Environment, Flag, FlagState
from features.models.ruling import Unfit
from features.problems import Invalid, Problem
from features.storing import flag_fields, state_fields
from features.wire import states_by_key

ON_AND_OFF = {"on": True, "off": False}
"""The variants of a boolean flag that names none."""
VALUED = tuple(kind for kind in KINDS if kind != "boolean")
"""The kinds whose flags must say what their values are."""
Data = Mapping[str, Any]


def create(data: Data, environment: Environment, seen: Collection[str] | None = None) -> Flag:
    """Makes a flag of the environment's organisation, as `FlagDefinition.to_data` writes one. Raises Invalid, and
    Conflicting where there is one with its key.

    Only the key is needed: a flag is boolean, with the variants `on` and `off`, unless it says otherwise. Without
    states it has one in `environment`, switched off. A state that says nothing of it answers with the first variant
    while it is on, and, of `on` and `off`, with `off` while it is off.
    """
    kind = data.get("kind", "boolean")
    whole = {"environments": {environment.key: {}}, **data, "kind": kind}
    if kind not in VALUED:
        whole.setdefault("variants", ON_AND_OFF)
    variants = whole.get("variants")
    if isinstance(variants, Mapping) and variants and isinstance(whole["environments"], Mapping):
        usual = {"default_variant": next(iter(variants)), **({"off_variant": "off"} if variants == ON_AND_OFF else {})}
        whole["environments"] = {key: merged(usual, state) for key, state in whole["environments"].items()}
    definition = FlagDefinition.from_data(whole)
    if environment.organization.flags.filter(key=definition.key).exists():
        raise Conflicting(f"There is a feature '{definition.key}' already.", code="feature_exists")
    flag = Flag(organization=environment.organization, **flag_fields(definition))
    places = environments_of(flag, definition.environments, seen, environment)
    try:
        flag.save()
        for place in places.values():
            FlagState(flag=flag, environment=place, **state_fields(definition, place)).save()
    except Unfit as error:
        raise placed(error) from error
    return flag


def change(flag: Flag, data: Data, seen: Collection[str] | None = None) -> bool:
    """Gives a flag these values; what is not named stays, of its states as well. Returns whether that changed anything.
    Raises Invalid."""
    states = states_by_key(flag)
    before = flag.to_data(states.values())
    whole: dict[str, Any] = {**before, **data}
    if "environments" in data and isinstance(data["environments"], Mapping):
        known: Any = before["environments"]
        whole["environments"] = known | {
            key: merged(known.get(key, {}), state) for key, state in data["environments"].items()
        }
    definition = FlagDefinition.from_data(whole)
    if definition.key != flag.key:
        raise Invalid([Problem(("key",), "is for good: make another flag")])
    named = [key for key in definition.environments if key in data.get("environments", ())]
    places = environments_of(flag, named, seen)
    for name, value in flag_fields(definition).items():
        setattr(flag, name, value)
    try:
        # The states first: the flag is checked against those that are in the database.
        changed = [save(states.get(key), flag, place, definition) for key, place in places.items()]
        if flag.to_data() != {**before, "environments": {}}:
            flag.save()
            changed.append(True)
    except Unfit as error:
        raise placed(error) from error
    return any(changed)


def save(state: FlagState | None, flag: Flag, environment: Environment, definition: FlagDefinition) -> bool:
    """Gives the flag this state, in the environment. Returns whether it had another one."""
    before = state and state.to_data()
    row = state or FlagState(environment=environment)
    row.flag = flag
    for name, value in state_fields(definition, environment).items():
        setattr(row, name, value)
    if row.to_data() == before:
        return False
    row.save()
    return True


def merged(known: Data, given: Any) -> Any:
    """What is known, with what is given in its place; what is given, where that is no object."""
    return {**known, **given} if isinstance(given, Mapping) else given


def environments_of(
    flag: Flag, keys: Collection[str], seen: Collection[str] | None, usual: Environment | None = None
) -> dict[str, Environment]:
    """The environments with these keys. Raises Invalid for one that there is not, or that is not seen."""
    known = {each.key: each for each in Environment.objects.filter(organization=flag.organization, key__in=list(keys))}
    if usual is not None and usual.key in keys:
        known[usual.key] = usual
    found = {key: known[key] for key in keys if key in known and (seen is None or key in seen)}
    problems = [Problem(("environments", key), "there is no such environment") for key in keys if key not in found]
    if problems:
        raise Invalid(problems)
    return found


def placed(error: Unfit) -> Invalid:
    """What does not fit, with its place in the whole flag."""
    return Invalid(
        [
            Problem(("environments", row.environment.key, *problem.path), problem.message)
            if isinstance(row, FlagState)
            else problem
            for row, problem in error.problems
        ]
    )
