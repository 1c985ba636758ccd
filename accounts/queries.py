"""Query strings of /api: every parameter is checked, and one that nobody knows is refused by name.

What is wrong is told by Django REST Framework's ValidationError; `api.errors` renders it.
"""

from collections.abc import Sequence

from django.http import QueryDict
from rest_framework.exceptions import ValidationError

from accounts.pagination import Cursor

MOST = 100
"""The most that one page holds."""
MOST_DIGITS = 18
USUAL = 20


class Query:
    """The parameters, read one by one by their names; `done` refuses those that were not asked for.

    An empty value counts as absent; of several values the last wins, where one is asked for.
    """

    def __init__(self, sent: QueryDict) -> None:
        self.sent = sent
        self.known: set[str] = set()

    def text(self, name: str) -> str | None:
        self.known.add(name)
        return self._storable(name, self.sent.get(name, "")) or None

    def texts(self, name: str, choices: Sequence[str] = ()) -> list[str]:
        """All values of a list, whose name ends with `[]` on the wire, or does without; of `choices`, if there are
        any."""
        names = (f"{name}[]", name)
        self.known.update(names)
        found = [self._storable(name, value) for each in names for value in self.sent.getlist(each) if value]
        if choices and (strange := [value for value in found if value not in choices]):
            raise _wrong(name, f"'{strange[0][:64]}' is none of {', '.join(choices)}.")
        return found

    def choice(self, name: str, choices: Sequence[str]) -> str | None:
        """One of `choices`."""
        text = self.text(name)
        if text is not None and text not in choices:
            raise _wrong(name, f"'{text[:64]}' is none of {', '.join(choices)}.")
        return text

    def whole(self, name: str, least: int, most: int) -> int | None:
        """A whole number from `least` to `most`."""
        text = self.text(name)
        if text is None:
            return None
        if not (text.isascii() and text.isdigit() and len(text) <= MOST_DIGITS):
            raise ValidationError({name: ["It must be a whole number."]}, code="invalid")
        if not least <= int(text) <= most:
            raise _wrong(name, f"It must be from {least} to {most}.")
        return int(text)

    def cursor(self) -> Cursor:
        """Where a list is to be read, the newest first."""
        limit = self.whole("limit", 1, MOST)
        return Cursor(self.text("after"), self.text("before"), USUAL if limit is None else limit, descending=True)

    def done(self) -> None:
        """Raises ValidationError for the first one that is left."""
        for name in self.sent:
            if name not in self.known:
                raise ValidationError({name[:64]: ["Nobody knows it."]}, code="unknown_parameter")

    @staticmethod
    def _storable(name: str, value: str) -> str:
        """The value. Raises ValidationError for what no database can be asked for."""
        if "\0" in value:
            raise _wrong(name, "The character U+0000 cannot be part of it.")
        return value


def _wrong(name: str, complaint: str) -> ValidationError:
    return ValidationError({name: [complaint]}, code="invalid_value")
