"""What the tests of the rollout guard share: a flag between two models, a guard, and requests that were made."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any

from accounts.bootstrap import ensure_defaults
from accounts.models import Project
from analytics.draining import store
from analytics.models import RolloutGuard
from features.models import Environment, Flag, FlagState
from tests.analytics.recorded import record

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
NOW = NOON + timedelta(seconds=10)
"""When what happened before noon may be looked at."""
KEY = "assistant-model"
CURRENT, NEXT = "current", "next"
VARIANTS = {CURRENT: "lukhas-echo-1", NEXT: "lukhas-echo-2", "third": "lukhas-echo-3"}
_numbers = count(1)


def make_state(environment: Environment | None = None, **state: Any) -> FlagState:
    """A flag of the default organisation that gives `next` to half of the callers, on in production."""
    home = environment or Environment.objects.production(ensure_defaults()[0])
    flag, _ = Flag.objects.get_or_create(
        organization=home.organization, key=KEY, defaults={"kind": "string", "variants": VARIANTS}
    )
    weights = [{"variant": CURRENT, "weight": 1}, {"variant": NEXT, "weight": 1}]
    rules = [{"name": "rollout", "split": {"weights": weights}}]
    known = {"enabled": True, "default_variant": CURRENT, "rules": rules}
    return FlagState.objects.create(flag=flag, environment=home, **{**known, **state})


def make_guard(state: FlagState | None = None, *, since: datetime = NOON - timedelta(days=1), **fields: Any) -> Any:
    """A guard that watches for five minutes: more than five per cent of errors, unless told otherwise."""
    known: dict[str, Any] = {"state": state or make_state(), **fields}
    if not any(name.endswith(("_most", "_above", "_times")) for name in fields):
        known["error_rate_most"] = Decimal(5)
    guard = RolloutGuard(**known)
    guard.full_clean()
    guard.save()
    RolloutGuard.objects.filter(pk=guard.pk).update(watching_since=since, next_look_at=since)
    guard.refresh_from_db()
    return guard


def used(
    variant: str,
    number: int,
    *,
    failed: int = 0,
    at: datetime = NOON,
    minutes: int = 5,
    project: Project | None = None,
    **fields: Any,
) -> None:
    """So many requests of the variant in each of the `minutes` before `at`, of which so many failed."""
    home, default = ensure_defaults()
    owner = project or default
    known = {"organization_id": home.public_id, "project_id": owner.public_id, "flag": KEY, "variant": variant}
    store(
        [
            record(
                next(_numbers), at=micro(at - timedelta(minutes=back)), **known,
                **{"status": 502 if place < failed else 200, **fields},
            )
            for back in range(1, minutes + 1)
            for place in range(number)
        ]
    )  # fmt: skip


def micro(moment: datetime) -> int:
    return int(moment.timestamp() * 1_000_000)
