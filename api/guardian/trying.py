"""What policies have against a text that staff type in. Nothing of it is kept."""

from typing import Any, NamedTuple

from asgiref.sync import async_to_sync
from django.db.models import Q, QuerySet

from api.guardian.admitting import Judgement, judged, score
from api.guardian.rules import MODERATION, Looked
from api.guardian.watching import COLUMNS, rule_of
from api.models import Alias, Model, Policy

ENCODING = "cl100k_base"
"""What tokens are counted in where no model says it."""


class Tried(NamedTuple):
    """What one policy would do, and why."""

    name: str
    reason: str
    outcome: str
    why: str


def asked(policies: QuerySet[Policy], text: str, model: str = "") -> list[Tried]:
    """What each of these policies has against a text in a request to this model, whichever it is for. Those that refuse
    come first."""
    target = _target(model)
    looked = Looked([text], encoding=target.encoding if target else ENCODING)
    rules = [rule_of(values) for values in policies.order_by("pk").values(*COLUMNS)]
    rules.sort(key=lambda rule: not rule.enforced)
    if any(rule.kind == MODERATION for rule in rules):
        async_to_sync(score)(looked)
    return [_told(judged(rule, looked)) for rule in rules]


def asked_of(policies: QuerySet[Policy], text: str, model: str) -> list[Tried]:
    """The same of those that are for requests to this model."""
    target = _target(model)
    called = [model, *([target.model_id] if target else [])]
    return asked(policies.filter(Q(model="") | Q(model__in=called)), text, model)


def _target(name: str) -> Model | None:
    """The model of this id, or of the alias of this name."""
    alias: Any = Alias.objects.filter(name=name).select_related("target").first()
    return alias.target if alias is not None else Model.objects.filter(model_id=name).first()


def _told(judgement: Judgement) -> Tried:
    rule, against, failed = judgement
    if failed:
        outcome, why = "cannot tell", failed
    elif not against:
        outcome, why = "nothing against it", ""
    else:
        outcome, why = "refuses it" if rule.enforced else "would refuse it, but is in shadow", against
    return Tried(rule.name, rule.reason, outcome, why)
