"""For tests of code that asks flags: says what a flag is to answer, without a database.

with override_flag("new-ui", True):
    …

@override_flag("page-size", 20)
def test_pages(): …
"""

import inspect
from collections.abc import Callable
from functools import wraps
from types import TracebackType
from typing import Any, TypeVar

from features.client import overrides
from features.definitions import Json
from features.evaluation import Evaluation

VARIANT = "override"
"""The variant of an answer that was overridden."""

Decorated = TypeVar("Decorated", bound=Callable[..., Any])


def override_flag(key: str, value: Json) -> "Override":
    """While this lasts, all clients of `features.client` get this value of the flag, whatever they are asked with; None
    is no value, so that the caller's default counts. The inner one of two counts.

    A context manager, and a decorator of functions, coroutine functions, and classes: of their methods whose names
    begin with `test`. It holds for the thread or the task that enters it, and for the tasks, and the threads of
    `asyncio.to_thread` and `sync_to_async`, that are begun within; others see nothing of it. Nothing is counted. What
    is asked over HTTP, and which model a rollout chooses, is as ever.
    """
    return Override(key, value)


class Override:
    """What `override_flag` makes. It may be entered again and again, also within itself and by many at once."""

    def __init__(self, key: str, value: Json) -> None:
        answer = Evaluation(None, None, "DISABLED") if value is None else Evaluation(value, VARIANT, "STATIC")
        self._frame = (key, answer)

    def __enter__(self) -> None:
        overrides.set((*overrides.get(), self._frame))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        overrides.set(overrides.get()[:-1])

    def __call__(self, decorated: Decorated) -> Decorated:
        """Raises TypeError for a generator: it would be over before the first step; use `with` inside."""
        made: Any
        if isinstance(decorated, type):
            for name in [name for name in dir(decorated) if name.startswith("test")]:
                found = inspect.getattr_static(decorated, name)
                if isinstance(found, staticmethod):
                    setattr(decorated, name, staticmethod(self(found.__func__)))
                elif inspect.isfunction(found):
                    setattr(decorated, name, self(found))
            return decorated
        if inspect.isgeneratorfunction(decorated) or inspect.isasyncgenfunction(decorated):
            raise TypeError("override_flag cannot decorate a generator: use it as a context manager within")
        if inspect.iscoroutinefunction(decorated):

            @wraps(decorated)
            async def made(*args: Any, **kwargs: Any) -> Any:
                with self:
                    return await decorated(*args, **kwargs)
        else:

            @wraps(decorated)
            def made(*args: Any, **kwargs: Any) -> Any:
                with self:
                    return decorated(*args, **kwargs)

        overridden: Decorated = made
        return overridden
