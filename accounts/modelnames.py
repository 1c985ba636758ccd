"""Which names of models there are. Accounts does not know, and imports no app that does: the app with the catalog says
how to find out, when it starts."""

from collections.abc import Callable


class ModelNames:
    def __init__(self) -> None:
        self._known: Callable[[str], bool] | None = None

    def ask(self, known: Callable[[str], bool]) -> None:
        """From now on `known` tells whether a text is the id of a model or an alias."""
        self._known = known

    def include(self, name: str) -> bool:
        """Returns whether there is a model or an alias of this name. Where no app has a catalog, there is none."""
        return self._known is not None and self._known(name)


names = ModelNames()
"""Those of this process."""
