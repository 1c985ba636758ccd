"""flagd's flag files: read with the answers that flagd documents.

What targeting says becomes rules, in `features.flagd_targeting`. A flag that is DISABLED, or whose default variant is
null, has no value there, and the client's own default counts; so it is here.
"""

import json
from collections.abc import Mapping
from typing import Any

from features.definitions import FlagDefinition, FlagState, Kind, Rule, is_of_kind
from features.flagd_conditions import resolved
from features.flagd_targeting import Targeting
from features.importing import Imported, Importer, each_flag, file_problem
from features.problems import Invalid, Problem

TOP = ("$schema", "flags", "$evaluators", "metadata")
FIELDS = ("key", "state", "variants", "defaultVariant", "targeting", "metadata")
KINDS: tuple[Kind, ...] = ("boolean", "number", "string", "object")


def read(content: bytes, environment: str, *, approximate: bool = False) -> Imported:
    """The flags of a file, with their state in `environment`; raises Invalid."""
    if too_large := file_problem(content):
        raise too_large
    try:
        data = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise Invalid([Problem((), f"is not JSON: {error}")]) from None
    reader = Importer(approximate)
    table = reader.table(data, TOP, ("flags",))
    evaluators = table.get("$evaluators", {})
    if not isinstance(evaluators, Mapping):
        reader.wrong("must be an object", "$evaluators")
        evaluators = {}
    shared = reader.plain(table, "metadata")
    return each_flag(
        reader,
        by_key(reader, table.get("flags", {})),
        lambda key, flag: read_flag(reader, key, flag, evaluators, shared, environment),
    )


def by_key(reader: Importer, flags: Any) -> Any:
    """Flags come as an object, or as a list in which each has its key."""
    if not isinstance(flags, list):
        return flags
    found = {}
    for place, flag in enumerate(flags):
        key = flag.get("key") if isinstance(flag, Mapping) else None
        if not isinstance(key, str):
            reader.wrong("must have a key", "flags", place)
        elif key in found:
            reader.wrong(f"there is a flag {key} already", "flags", place)
        else:
            found[key] = flag
    return found


def read_flag(
    reader: Importer,
    key: str,
    data: Mapping[str, Any],
    evaluators: Mapping[str, Any],
    shared: Mapping[str, Any],
    environment: str,
) -> FlagDefinition | None:
    for name in data:
        if name not in FIELDS:
            reader.inexact("is not known here; left out", str(name))
    if data.get("state") not in ("ENABLED", "DISABLED"):
        reader.wrong("must be ENABLED or DISABLED", "state")
    variants = data.get("variants")
    if not isinstance(variants, Mapping) or not variants:
        reader.wrong("must be an object that is not empty", "variants")
        return None
    kind = kind_of(variants)
    if kind is None:
        reader.wrong("must be all booleans, all texts, all numbers or all objects", "variants")
        return None
    default = named(data.get("defaultVariant"))
    if default is not None and default not in variants:
        reader.wrong("must be one of the variants", "defaultVariant")
    rules: tuple[Rule, ...] = ()
    if data.get("targeting"):
        with reader.at("targeting"):
            logic = resolved(reader, data["targeting"], evaluators)
            rules = Targeting(reader, key, variants, default).rules(logic)
    state = FlagState(data.get("state") == "ENABLED", None, default, rules)
    metadata = {**shared, **reader.plain(data, "metadata")}
    return reader.proven(FlagDefinition(key, kind, dict(variants), {environment: state}, metadata=metadata))


def named(variant: object) -> str | None:
    """true and false are names of variants, too; an empty name is none."""
    if isinstance(variant, bool):
        return "true" if variant else "false"
    return None if variant is None or variant == "" else str(variant)


def kind_of(variants: Mapping[str, Any]) -> Kind | None:
    return next((kind for kind in KINDS if all(is_of_kind(value, kind) for value in variants.values())), None)
