"""How a process notices that limits were changed."""

from django.db import transaction


class Changes:
    """How often limits were changed in this process: who keeps a copy of them reads anew when this moves."""

    def __init__(self) -> None:
        self.count = 0

    def note(self) -> None:
        """A change was made: it counts once it can be seen outside its transaction."""
        transaction.on_commit(self.forget)

    def forget(self) -> None:
        """Makes everybody read anew."""
        self.count += 1


changes = Changes()
