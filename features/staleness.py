"""Flags that nobody needs any more, as far as can be seen."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from django.db.models import Exists, OuterRef

from features.models import ExposureCount, Flag, FlagState

DAYS = 90
"""For how long nothing of a stale flag was changed."""


def is_stale(flag: Flag, states: Collection[FlagState], since: datetime) -> bool:
    """Returns whether the flag has answered the same to everybody since then, everywhere, and is not meant to stay."""
    if flag.permanent or flag.archived or flag.changed_at >= since:
        return False
    return all(state.changed_at < since and state.same_for_all() for state in states)


def states_with_use() -> Any:
    """Returns all states with their environments, each with whether it was ever `asked`, as far as that is still
    counted: one query."""
    counts = ExposureCount.objects.filter(
        organization=OuterRef("flag__organization__public_id"),
        environment=OuterRef("environment__key"),
        flag=OuterRef("flag__key"),
    )
    return FlagState.objects.select_related("environment").annotate(asked=Exists(counts))
