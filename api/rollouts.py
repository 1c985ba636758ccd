"""A model rollout is a feature flag: which model answers whom, decided in memory.

Whatever the flag says, nobody is left without an answer: where it does not name a model that can and may answer this
caller, the alias's own target does, and the reason says so.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from django.db import DatabaseError

from accounts.principal import Principal
from api import targeting
from api.catalog import Catalog, Target
from api.requests import Request, Rollout
from features import ruleset
from features.evaluation import Evaluation, failure
from features.exposures import exposures
from features.units import withheld

NOT_TAKEN = failure("GENERAL", "the model cannot take the place of the alias's target")
"""What counts as the flag's answer where nobody got what it answered."""


async def decide(
    known: Catalog, target: Target, request: Request, caller: Principal, key: str, headers: Mapping[str, Any]
) -> tuple[Target, Rollout]:
    """The target that answers where a name is asked for that is rolled out, and why. `target` is its own, which the
    caller may use."""
    flag = known.rollouts[request.model]
    try:
        stage = (await ruleset.current()).of_project(caller.organization_id, caller.project_id)
    except DatabaseError:  # they were never read; else the last ones answer
        return target, Rollout(flag, None, "FLAGS_UNREACHABLE")
    context = targeting.context(request, caller, key, headers)
    found = stage.ruleset.evaluate(flag, context)
    instead, rollout = _taken(known, target, request, caller, Rollout(flag, found.variant, found.reason), found)
    told = found if rollout.variant == found.variant else NOT_TAKEN
    exposures.count(stage, flag, told, context, None if withheld(headers) else caller.project_id)
    return instead, rollout


def _taken(
    known: Catalog, target: Target, request: Request, caller: Principal, told: Rollout, found: Evaluation
) -> tuple[Target, Rollout]:
    """The target of what the flag answered, or, where that cannot be, the alias's own and why."""
    if found.variant is None:
        return target, replace(told, reason=found.error.code if found.error else found.reason)
    instead = known.model(found.value)
    if instead is None:
        return target, replace(told, variant=None, reason="MODEL_UNKNOWN")
    if not known.permits(request.model, instead, caller.project_id):
        return target, replace(told, variant=None, reason="MODEL_NOT_PERMITTED")
    if not instead.can_replace(target):
        return target, replace(told, variant=None, reason="MODEL_UNFIT")
    return instead, told
