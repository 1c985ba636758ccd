"""How many requests policies vetoed in the last days, as small drawings."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from api.models import PolicyMode, Veto
from features.sparklines import DAYS, Drawing, draw, first_day

__all__ = ["DAYS", "of_policies"]


@dataclass(frozen=True, slots=True)
class Vetoes(Drawing):
    """Columns of one day, with what was refused and what in shadow would have been."""

    @property
    def told(self) -> str:
        """What it shows, as a sentence."""
        if not self.shares:
            return f"No vetoes in the last {DAYS} days."
        return f"Vetoes of the last {DAYS} days: {', '.join(share.told for share in self.shares)}."


def of_policies(policies: Sequence[int], now: datetime) -> dict[int, Vetoes]:
    """Returns a drawing for each of these policies, by its primary key; one query for all of them."""
    since = first_day(now)
    days = [since + timedelta(days=number) for number in range(DAYS)]
    found = Veto.objects.by_day(policies, since)
    drawn = {key: draw(found.get(key, {}), PolicyMode.values, days, step=10, height=24) for key in policies}
    return {key: Vetoes(one.width, one.height, one.step, one.bars, one.shares) for key, one in drawn.items()}
