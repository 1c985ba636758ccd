"""What other apps need flags for. Features does not know it, and imports none of them: they say so when they start."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

Need = Callable[[Any], Iterable[str]]
"""Takes a flag; gives what it is needed for, each as words that go on after its key: `rolls out the alias smart`."""


class Needs:
    def __init__(self) -> None:
        self._told: list[Need] = []

    def tell(self, need: Need) -> None:
        """From now on a flag is not deleted while `need` says that it is needed. Twice is once."""
        if need not in self._told:
            self._told.append(need)

    def of(self, flag: Any) -> Iterator[str]:
        for need in self._told:
            yield from need(flag)


needs = Needs()
"""Those of this process."""
