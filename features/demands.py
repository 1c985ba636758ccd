"""What other apps demand of flags. Features does not know it, and imports none of them: they say so when they start."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from features.problems import Problem

Demand = Callable[[Sequence[Any]], Iterable[tuple[Any, Problem]]]
"""Takes rows of the ruleset as they are to be saved; gives those that must not be, each with what is wrong with it."""


class Demands:
    def __init__(self) -> None:
        self._made: list[Demand] = []

    def make(self, demand: Demand) -> None:
        """From now on rows are saved only if `demand` has nothing against it. Making it twice is making it once."""
        if demand not in self._made:
            self._made.append(demand)

    def problems(self, rows: Sequence[Any]) -> Iterator[tuple[Any, Problem]]:
        for demand in self._made:
            yield from demand(rows)


demands = Demands()
"""Those of this process."""
