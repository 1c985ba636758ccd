"""Tells this process, and through Redis the others, that flags were changed."""

from collections.abc import Callable

from django.conf import settings
from django.db import transaction

from features.waking_redis import publish

Listener = Callable[[], None]


class Changes:
    """How often flags were changed in this process: who keeps a copy of them reads anew when this moves."""

    def __init__(self) -> None:
        self.count = 0
        self.listeners: list[Listener] = []

    def note(self) -> None:
        """A change was made: it is told once it can be seen outside its transaction, and once for all of those."""
        waiting = transaction.get_connection().run_on_commit
        if not any(function == self.announce for _, function, _ in waiting):
            transaction.on_commit(self.announce)

    def announce(self) -> None:
        """Makes everybody read anew."""
        self.count += 1
        for listener in self.listeners:
            listener()
        if settings.REDIS_URL:
            publish(settings.REDIS_URL)


changes = Changes()
"""Those of this process."""
