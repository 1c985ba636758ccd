"""What share of the callers whom no other rule answers gets a variant, and what the others get."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from features.models import FlagState
from features.rules import TARGETING_KEY

ONLY_SOME = frozenset({"conditions", "from", "until"})
"""What a rule has that does not answer everybody, or not always."""
THOUSANDTH = Decimal("0.001")


@dataclass(frozen=True, slots=True)
class Rollout:
    """`percent` of the callers get `variant`, and the others `rest`."""

    variant: str
    rest: str
    percent: Decimal


def rollout_of(state: FlagState) -> Rollout | None:
    """Returns what the state's last rule rolls out; None where that is no split of everybody between two variants."""
    last: Mapping[str, Any] = state.rules[-1] if state.rules else {}
    weights = last.get("split", {}).get("weights", ())
    if ONLY_SOME & set(last) or len({each["variant"] for each in weights}) != 2 or len(weights) != 2:
        return None
    first, second = weights
    if first["variant"] == state.default_variant:
        first, second = second, first
    share = Decimal(first["weight"]) * 100 / (first["weight"] + second["weight"])
    return Rollout(first["variant"], second["variant"], share.quantize(THOUSANDTH))


def rest_of(state: FlagState, variant: str) -> str | None:
    """Returns what the others get when `variant` is rolled out: the default variant, or the only other one; None where
    that is not clear."""
    if state.default_variant and state.default_variant != variant:
        return state.default_variant
    others: list[str] = [name for name in state.flag.variants if name != variant]
    return others[0] if len(others) == 1 else None


def weights_of(state: FlagState) -> dict[str, int] | None:
    """Returns the weights by which everybody is split, one by one, by their targeting key; None where the state says
    something else to some, or to all."""
    first: Mapping[str, Any] = state.rules[0] if state.rules else {}
    split = first.get("split", {})
    if not state.enabled or state.prerequisites or ONLY_SOME & set(first) or "weights" not in split:
        return None
    if split.get("attribute", TARGETING_KEY) != TARGETING_KEY:
        return None
    found: dict[str, int] = {}
    for each in split["weights"]:
        found[each["variant"]] = found.get(each["variant"], 0) + each["weight"]
    return found
