"""What each request is asked before it reaches a model, where there are policies: whether one has something against it.

Nothing of what is in the request gets further than this: not into the error, the log, the veto log or the metrics.
"""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

import structlog
from django.conf import settings
from django.db import DatabaseError

from accounts.principal import Principal
from api import metrics, moderation
from api.catalog import Target
from api.engines.counting import INLINE_CHARACTERS
from api.exceptions import APIError, PolicyViolation, TooManyTokens
from api.guardian.recording import vetoes
from api.guardian.rules import MODERATION, CannotTell, Looked, Rule
from api.guardian.texts import Given, Written, given, looked_at, size_of
from api.guardian.watching import NONE, watch
from api.models import PolicyMode, Veto
from api.refusals import GuardianUnavailable
from lukhas_site.http.exchange import Exchange

log = structlog.get_logger(__name__)


class Judgement(NamedTuple):
    """What a rule has against a request: in words, empty for nothing. `failed` says what kept it from telling."""

    rule: Rule
    against: str = ""
    failed: str = ""


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as it came: who asks, and along which path."""

    request: Written
    caller: Principal
    exchange: Exchange
    endpoint: str


async def admit(asked: Asked, target: Target) -> None:
    """Raises `PolicyViolation` for a request that a policy refuses, and `GuardianUnavailable`, or `TooManyTokens` for
    more than can be moderated, where one that would cannot tell, unless LUKHAS_GUARDIAN_FAIL_OPEN lets the request pass
    then; `InvalidValue` for a token id that stands for no text. What policies in shadow have against it is written
    down."""
    rules = await _of(asked.caller)
    names = (asked.request.model, target.model)
    await _ask([rule for rule in rules if not rule.model or rule.model in names], asked, target)


async def admits_instead(asked: Asked, target: Target) -> bool:
    """Whether a request that was admitted may be made of this other model, which stands in for the one that was to
    answer: as far as policies for that model alone are concerned."""
    if watch.policies is NONE or target.model == asked.request.model:
        return True
    try:
        rules = await _of(asked.caller)
        await _ask([rule for rule in rules if rule.model == target.model], asked, target)
    except APIError:
        return False
    return True


async def _of(caller: Principal) -> Sequence[Rule]:
    """The rules for this caller. Raises `GuardianUnavailable` where they cannot be read, unless that lets pass."""
    try:
        rules = (await watch.current()).rules
    except DatabaseError as error:
        metrics.guardian_failures.labels("policies").inc()
        if settings.LUKHAS_GUARDIAN_FAIL_OPEN:
            return ()
        raise GuardianUnavailable from error
    return (*rules.get(caller.organization_id, ()), *rules.get(caller.project_id or "", ()))


async def _ask(rules: Sequence[Rule], asked: Asked, target: Target) -> None:
    if not rules:
        return
    plain = [rule for rule in rules if rule.kind != MODERATION]
    moderated = [rule for rule in rules if rule.kind == MODERATION]
    found = given(asked.request)
    try:
        if size_of(found) <= INLINE_CHARACTERS:
            looked, judgements = _look(plain, asked.request, found, target)
        else:
            looked, judgements = await asyncio.to_thread(_look, plain, asked.request, found, target)
    except CannotTell as error:
        judgements = [Judgement(rule, failed=str(error)) for rule in rules]
    else:
        if moderated and not any(map(_refuses, judgements)):
            await score(looked)
            if isinstance(looked.scores, TooManyTokens) and _closed(moderated):
                raise looked.scores
            judgements += judge(moderated, looked)
    _conclude(judgements, asked, target)


def _look(
    rules: Sequence[Rule], request: Written, found: Sequence[Given], target: Target
) -> tuple[Looked, list[Judgement]]:
    looked = looked_at(request, found, target)
    return looked, judge(rules, looked)


async def score(looked: Looked) -> None:
    """Has the texts scored by the embedded moderation model. Rules that ask for the scores raise what goes wrong."""
    (looked.scores,) = await asyncio.gather(moderation.scores(looked.read), return_exceptions=True)


def _refuses(judgement: Judgement) -> bool:
    return judgement.rule.enforced and bool(judgement.against)


def _closed(rules: Iterable[Rule]) -> bool:
    """Whether a request gets no further because these cannot tell."""
    return not settings.LUKHAS_GUARDIAN_FAIL_OPEN and any(rule.enforced for rule in rules)


def judge(rules: Sequence[Rule], looked: Looked) -> list[Judgement]:
    """What the rules have against a request. Those that refuse are asked first, until one does; then no more are."""
    found = []
    for rule in sorted(rules, key=lambda rule: not rule.enforced):
        judgement = judged(rule, looked)
        found.append(judgement)
        if _refuses(judgement):
            break
    return found


def judged(rule: Rule, looked: Looked) -> Judgement:
    """What one rule has against a request, or what keeps it from telling."""
    try:
        return Judgement(rule, rule.against(looked))
    except CannotTell as error:
        return Judgement(rule, failed=str(error))


def _conclude(judgements: Sequence[Judgement], asked: Asked, target: Target) -> None:
    """Writes down what is to be known of them, and raises where the request is refused."""
    for rule, _, failed in judgements:
        if failed:
            metrics.guardian_failures.labels(rule.kind).inc()
            log.error("policy_failed", policy=rule.id, kind=rule.kind, error=failed)
    against = [each.rule for each in judgements if each.against]
    refusing = [rule for rule in against if rule.enforced]
    for rule in refusing or against:
        _note(rule, asked, target)
    for rule in refusing:
        asked.exchange.facts["vetoed_by"] = rule.reason
        raise PolicyViolation(rule.reason)
    if _closed(each.rule for each in judgements if each.failed):
        raise GuardianUnavailable


def _note(rule: Rule, asked: Asked, target: Target) -> None:
    at, mode = datetime.now(UTC), PolicyMode.ENFORCE if rule.enforced else PolicyMode.SHADOW
    caller = asked.caller
    metrics.vetoes.labels(rule.reason, rule.kind, mode.value).inc()
    if rule.enforced:
        watch.vetoed(at, rule.reason)
    vetoes.note(
        Veto(
            at=at,
            organization_id=caller.organization_id,
            project_id=caller.project_id or "",
            key_id=caller.key_id,
            request_id=asked.exchange.request_id,
            endpoint=asked.endpoint,
            model_asked=asked.request.model,
            model=target.model,
            policy_id=rule.id,
            policy=rule.name,
            kind=rule.kind,
            mode=mode,
            reason_code=rule.reason,
        )
    )
