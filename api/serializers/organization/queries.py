"""Query strings of the Admin API: every parameter is checked, and one that nobody knows is refused."""

from collections.abc import Sequence

from django.http import QueryDict

from api.exceptions import InvalidType, InvalidValue, UnknownParameter
from api.pagination import Cursor
from api.serializers.fields import check_range, unsupported_choice

MOST = 100
"""The most that one page holds."""
MOST_DIGITS = 18
TRUTHS = {"true": True, "false": False}


class Parameters:
    """The parameters of a query string, read one by one by their names; `done` refuses those that were not asked for.

    An empty value counts as absent; of several values the last wins, where one is asked for.
    """

    def __init__(self, sent: QueryDict) -> None:
        self.sent = sent
        self.known: set[str] = set()

    def text(self, name: str) -> str | None:
        self.known.add(name)
        return self._storable(name, self.sent.get(name, "")) or None

    def texts(self, name: str) -> list[str]:
        """All values of a list, whose name ends with `[]` on the wire, as the SDK sends it, or does without."""
        names = (f"{name}[]", name)
        self.known.update(names)
        return [self._storable(name, value) for each in names for value in self.sent.getlist(each) if value]

    @staticmethod
    def _storable(name: str, value: str) -> str:
        """The value. Raises InvalidValue for what no database can be asked for."""
        if "\0" in value:
            raise InvalidValue(f"Invalid '{name}': the character U+0000 cannot be part of it.", param=name)
        return value

    def integer(self, name: str, least: int | None = None, most: int | None = None) -> int | None:
        text = self.text(name)
        if text is None:
            return None
        digits = text.removeprefix("-")
        if not (digits.isascii() and digits.isdigit() and len(digits) <= MOST_DIGITS):
            raise InvalidType(name, "an integer", "a string")
        check_range(name, int(text), least, most, "integer")
        return int(text)

    def flag(self, name: str) -> bool:
        """False where it is absent."""
        text = self.text(name) or "false"
        if text not in TRUTHS:
            raise InvalidType(name, "a boolean", "a string")
        return TRUTHS[text]

    def choice(self, name: str, choices: Sequence[str], default: str) -> str:
        text = self.text(name) or default
        if text not in choices:
            raise unsupported_choice(text, choices, name)
        return text

    def cursor(
        self,
        *,
        ordered: bool = False,
        newest_first: bool = False,
        before: bool = False,
        limit: int = 20,
        least: int = 1,
        most: int = MOST,
    ) -> Cursor:
        """Where a list is to be read. `ordered` says that the caller chooses in which order, `newest_first` how it is
        otherwise, and `before` that it can be read backwards. `limit` is how long a page is unless told, within `least`
        and `most`."""
        asked = self.integer("limit", least, most)
        usual = "desc" if newest_first else "asc"
        chosen = self.choice("order", ("asc", "desc"), usual) if ordered else usual
        return Cursor(
            after=self.text("after"),
            before=self.text("before") if before else None,
            limit=limit if asked is None else asked,
            descending=chosen == "desc",
        )

    def done(self) -> None:
        """Raises UnknownParameter for the first one that is left."""
        for name in self.sent:
            if name not in self.known:
                raise UnknownParameter(name[:64])


def moment(parameters: Parameters, name: str) -> int | None:
    """Seconds since 1970, up to some moment in the year 9892: beyond 9999 no date can be told."""
    return parameters.integer(name, 0, 250_000_000_000)
