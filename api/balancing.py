"""Which of several deployments a request goes to: the one that has the fewest requests in flight for its weight."""

import random
from collections import Counter
from collections.abc import Sequence

from api.catalog import Place, Target

chance = random.SystemRandom()


class Traffic:
    """How many requests are in flight where, as this process knows it: those to models with several deployments, and
    all while some deployment fails."""

    def __init__(self) -> None:
        self._in_flight: Counter[Place] = Counter()

    def enter(self, place: Place) -> None:
        self._in_flight[place] += 1

    def leave(self, place: Place) -> None:
        self._in_flight[place] -= 1
        if not self._in_flight[place]:
            del self._in_flight[place]

    def in_flight(self, place: Place) -> int:
        return self._in_flight[place]

    def pick(self, targets: Sequence[Target]) -> Target:
        """One of these: the least busy for its weight, and of those that are as busy one at random, by weight. Those
        without a weight only where there is no other."""
        weighty = [target for target in targets if target.weight]
        if not weighty:
            return chance.choice(targets)
        loads = [self._in_flight[target.place] / target.weight for target in weighty]
        least = min(loads)
        idle = [target for target, load in zip(weighty, loads, strict=True) if load == least]
        return chance.choices(idle, [target.weight for target in idle])[0]

    def forget(self) -> None:
        self._in_flight.clear()


traffic = Traffic()
