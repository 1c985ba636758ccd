"""Short ways to write flags in tests."""

from typing import Any

from hypothesis import HealthCheck, settings

from features.compiling import Ruleset, compile_ruleset
from features.conditions import Segment
from features.definitions import FlagDefinition

ENVIRONMENT = "production"
untimed = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""Generated inputs, however busy the machine is."""


def flag(*rules: Any, key: str = "new-ui", **state: Any) -> FlagDefinition:
    """A boolean flag that is on in production, and answers `off` where no rule does."""
    whole = {"enabled": True, "off_variant": "off", "default_variant": "off", "rules": list(rules), **state}
    variants = {"on": True, "off": False}
    data = {"key": key, "kind": "boolean", "variants": variants, "environments": {ENVIRONMENT: whole}}
    return FlagDefinition.from_data(data)


def ruleset(*flags: FlagDefinition, segments: tuple[Segment, ...] = ()) -> Ruleset:
    return compile_ruleset(flags, segments, ENVIRONMENT)


def on_if(*conditions: Any, **rule: Any) -> dict[str, Any]:
    return {"conditions": list(conditions), "variant": "on", **rule}


def condition(operator: str, *values: Any, attribute: str = "a", **switches: bool) -> dict[str, Any]:
    given = {"values": list(values)} if values else {}
    return {"attribute": attribute, "operator": operator, **given, **switches}


def split(**weights: int) -> dict[str, Any]:
    return {"weights": [{"variant": variant, "weight": weight} for variant, weight in weights.items()]}
