"""Who got what of a flag that asks for raw exposures, as those who ask tell themselves apart."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from features.bucketing import identity
from features.operands import Unreadable
from features.rules import TARGETING_KEY

LONGEST = 512
"""Characters of a unit. Longer ones are not kept: they have to wait in memory."""


class Seen(NamedTuple):
    """A unit of a project got a variant of a flag. `organization` and `project` are public ids, `environment` and
    `flag` keys, and `unit` is the targeting key as it came: it says who somebody is, and is neither logged nor stored.
    """

    organization: str
    project: str
    environment: str
    flag: str
    variant: str
    unit: str


def unit_of(context: object) -> str:
    """Returns the targeting key of a context, a number as its digits; empty where there is none, or a longer one."""
    who = context.get(TARGETING_KEY) if isinstance(context, Mapping) else None
    try:
        unit = identity(who)
    except Unreadable:
        return ""
    return unit if len(unit) <= LONGEST else ""


def withheld(meta: Mapping[str, Any]) -> bool:
    """Returns whether a request, by its META, asks that nothing be kept of whoever makes it: `DNT: 1`, `Sec-GPC: 1`."""
    return "1" in (meta.get("HTTP_DNT"), meta.get("HTTP_SEC_GPC"))
