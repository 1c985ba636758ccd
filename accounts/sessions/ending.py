"""Which sessions outlive a change of their user: the one by which it was made, and all of them where nothing that
matters was changed."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

EVERY = -1

_spared: ContextVar[int] = ContextVar("lukhas_spared_session", default=0)


@contextmanager
def sparing(session: int) -> Iterator[None]:
    """Within this, changes of a user do not end the session with this primary key; none at all for EVERY."""
    token = _spared.set(session)
    try:
        yield
    finally:
        _spared.reset(token)


def end_sessions(user: Any, reason: str) -> None:
    """Ends the sessions of `user`, except what is spared."""
    spared = _spared.get()
    if spared != EVERY:
        user.sessions.exclude(pk=spared).end(reason)
