"""What stands beside a flag's state on its staff page. Features does not know what other apps have to show there: they
say so when their own pages are registered."""

from collections.abc import Callable
from typing import Any, NamedTuple


class Aside(NamedTuple):
    """A line with a link."""

    title: str
    text: str
    link: str


class Asides:
    def __init__(self) -> None:
        self._made: list[Callable[[Any], Aside]] = []

    def add(self, make: Callable[[Any], Aside]) -> None:
        """From now on the line that `make` makes of a state stands beside it. Twice is once."""
        if make not in self._made:
            self._made.append(make)

    def of(self, state: Any) -> list[Aside]:
        return [make(state) for make in self._made]


asides = Asides()
"""Those of this process."""
